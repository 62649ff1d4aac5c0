"""What a comparison tells of single functions and calls, for whoever draws them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind, Diff
from analyzer.graph.callgraph import ChainStep
from analyzer.model import Function

Way = tuple[Function, Function]
_SIDES: tuple[Callable[[AlignedRow], ChainStep | None], ...] = (lambda row: row.old, lambda row: row.new)


class ChangeIndex:
    """Looks things up in a comparison."""

    def __init__(self, diff: Diff) -> None:
        self._diff = diff

    @property
    def recorded(self) -> bool:
        """As `Diff.recorded`."""
        return self._diff.recorded

    def kinds(self, old: Function, new: Function) -> frozenset[ChangeKind]:
        """What changed about a function that both sides have."""
        return frozenset(self._kinds.get((old, new), ())) | self._outside.get(new.name, frozenset())

    @cached_property
    def optimised(self) -> frozenset[str]:
        """Names of functions that one side lacks by its compiler's choice, and of no other change."""
        kinds: dict[str, set[ChangeKind]] = defaultdict(set)
        for change in self._diff.changes:
            kinds[change.subject].add(change.kind)
        return frozenset(name for name, those in kinds.items() if those == {ChangeKind.OPTIMISED})

    @cached_property
    def past_optimised(self) -> frozenset[Way]:
        """Calls of one side past functions that only the compiler took out of its chains or put in."""
        return frozenset(way for chain in self._diff.chains for side in _SIDES for way in _past(chain, side))

    @cached_property
    def other_pointers(self) -> frozenset[Way]:
        """Calls of the new side through a pointer that is another one, or is set in another way."""
        ways = (
            way for chain in self._diff.chains for way, rows in _ways(chain, _SIDES[1])
            if _has(rows[-1].changes, ChangeKind.POINTER)
        )  # fmt: skip
        return frozenset(ways)

    @cached_property
    def _kinds(self) -> dict[Way, set[ChangeKind]]:
        kinds: dict[Way, set[ChangeKind]] = defaultdict(set)
        for chain in self._diff.chains:
            for row in chain.rows:
                if row.old is not None and row.new is not None:
                    kinds[row.old.function, row.new.function].update(change.kind for change in row.changes)
        return kinds

    @cached_property
    def _outside(self) -> dict[str, frozenset[ChangeKind]]:
        moved = (change for change in self._diff.changes if change.kind is ChangeKind.MOVED and not change.chains)
        return {change.subject: frozenset({change.kind}) for change in moved}


def _has(changes: Iterable[Change], kind: ChangeKind) -> bool:
    return any(change.kind is kind for change in changes)


def _ways(
    chain: ChainDiff, side: Callable[[AlignedRow], ChainStep | None]
) -> Iterator[tuple[Way, list[AlignedRow]]]:
    """The calls of one side's chain, each with the rows from its caller's to its callee's."""
    rows: list[AlignedRow] = []
    for row in chain.rows:
        rows.append(row)
        step = side(row)
        if step is not None:
            caller = side(rows[0])
            if caller is not None and len(rows) > 1:
                yield (caller.function, step.function), rows
            rows = [row]


def _past(chain: ChainDiff, side: Callable[[AlignedRow], ChainStep | None]) -> Iterator[Way]:
    for way, rows in _ways(chain, side):
        alone = [row for row in rows if row.old is None or row.new is None]
        if alone and not any(row.differs for row in alone):
            yield way
