"""Two aligned chains as rows to show: marks that need no colour, arrows of calls, what is folded away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind
from analyzer.graph.call_graph import ChainStep
from analyzer.model.call_kinds import call_arrow
from reports.diff_marks import MARK_OF, DiffMark
from reports.text.sentences import counted

CONTEXT = 2  # rows shown before and after one that differs
_NOT_SHOWN_BY_COLUMNS = {
    ChangeKind.KIND_UNKNOWN: "the kind of this call is known on one side only",
    ChangeKind.MACHINE_VERSION: "another machine version",
    ChangeKind.OPTIMISED: "optimised differently",
}


@dataclass(frozen=True)
class Fold:
    """Rows that are not shown, in words."""

    words: str


def mark(row: AlignedRow) -> DiffMark | None:
    """The mark of the row's worst change; None when nothing changed, or nothing but notes without a mark.

    A row of one side that says nothing else is removed or added.
    """
    for kind, found in MARK_OF.items():
        if any(change.kind is kind for change in row.changes):
            return found
    if not row.changes and (row.old is None or row.new is None):
        return DiffMark.REMOVED if row.new is None else DiffMark.ADDED
    return None


def sign(row: AlignedRow) -> str:
    """The sign of the row's mark, " " for none."""
    found = mark(row)
    return found.sign if found else " "


def step_arrow(step: ChainStep | None) -> str:
    """The arrow of the call that leads to the step; "" for the outermost one."""
    return call_arrow(step.kind) if step else ""


def place(step: ChainStep) -> str:
    """Where the function is, as well as it is known."""
    return step.file or step.function.where


def remarks(row: AlignedRow) -> Iterator[str]:
    """What marks and columns do not show."""
    for change in row.changes:
        if words := _NOT_SHOWN_BY_COLUMNS.get(change.kind):
            yield words
        if change.kind is ChangeKind.POINTER:
            yield f"the pointer: {change.old or 'unknown'} → {change.new or 'unknown'}"
        if change.note:
            yield change.note


def shown_rows(chain: ChainDiff, like: str, full: bool = False) -> list[AlignedRow | Fold]:
    """The rows to show. Those that the chain `like` shows already are folded away, and long runs of equal ones."""
    if full:
        return list(chain.rows)
    known = chain.known if like else 0
    result: list[AlignedRow | Fold] = [_told_before(chain.rows[:known], like)] if known else []
    rest = chain.rows[known:]
    wanted = _near_differences(rest)
    for kept, group in groupby(enumerate(rest), key=lambda pair: pair[0] in wanted):
        rows = [row for _, row in group]
        result += rows if kept or len(rows) == 1 else [_same(rows)]
    return result


def like_before(chains: Sequence[ChainDiff], position: int) -> str:
    """The title of the chain before that begins with the rows this chain knows already; "" when there is none."""
    chain = chains[position]
    if not chain.known:
        return ""
    mine = [_functions(row) for row in chain.rows[: chain.known]]
    for other in chains[:position]:
        if len(other.rows) >= len(mine) and all(map(_begins_with, mine, other.rows)):
            return other.title
    return ""


def own_changes(chain: ChainDiff) -> tuple[Change, ...]:
    """Changes of the chain itself, not of a row: another thread, reached or not."""
    kinds = (ChangeKind.THREAD, ChangeKind.CHAIN_ADDED, ChangeKind.CHAIN_REMOVED)
    return tuple(change for change in chain.changes if change.kind in kinds)


def differs_like_before(chain: ChainDiff, like: str) -> bool:
    """Whether all that differs is shown by the chain `like`."""
    new = any(_differs(row) for row in chain.rows[chain.known :])
    return bool(like) and chain.differs and not new and not own_changes(chain)


def _functions(row: AlignedRow) -> tuple[object, object]:
    return row.old and row.old.function, row.new and row.new.function


def _begins_with(functions: tuple[object, object], row: AlignedRow) -> bool:
    return functions == _functions(row)


def _differs(row: AlignedRow) -> bool:
    """A row of a chain that only one side has differs without a change of its own."""
    return row.differs or (not row.changes and (row.old is None or row.new is None))


def _near_differences(rows: Sequence[AlignedRow]) -> set[int]:
    near: set[int] = set()
    for position, row in enumerate(rows):
        if _differs(row):
            near.update(range(max(position - CONTEXT, 0), min(position + CONTEXT + 1, len(rows))))
    return near


def _told_before(rows: Sequence[AlignedRow], like: str) -> Fold:
    differing = sum(map(_differs, rows))
    return Fold(f"{len(rows)} as for “{like}”" + (f", {differing} of them changed" if differing else ""))


def _same(rows: Sequence[AlignedRow]) -> Fold:
    notes = counted(tuple(change for row in rows for change in row.changes))
    return Fold(f"{len(rows)} the same" + (f", {notes}" if notes else ""))
