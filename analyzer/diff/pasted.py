"""Backtraces that somebody pasted, beside recorded chains: what of these they can be compared with. Pure.

A backtrace may end anywhere on a recorded chain; and it shows one thread's stack, where a chain goes on with the
stack that created the thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from analyzer.diff.chains import Pair
from analyzer.graph.callgraph import CallGraph, Chain, ChainStep
from analyzer.model import Kind


def beginnings(pasted: Sequence[Chain], recorded: Sequence[Chain]) -> Iterator[Chain]:
    """For each pasted stack that leads to no milestone of the recorded chains, the beginning of the one that comes
    by there and has most in common with the stack, as a chain of the same name."""
    known = {chain.milestone for chain in recorded}
    for chain in {c.milestone: c for c in pasted if c.milestone not in known}.values():
        goal = chain.steps[-1].function.name
        ways = [way for other in recorded if (way := _up_to(goal, other))]
        if ways:
            best = max(
                ways, key=lambda way: _in_common(_from_thread_start(way, chain), chain)
            )  # the first of equals
            yield replace(chain, thread=best.thread, steps=best.steps)


def _up_to(goal: str, chain: Chain) -> Chain | None:
    names = [step.function.name for step in chain.steps]
    return replace(chain, steps=chain.steps[: names.index(goal) + 1]) if goal in names else None


def _in_common(one: Chain, other: Chain) -> float:
    """The share of functions that both chains have, 0 to 1."""
    mine = {step.function.name for step in one.steps}
    theirs = {step.function.name for step in other.steps}
    return len(mine & theirs) / len(mine | theirs)


def of_one_thread(pair: Pair, old_pasted: bool, new_pasted: bool) -> Pair:
    """The pair as it can be compared: without the creation of the thread where a backtrace does not show it."""
    if pair.old is None or pair.new is None or old_pasted == new_pasted:
        return pair
    if old_pasted:
        return Pair(replace(pair.old, thread=pair.new.thread), _from_thread_start(pair.new, pair.old))
    return Pair(_from_thread_start(pair.old, pair.new), replace(pair.new, thread=pair.old.thread))


def part_on_rows(graph: CallGraph, steps: Iterable[Sequence[ChainStep]]) -> CallGraph:
    """The calls of a graph that lie on compared chains: of the rest a backtrace tells nothing, not even that it is
    new."""
    edges = {(a.function, b.function) for chain in steps for a, b in pairwise(chain)}
    return graph.restricted_to(call for call in graph.calls if (call.caller, call.callee) in edges)


def _from_thread_start(recorded: Chain, pasted: Chain) -> Chain:
    starts = [i for i, step in enumerate(recorded.steps) if step.kind is Kind.THREAD_START]
    if not starts or recorded.steps[0].function.name in {step.function.name for step in pasted.steps}:
        return recorded
    first, *others = recorded.steps[starts[-1] :]
    return replace(recorded, steps=(replace(first, kind=None), *others))
