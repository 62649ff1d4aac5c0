"""Writes the results of one run of the benchmark: as JSON, and as Markdown for readers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.groups import GroupResult, Table
from tests.bench.targets import JudgedFigure

FOLDER = Path(__file__).with_name("results")
FORMAT = "qemu-callchain benchmark"
# History of the format:
# 1  first
SCHEMA = 1


@dataclass(frozen=True)
class Results:
    """What one run of the benchmark gave: facts of the host by name, groups, and judged figures."""

    host: Mapping[str, str]
    groups: tuple[GroupResult, ...]
    figures: tuple[JudgedFigure, ...]


def name_of(date: str, groups: Sequence[str], all_groups: Sequence[str]) -> str:
    """The name of the files: the day of `date`, ISO 8601, and the groups unless all ran."""
    words = [] if set(groups) == set(all_groups) else [group.replace(" ", "-") for group in groups]
    return "-".join([date[:10], *words])


def to_json(results: Results) -> str:
    """The results as JSON: the host, each single measurement, and the figures with their targets."""
    groups = [{"name": group.name, "tables": _measurements(group)} for group in results.groups]
    figures = [
        {
            **asdict(each.figure),
            "target": each.target.sentence if each.target else "",
            "mark": each.mark.strip("*"),
        }
        for each in results.figures
    ]
    document = {
        "format": FORMAT, "schema": SCHEMA, "host": dict(results.host), "groups": groups, "figures": figures
    }  # fmt: skip
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def to_markdown(results: Results) -> str:
    """The results as Markdown: the host, the figures with their targets, and the tables."""
    return "\n".join(_markdown_lines(results)) + "\n"


def write(results: Results, name: str, folder: Path = FOLDER) -> tuple[Path, Path]:
    """Write NAME.json and NAME.md into `folder`, which is made; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.json", folder / f"{name}.md"
    paths[0].write_text(to_json(results), encoding="utf-8")
    paths[1].write_text(to_markdown(results), encoding="utf-8")
    return paths


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; `|` and line breaks in cells are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines]


def _measurements(group: GroupResult) -> dict[str, Any]:
    return {title: [asdict(row) for row in rows] for title, rows in group.rows.items()}


def _markdown_lines(results: Results) -> Iterator[str]:
    yield "# Results of `make bench`"
    yield ""
    yield from markdown_table(("host", ""), list(results.host.items()))
    yield ""
    yield "Times are medians of the rounds; a ratio is the median of the ratios of the single rounds, in which all"
    yield "programs ran in turn. Peak memory is that of all processes of a program at one moment."
    yield ""
    yield "## Figures and targets"
    yield ""
    rows = [_figure_cells(each) for each in results.figures]
    yield from markdown_table(("figure", "value", "target", "result"), rows)
    for group in results.groups:
        for table in group.tables:
            yield from _table_lines(table)


def _figure_cells(judged: JudgedFigure) -> tuple[str, str, str, str]:
    figure = judged.figure
    value = figure.missing or "–"
    if figure.value is not None:
        value = f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else f"{figure.value:.2f}"
        value = f"{value} {figure.unit}".strip()
    return figure.name, value, judged.target.sentence if judged.target else "", judged.mark


def _table_lines(table: Table) -> Iterator[str]:
    yield ""
    yield f"## {table.title}"
    yield ""
    if table.text:
        yield table.text
        yield ""
    yield from markdown_table(table.headings, table.cells)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
