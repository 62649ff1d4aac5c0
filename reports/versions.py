"""The comparison of three or more versions, as tables for all outputs: text, Markdown, JSON, page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from analyzer.diff.change import Change, NamedProvenance
from analyzer.diff.versions import VersionCell, VersionRow, VersionsChain
from analyzer.policy.verdict import JudgedDiff
from analyzer.text import number_of
from gdbscripts.call_kinds import CALL_KINDS, arrow_key
from reports.diff_marks import MARK_OF, DiffMark, mark_key
from reports.sanitize import sanitized
from reports.text.chain_rows import step_arrow, step_file
from reports.text.sentences import sentence, side_sentence, summary

PRESENT = "●"  # an outermost function, which has no arrow
ABSENT = "·"
_LEAST_SHARED = 2  # more rows than these are folded when an earlier table has them
_MOST_EQUAL = 3  # equal rows in succession that are shown


@dataclass(frozen=True)
class Cell:
    """A function in one version: the arrow of its call, the sign of its change, its change in words."""

    present: bool  # whether the version has the function
    arrow: str = ""  # "" for the outermost function
    sign: str = ""
    words: str = ""
    file: str = ""

    @property
    def text(self) -> str:
        """The arrow, PRESENT or ABSENT."""
        return (self.arrow or PRESENT) if self.present else ABSENT


@dataclass(frozen=True)
class FunctionRow:
    """A function through the versions: all its names, oldest first, and a cell for each version."""

    names: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def title(self) -> str:
        """The name of the function; `old → new` when it is renamed."""
        return " → ".join(self.names)

    @property
    def differs(self) -> bool:
        """Whether a version differs from the one before."""
        return any(cell.sign or cell.words for cell in self.cells)


@dataclass(frozen=True)
class ChainTable:
    """The chains to one milestone; `threads` are those of the versions, "" where none reaches it.

    The first `shared` rows are those of the earlier table with the title `shared_with`.
    """

    milestone: str
    title: str
    threads: tuple[str, ...]
    rows: tuple[FunctionRow, ...]
    shared: int = 0
    shared_with: str = ""

    @property
    def differs(self) -> bool:
        """Whether any row differs, or the thread does."""
        return any(row.differs for row in self.rows) or self.threads_differ

    @property
    def threads_differ(self) -> bool:
        """Whether not all versions reach the milestone on one thread."""
        return len(set(self.threads)) > 1


@dataclass(frozen=True)
class VersionsComparison:
    """The tables, the versions in order, and what each version changes: one judged comparison for each pair."""

    versions: tuple[NamedProvenance, ...]
    tables: tuple[ChainTable, ...]
    steps: tuple[JudgedDiff, ...]

    @property
    def key(self) -> str:
        """The meaning of the signs and arrows that are used; "" for none."""
        cells = [cell for table in self.tables for row in table.rows for cell in row.cells]
        signs = {cell.sign for cell in cells}
        arrows = {cell.arrow for cell in cells}
        marks = mark_key(mark for mark in DiffMark if mark.sign in signs)
        kinds = arrow_key(kind for kind, text in CALL_KINDS.items() if text.arrow in arrows)
        return "; ".join(filter(None, (marks, kinds, f"{PRESENT} outermost function; {ABSENT} not on the chain")))


def compare_versions(
    chains: Sequence[VersionsChain], versions: Sequence[NamedProvenance], steps: Sequence[JudgedDiff]
) -> VersionsComparison:
    """Return the tables of the aligned `chains`, with all texts made safe to show.

    `steps` are the comparisons of each version with the one before: one fewer than `versions`.
    """
    tables: list[ChainTable] = []
    for chain in chains:
        rows = tuple(map(_function_row, chain.rows))
        shared, title = max(((_count_shared(table.rows, rows), table.title) for table in tables), default=(0, ""))
        tables.append(ChainTable(chain.milestone, chain.title, chain.threads, rows, shared, title))
    return sanitized(VersionsComparison(tuple(versions), tuple(tables), tuple(steps)))


def version_lines(comparison: VersionsComparison) -> list[str]:
    """Return a sentence for each version: its name and where it comes from."""
    return [side_sentence(version) for version in comparison.versions]


def step_lines(comparison: VersionsComparison) -> list[tuple[str, str]]:
    """Return `old → new` and the numbers of changes, for each version and the one before."""
    names = (f"{old.name} → {new.name}" for old, new in pairwise(comparison.versions))
    return list(zip(names, map(summary, comparison.steps), strict=True))


def runs_of_rows(table: ChainTable, full: bool) -> list[str | FunctionRow]:
    """Return the rows to show; a text stands for rows that are not shown, unless `full` is set.

    Rows that an earlier table shows, too, and the inner ones of more than three equal rows in succession are not
    shown.
    """
    if full:
        return list(table.rows)
    shown: list[str | FunctionRow] = []
    shared = table.shared if table.shared > _LEAST_SHARED else 0
    if shared:
        shown.append(f"{number_of(shared, 'function')} shared with “{table.shared_with}”")
    for differs, group in groupby(table.rows[shared:], key=lambda row: row.differs):
        rows = list(group)
        folded = [] if differs or len(rows) <= _MOST_EQUAL else rows[1:-1]
        fold = f"{number_of(len(folded), 'function')} unchanged"
        shown += [rows[0], fold, rows[-1]] if folded else rows
    return shown


def _count_shared(earlier: Sequence[FunctionRow], rows: Sequence[FunctionRow]) -> int:
    pairs = zip(earlier, rows, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(earlier), len(rows)))


def _function_row(row: VersionRow) -> FunctionRow:
    return FunctionRow(row.names, tuple(map(_cell, row.cells)))


def _cell(cell: VersionCell) -> Cell:
    sign, words = _sign(cell.changes), "; ".join(map(sentence, cell.changes))
    if cell.step is None:
        return Cell(False, sign=sign, words=words)
    return Cell(True, step_arrow(cell.step), sign, words, step_file(cell.step))


def _sign(changes: Sequence[Change]) -> str:
    found = {change.kind for change in changes}
    return next((mark.sign for kind, mark in MARK_OF.items() if kind in found), "")
