"""Writes two aligned chains as lines of text, in two columns when the terminal is wide enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.diff.change import AlignedRow, ChainDiff
from analyzer.graph.call_graph import ChainStep
from gdbscripts.call_kinds import ARROW_WIDTH, arrow_key
from reports.diff_marks import DiffMark, mark_key
from reports.sanitize import truncate_middle
from reports.text.chain_rows import Fold, mark, remarks, shown_rows, sign, step_arrow, step_file
from reports.text.colour import painted

TWO_COLUMNS_WIDTH = 100  # columns from which on both chains stand beside each other
_STYLES = {
    DiffMark.ADDED: "green",
    DiffMark.REMOVED: "red",
    DiffMark.CHANGED: "yellow",
    DiffMark.MOVED: "yellow",
}
_COLUMN_SEPARATOR = " │ "


def aligned_lines(chain: ChainDiff, shared_with: str, width: int, colour: bool, full: bool) -> Iterator[str]:
    """Yield a line for each row of a chain that is shown, followed by its remarks.

    `shared_with` and `full` are those of `shown_rows`; `width` is the width of a line in characters.
    """
    rows = shown_rows(chain, shared_with, full)
    two_columns = width >= TWO_COLUMNS_WIDTH
    column_width = (width - 2 - len(_COLUMN_SEPARATOR)) // 2
    steps = [step for row in rows if isinstance(row, AlignedRow) for step in (row.old, row.new) if step]
    name_width = min(
        _max_length(step.function.name for step in steps), (column_width if two_columns else width) * 3 // 5
    )
    column_width = min(column_width, name_width + ARROW_WIDTH + len("   ") + _max_length(map(step_file, steps)))
    for row in rows:
        if isinstance(row, Fold):
            yield painted(f"  … {row.text} …", "dim" if colour else "")
            continue
        line = _two_columns(row, name_width, column_width) if two_columns else _one_column(row, name_width)
        yield painted(f"{sign(row)} {line}", _style(row) if colour else "")
        yield from (f"       {remark}" for remark in remarks(row))


def marks_key(chains: tuple[ChainDiff, ...], full: bool) -> str:
    """Return the meaning of the marks and arrows in the chains that differ; "" when no row has a mark.

    With `full` the chains that are equal are shown, too, so that the key has their arrows.
    """
    # Chains share rows: each row is looked at once.
    rows = {id(row): row for chain in chains if chain.differs or full for row in chain.rows}.values()
    marks = {mark(row) for row in rows}
    if not marks - {None}:
        return ""
    kinds = {step.kind for row in rows for step in (row.old, row.new) if step}
    return f"Key: {mark_key(marks)}; {arrow_key(kinds)}".removesuffix("; ") + "."


def old_to_new(old: str, new: str) -> str:
    """Return `old → new`, or the text itself when both are equal."""
    return old if old == new else f"{old} → {new}"


def function_text(row: AlignedRow) -> str:
    """Return the name of the function, OLD → NEW for a renamed one."""
    names = [step.function.name for step in (row.old, row.new) if step]
    return old_to_new(names[0], names[-1])


def file_text(row: AlignedRow) -> str:
    """Return the file of the function, OLD → NEW for a moved one."""
    files = [step_file(step) for step in (row.old, row.new) if step]
    return old_to_new(files[0], files[-1])


def call_arrows(row: AlignedRow) -> str:
    """Return the arrow of the call that leads to the function, OLD → NEW when the kind of the call differs."""
    arrows = [step_arrow(step) for step in (row.old, row.new) if step]
    return old_to_new(arrows[0], arrows[-1])


def _style(row: AlignedRow) -> str:
    """Return the style of the row's mark; "dim" for a row that has only notes, "" for an unchanged row."""
    diff_mark = mark(row)
    return _STYLES.get(diff_mark, "") if diff_mark else "dim" if row.changes else ""


def _max_length(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def _two_columns(row: AlignedRow, name_width: int, column_width: int) -> str:
    old, new = _column(row.old, name_width, column_width), _column(row.new, name_width, column_width)
    return f"{old:<{column_width}}{_COLUMN_SEPARATOR}{new}"


def _column(step: ChainStep | None, name_width: int, column_width: int) -> str:
    if step is None:
        return ""
    text = f"{step_arrow(step):>{ARROW_WIDTH}} {truncate_middle(step.function.name, name_width):<{name_width}}  "
    return text + truncate_middle(step_file(step), max(column_width - len(text), 1))


def _one_column(row: AlignedRow, name_width: int) -> str:
    return f"{call_arrows(row):>{ARROW_WIDTH}} {function_text(row):<{name_width}}  {file_text(row)}"
