"""Writes the comparison of three or more versions as text and Markdown: a column a version, a row a function."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from reports.ci.markdown import code, prose
from reports.sanitize import truncate_middle
from reports.text.colour import painted
from reports.versions import (
    ChainTable,
    FunctionRow,
    VersionsComparison,
    runs_of_rows,
    step_lines,
    version_lines,
)

_NARROWEST = 6  # columns of a version


def render(comparison: VersionsComparison, width: int = 80, colour: bool = False, full: bool = False) -> str:
    """Return the tables as text for a terminal of `width` columns; `full` shows equal rows, too."""
    count = len(comparison.versions)
    headings = [f"[{number}]" for number in range(1, count + 1)]
    lines = [f"{heading} {line}" for heading, line in zip(headings, version_lines(comparison), strict=True)]
    lines += ["", *wrap(f"Key: {comparison.key}.", width, break_on_hyphens=False)]
    for table in comparison.tables:
        lines += ["", painted(table.title, "bold" if colour else ""), *_threads(table)]
        lines += _table_lines(table, headings, width, colour, full)
    lines += ["", painted("What each version changes:", "bold" if colour else "")]
    lines += [f"  {names}: {numbers}" for names, numbers in step_lines(comparison)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def render_markdown(comparison: VersionsComparison) -> str:
    """Return the tables in GitHub Flavored Markdown."""
    return "\n".join(_markdown_lines(comparison)) + "\n"


def _threads(table: ChainTable) -> Iterator[str]:
    if table.threads_differ:
        yield "threads: " + ", ".join(
            f"[{number}] {thread or 'not reached'}" for number, thread in enumerate(table.threads, 1)
        )


def _table_lines(table: ChainTable, headings: list[str], width: int, colour: bool, full: bool) -> Iterator[str]:
    if not table.differs and not full:
        yield f"  {len(table.rows)} functions, the same in all versions"
        return
    column = max(_NARROWEST, *map(len, headings))
    names = max((len(row.title) for row in table.rows), default=0)
    names = max(min(names, width - (column + 1) * len(headings) - 2), 20)
    yield f"  {'':{names}} " + " ".join(f"{heading:^{column}}" for heading in headings)
    for row in runs_of_rows(table, full):
        if isinstance(row, str):
            yield painted(f"  … {row} …", "dim" if colour else "")
        else:
            yield painted(_row_line(row, names, column), "yellow" if colour and row.differs else "")


def _row_line(row: FunctionRow, names: int, column: int) -> str:
    cells = " ".join(f"{cell.sign + ' ' if cell.sign else ''}{cell.text}".center(column) for cell in row.cells)
    return f"  {truncate_middle(row.title, names):{names}} {cells}"


def _markdown_lines(comparison: VersionsComparison) -> Iterator[str]:
    yield from (f"{number}. {prose(line)}" for number, line in enumerate(version_lines(comparison), 1))
    yield ""
    yield f"Key: {code(comparison.key)}"
    for table in comparison.tables:
        yield from ("", f"### {prose(table.title)}", "")
        if not table.differs:
            yield f"{len(table.rows)} functions, the same in all versions."
            continue
        yield "| function | " + " | ".join(prose(version.name) for version in comparison.versions) + " |"
        yield "|---|" + ":-:|" * len(comparison.versions)
        for row in runs_of_rows(table, full=False):
            if isinstance(row, str):
                yield f"| *{prose(row)}* |" + " |" * len(comparison.versions)
            else:
                yield _markdown_row(row)
    yield from ("", "### What each version changes", "")
    yield from (f"- {prose(names)}: {prose(numbers)}" for names, numbers in step_lines(comparison))


def _markdown_row(row: FunctionRow) -> str:
    cells = (code(f"{cell.sign} {cell.text}".strip()) for cell in row.cells)
    return f"| {_in_table(code(row.title))} | " + " | ".join(cells) + " |"


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")
