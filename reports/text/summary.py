"""A summary for a terminal, drawn by rich, and as plain text for pipes and files."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table as RichTable
from rich.text import Text

from reports.sanitize import one_line, truncate_middle
from reports.summary import Cell, Summary, Table

_LONGEST_CELL = 120  # characters in a table for a terminal


def plain_summary(summary: Summary) -> str:
    """Return the summary without colours and frames: facts as `name: value`, columns padded with spaces."""
    return "\n".join(_plain_lines(summary)) + "\n"


def _plain_lines(summary: Summary) -> Iterator[str]:
    yield one_line(summary.title)
    width = max((len(name) for name, _ in summary.facts), default=0) + 1
    for name, value in summary.facts:
        yield f"{name + ':':{width}} {one_line(value)}"
    for table in summary.tables:
        yield ""
        yield table.title
        rows = [table.columns, *([_text(value) for value in row] for row in table.rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        right = [_is_number(table, position) for position in range(len(table.columns))]
        for row in rows:
            cells = zip(row, widths, right, strict=True)
            yield "  " + "  ".join(f"{cell:>{w}}" if r else f"{cell:{w}}" for cell, w, r in cells).rstrip()
    for note in summary.notes:
        yield f"Note: {one_line(note)}"


def rich_summary(summary: Summary, width: int, colours: bool) -> str:
    """Return the summary with frames, in lines of at most `width` characters; with `colours` as ANSI escapes."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=colours, color_system="standard" if colours else None,
        highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    facts = RichTable.grid(padding=(0, 2))
    for name, value in summary.facts:
        facts.add_row(Text(name, style="dim"), Text(one_line(value), overflow="fold"))
    console.print(Panel(facts, title=Text(one_line(summary.title), style="bold"), title_align="left"))
    for table in summary.tables:
        console.print(_rich_table(table))
    for note in summary.notes:
        console.print(Text(f"Note: {one_line(note)}", style="yellow"))
    return stream.getvalue()


def _rich_table(table: Table) -> RichTable:
    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for position, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if _is_number(table, position) else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(_text(value)) for value in row))
    return drawn


def _text(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else truncate_middle(one_line(str(value)), _LONGEST_CELL)


def _is_number(table: Table, position: int) -> bool:
    return all(not isinstance(row[position], str) for row in table.rows)
