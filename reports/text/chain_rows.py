"""Two aligned chains as rows to show: marks that need no colour, ways of calling, what is folded away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from analyzer.baselines.writer import ARROWS
from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind
from analyzer.graph.call_graph import ChainStep
from reports.text.sentences import counted

CONTEXT = 2  # rows shown before and after one that differs
MARKS = {
    ChangeKind.INSERTED: "+",
    ChangeKind.REMOVED: "-",
    ChangeKind.RENAMED: "~",
    ChangeKind.CALL_KIND: "^",
    ChangeKind.POINTER: "&",
    ChangeKind.MOVED: "»",
    ChangeKind.KIND_UNKNOWN: "?",
    ChangeKind.MACHINE_VERSION: "#",
    ChangeKind.OPTIMISED: "=",
}
MARK_WORDS = {
    "+": "inserted",
    "-": "removed",
    "~": "renamed",
    "^": "called in another way",
    "&": "another pointer",
    "»": "moved to another file",
    "?": "one side does not know how it is called",
    "#": "another machine version",
    "=": "optimised differently, the way is the same",
}
WAY_WORDS = {
    "*>": "through a pointer",
    "~>": "by a jump",
    "+>": "inlined",
    "=>": "starts a thread",
    "!>": "interrupted by a signal",
    "$>": "enters the kernel",
    "k>": "in the kernel",
    "d>": "in the kernel, not observed",
    "->": "directly or through a pointer",
    "?>": "nobody knows how",
}


@dataclass(frozen=True)
class Fold:
    """Rows that are not shown, in words."""

    words: str


def mark(row: AlignedRow) -> str:
    """The row's mark: that of its worst change, " " for none. A side of its own is told as removed or inserted."""
    for kind, text in MARKS.items():
        if any(change.kind is kind for change in row.changes):
            return text
    if row.old is None or row.new is None:
        return "-" if row.new is None else "+"
    return " "


def way(step: ChainStep | None) -> str:
    """How the step is come to."""
    return ARROWS[step.kind] if step and step.kind else ""


def place(step: ChainStep) -> str:
    """Where the function is, as well as it is known."""
    return step.file or step.function.where


def remarks(row: AlignedRow) -> Iterator[str]:
    """What marks and columns do not show."""
    for change in row.changes:
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
