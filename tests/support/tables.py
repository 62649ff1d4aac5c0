"""Markdown tables of what tests show, made from markers on the tests, so that the tables stay true.

A test says which row it belongs to: `@pytest.mark.fault("QEMU is killed", status=4)`. The marker's argument is the
subject, its keywords are the cells of other columns; all of them are literals. Several tests may have the same
subject; one of them has the cells. The table stands in a page between `<!-- table: fault -->` and
`<!-- end of table -->`; `APPROVE=1` writes it there.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
_Cells = dict[str, str]


@dataclass(frozen=True)
class Row:
    """What the tests say about one subject.

    `cells`: text by keyword of the marker; `tests`: `FILE::FUNCTION`, relative to the repository, sorted.
    """

    subject: str
    cells: Mapping[str, str]
    tests: tuple[str, ...]


def rows(marker: str, folder: Path = TESTS) -> list[Row]:
    """The rows of a marker in all test files below `folder`, in the order of files and lines.

    AssertionError when an argument is no literal, when there is no subject, and when two tests give a subject
    different cells of one name.
    """
    cells: dict[str, _Cells] = {}
    tests: dict[str, set[str]] = {}
    for file in sorted(folder.rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        if f"mark.{marker}(" not in text:
            continue
        name = file.relative_to(folder.parent).as_posix()
        for function, subject, values in _marks(ast.parse(text), marker, name):
            known = cells.setdefault(subject, {})
            for key, value in values.items():
                place = f"{name}::{function}"
                assert known.setdefault(key, value) == value, f"{place}: {subject!r} has another {key} elsewhere"
            tests.setdefault(subject, set()).add(f"{name}::{function}")
    return [Row(subject, cells[subject], tuple(sorted(tests[subject]))) for subject in cells]


def markdown_table(found: list[Row], subject: str, columns: Mapping[str, str], tests: str = "shown by") -> str:
    """The rows as a Markdown table.

    `subject` and `tests` are headings of the first and last column; `columns`: heading by keyword of the marker.
    AssertionError when a row has a keyword that is no column, or lacks one.
    """
    lines = [[subject, *columns.values(), tests], ["---"] * (len(columns) + 2)]
    for row in found:
        assert set(row.cells) == set(columns), f"{row.subject!r} has {sorted(row.cells)}, not {sorted(columns)}"
        names = "<br>".join(f"`{test}`" for test in row.tests)
        lines.append([row.subject, *(row.cells[key] for key in columns), names])
    return "".join(f"| {' | '.join(_escaped(cell) for cell in line)} |\n" for line in lines)


def check_table(page: Path, name: str, table: str) -> None:
    """Compare `table` with the one between the comments `<!-- table: NAME -->` and `<!-- end of table -->`.

    With `APPROVE=1` in the environment it is written there instead. AssertionError when they differ, or when the
    page has no such comments.
    """
    text = page.read_text(encoding="utf-8")
    parts = re.fullmatch(
        rf"(.*<!-- table: {re.escape(name)} -->\n)(.*?)(<!-- end of table -->.*)", text, re.DOTALL
    )
    assert parts is not None, f"{page.name} has no comment <!-- table: {name} -->"
    before, written, after = parts.groups()
    if os.environ.get("APPROVE") == "1":
        page.write_text(f"{before}\n{table}\n{after}", encoding="utf-8")
        return
    assert written.strip() == table.strip(), f"{page.name} is not up to date: run this test with APPROVE=1"


def _marks(tree: ast.Module, marker: str, file: str) -> Iterator[tuple[str, str, _Cells]]:
    """Function, subject and cells of each `@pytest.mark.MARKER(…)` in a file, from top to bottom."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: node.lineno):
        decorators = [node for decorator in function.decorator_list for node in ast.walk(decorator)]
        for call in decorators:  # also pytest.param(…, marks=…)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == f"pytest.mark.{marker}":
                place = f"{file}:{call.lineno}"
                assert len(call.args) == 1, f"{place}: @pytest.mark.{marker} takes one subject"
                values = {keyword.arg or "**": _text(keyword.value, place) for keyword in call.keywords}
                yield function.name, _text(call.args[0], place), values


def _text(node: ast.expr, place: str) -> str:
    try:
        return str(ast.literal_eval(node))
    except ValueError:
        raise AssertionError(f"{place}: {ast.unparse(node)} is no literal") from None


def _escaped(cell: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(cell.split()))
