"""Selects the rows of two aligned chains that an output shows, and gives their marks, arrows and remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind
from analyzer.graph.call_graph import ChainStep
from analyzer.text import number_of
from gdbscripts.call_kinds import call_arrow
from reports.diff_marks import MARK_OF, DiffMark
from reports.text.sentences import counted

CONTEXT_ROWS = 2  # rows shown before and after one that differs
_REMARKS = {
    ChangeKind.KIND_UNKNOWN: "only one side knows the kind of this call",
    ChangeKind.MACHINE_VERSION: "another machine version",
    ChangeKind.OPTIMISED: "optimised differently",
}


@dataclass(frozen=True)
class Fold:
    """Stands for rows that are not shown; `text` says which."""

    text: str


def mark(row: AlignedRow) -> DiffMark | None:
    """Return the mark of the row's worst change; None for a row without a change or with notes that have no mark.

    A row that only one side has is removed or added when it has no change of its own.
    """
    kinds = {change.kind for change in row.changes}
    if kinds:
        return next((diff_mark for kind, diff_mark in MARK_OF.items() if kind in kinds), None)
    if row.old is None or row.new is None:
        return DiffMark.REMOVED if row.new is None else DiffMark.ADDED
    return None


def sign(row: AlignedRow) -> str:
    """Return the sign of the row's mark; " " for a row without a mark."""
    diff_mark = mark(row)
    return diff_mark.sign if diff_mark else " "


def step_arrow(step: ChainStep | None) -> str:
    """Return the arrow of the call that leads to the step; "" for the outermost step and for None."""
    return call_arrow(step.kind) if step else ""


def step_file(step: ChainStep) -> str:
    """Return the source file that defines the function, else that of its line, its file stem or library."""
    return step.defined_in or step.file or step.function.where


def remarks(row: AlignedRow) -> Iterator[str]:
    """Yield the facts about a row that its mark and its columns do not show, one for each line."""
    for change in row.changes:
        if remark := _REMARKS.get(change.kind):
            yield remark
        if change.kind is ChangeKind.POINTER:
            yield f"pointer: {change.old or 'unknown'} → {change.new or 'unknown'}"
        if change.note:
            yield change.note


def shown_rows(chain: ChainDiff, shared_with: str, full: bool = False) -> list[AlignedRow | Fold]:
    """Return the rows to show; a `Fold` stands for rows that are not shown.

    Long runs of equal rows are folded. Unless `shared_with` is "", the first rows that an earlier chain has, too,
    are folded: `shared_with` is its title, from `earlier_chain_titles`. With `full` nothing is folded.
    """
    if full:
        return list(chain.rows)
    shared = chain.known if shared_with else 0
    result: list[AlignedRow | Fold] = [_fold_shared_rows(chain.rows[:shared], shared_with)] if shared else []
    own_rows = chain.rows[shared:]
    near = _near_differences(own_rows)
    for is_near, group in groupby(enumerate(own_rows), key=lambda pair: pair[0] in near):
        rows = [row for _, row in group]
        result += rows if is_near or len(rows) == 1 else [_fold_equal_rows(rows)]
    return result


def earlier_chain_titles(chains: Sequence[ChainDiff]) -> list[str]:
    """Return for each chain the title of the first earlier chain that begins with the known rows of the chain.

    "" when the chain has no known rows.
    """
    beginnings = _Beginning("")
    return [beginnings.add(chain) for chain in chains]


class _Beginning:
    """The beginnings of chains as a tree: the time depends on the rows of the chains, not on pairs of chains."""

    def __init__(self, title: str) -> None:
        self._title = title  # of the first chain that begins so
        self._next: dict[tuple[object, object], _Beginning] = {}

    def add(self, chain: ChainDiff) -> str:
        """Add a chain. Returns the title of the first earlier chain that begins with its known rows, or ""."""
        node, title = self, ""
        for position, row in enumerate(chain.rows, start=1):
            functions = _functions(row)
            next_ = node._next.get(functions)
            if next_ is None:
                next_ = node._next[functions] = _Beginning(chain.title)
            elif position == chain.known:
                title = next_._title
            node = next_
        return title


def own_changes(chain: ChainDiff) -> tuple[Change, ...]:
    """Return the changes of the chain itself, which no row has: of its thread, and of being reached."""
    kinds = (ChangeKind.THREAD, ChangeKind.CHAIN_ADDED, ChangeKind.CHAIN_REMOVED)
    return tuple(change for change in chain.changes if change.kind in kinds)


def differs_only_in_shared_rows(chain: ChainDiff, shared_with: str) -> bool:
    """Return whether all differences are in rows that the earlier chain `shared_with` shows."""
    own_difference = any(_differs(row) for row in chain.rows[chain.known :])
    return bool(shared_with) and chain.differs and not own_difference and not own_changes(chain)


def _functions(row: AlignedRow) -> tuple[object, object]:
    return row.old and row.old.function, row.new and row.new.function


def _differs(row: AlignedRow) -> bool:
    """Return whether the row differs. Rows of a chain that only one side has differ without a change."""
    return row.differs or (not row.changes and (row.old is None or row.new is None))


def _near_differences(rows: Sequence[AlignedRow]) -> set[int]:
    near: set[int] = set()
    for position, row in enumerate(rows):
        if _differs(row):
            near.update(range(max(position - CONTEXT_ROWS, 0), min(position + CONTEXT_ROWS + 1, len(rows))))
    return near


def _fold_shared_rows(rows: Sequence[AlignedRow], shared_with: str) -> Fold:
    differing = sum(map(_differs, rows))
    return Fold(
        f"{number_of(len(rows), 'function')} shared with “{shared_with}”"
        + (f", {differing} of them changed" if differing else "")
    )


def _fold_equal_rows(rows: Sequence[AlignedRow]) -> Fold:
    notes = counted(tuple(change for row in rows for change in row.changes))
    return Fold(f"{number_of(len(rows), 'function')} unchanged" + (f", {notes}" if notes else ""))
