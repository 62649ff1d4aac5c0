"""Cuts open-ended chains and their partners to the part that both sides know. Pure.

A backtrace that was cut knows no callers beyond its last frame: chains are compared from the innermost function
outward, as far as both are known. What only one side knows is not comparable, and neither added nor removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from analyzer.diff.align import align
from analyzer.diff.chain_pairs import ChainPair
from analyzer.diff.change import ChainDiff, ChangeKind, NamedGraph, NotComparable
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Chain


@dataclass(frozen=True)
class OpenEndedPair:
    """A pair of chains, and the numbers of their outermost functions that the other side does not know."""

    pair: ChainPair
    old_beyond: int = 0
    new_beyond: int = 0

    @property
    def known(self) -> ChainPair:
        """The pair cut to what both sides know."""
        return ChainPair(_without(self.pair.old, self.old_beyond), _without(self.pair.new, self.new_beyond))


def _without(chain: Chain | None, count: int) -> Chain | None:
    """Return the chain without its `count` outermost functions."""
    if chain is None or not count:
        return chain
    first, *rest = chain.steps[count:]
    return replace(chain, steps=(replace(first, kind=None), *rest))


def open_ended_pair(pair: ChainPair, names: SymbolHistory) -> OpenEndedPair:
    """Return the pair with the numbers of functions that only one side knows; both are 0 for complete chains."""
    old, new = pair.old, pair.new
    if old is None or new is None or not (old.open_ended or new.open_ended):
        return OpenEndedPair(pair)
    shorter = min(len(old.steps), len(new.steps))
    if _names(old, shorter) == _names(new, shorter):
        before_old, before_new = len(old.steps) - shorter, len(new.steps) - shorter
    else:
        before_old, before_new = _before_first_match(old, new, names)
    common = min(before_old, before_new)
    old_beyond, new_beyond = before_old - common, before_new - common
    # The outermost function of a cut backtrace may be of a library that the cut line does not name any more:
    # complete chains have no such functions.
    return OpenEndedPair(
        pair,
        old_beyond if new.open_ended else _of_unknown_place(old, old_beyond),
        new_beyond if old.open_ended else _of_unknown_place(new, new_beyond),
    )


def _names(chain: Chain, count: int) -> list[str]:
    """Return the names of the `count` innermost functions."""
    return [step.function.name for step in chain.steps[len(chain.steps) - count :]]


def _before_first_match(old: Chain, new: Chain, names: SymbolHistory) -> tuple[int, int]:
    """Return how many functions of each chain are outside the outermost function that both have; 0 for none."""
    pairs = align([step.function for step in old.steps], [step.function for step in new.steps], names)
    return next(((i, j) for i, j in pairs if i is not None and j is not None), (0, 0))


def _of_unknown_place(chain: Chain, beyond: int) -> int:
    """Return how many of the `beyond` outermost functions may be of libraries: the first is of unknown place."""
    if not (chain.open_ended and beyond) or chain.steps[0].function.where:
        return 0
    places = [step.function.where for step in chain.steps[1:beyond]]
    return 1 + next((i for i, place in enumerate(places) if not place.startswith("[")), len(places))


def without_optimised_calls(chain: ChainDiff) -> ChainDiff:
    """Return the chain without notes on inlined calls of functions that both sides have.

    Whether a call is inlined shows in the frames around it, which a cut backtrace may lack.
    """
    rows = tuple(
        replace(row, changes=tuple(change for change in row.changes if change.kind is not ChangeKind.OPTIMISED))
        if row.old and row.new
        else row
        for row in chain.rows
    )
    dropped = {change.key for row in chain.rows for change in row.changes}
    dropped -= {change.key for row in rows for change in row.changes}
    return replace(chain, rows=rows, changes=tuple(c for c in chain.changes if c.key not in dropped))


def unknown_callers(
    old: NamedGraph, new: NamedGraph, pairs: Iterable[ChainPair], names: SymbolHistory
) -> Iterator[NotComparable]:
    """Yield each function at which the backtrace of one side was cut, and whose callers the other side knows."""
    for pair in pairs:
        cut = open_ended_pair(pair, names)
        for side, chain, beyond in ((old, cut.known.old, cut.new_beyond), (new, cut.known.new, cut.old_beyond)):
            if chain is not None and chain.open_ended and beyond:
                reason = f"{side.name} does not show the callers of {chain.steps[0].function}"
                yield NotComparable(pair.either.title, reason)
