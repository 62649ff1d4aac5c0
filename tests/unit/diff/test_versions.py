"""Three or more versions in one table: `align_versions`, and what `analyze diff A B C` writes."""

from __future__ import annotations

import json

import pytest

from analyzer.cli import main
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.diff.versions import align_versions
from analyzer.graph.json_format import to_json
from tests.support.comparisons import source

NAMES = SymbolHistory()


def table(*chains: str) -> list[tuple[str, ...]]:
    """Return the rows of the one table of these chains, one a version: the name in each version, "" for none."""
    (only,) = align_versions([source(chain) for chain in chains], NAMES)
    return [tuple(cell.step.function.name if cell.step else "" for cell in row.cells) for row in only.rows]


def test_a_function_has_one_row_through_all_versions():
    assert table("main > run > goal", "main > run > goal", "main > run > goal") == [
        ("main",) * 3, ("run",) * 3, ("goal",) * 3,
    ]  # fmt: skip


def test_a_function_that_a_version_adds_or_removes_is_blank_in_the_others():
    assert table("main > goal", "main > init > goal", "main > init > board > goal") == [
        ("main",) * 3, ("", "init", "init"), ("", "", "board"), ("goal",) * 3,
    ]  # fmt: skip
    assert table("main > init > goal", "main > goal", "main > goal")[1] == ("init", "", "")


def test_a_function_that_comes_back_has_one_row():
    assert table("main > init > goal", "main > goal", "main > init > goal")[1] == ("init", "", "init")


def test_a_renamed_function_stays_in_its_row():
    assert table("main > pc_new_cpu > goal", "main > x86_new_cpu > goal", "main > x86_new_cpu > goal")[1] == (
        "pc_new_cpu", "x86_new_cpu", "x86_new_cpu",
    )  # fmt: skip


def test_the_changes_of_a_cell_are_those_since_the_version_before():
    versions = [source(chain) for chain in ("main > goal", "main *> goal", "main *> goal")]
    (only,) = align_versions(versions, NAMES)
    kinds = [[change.kind.value for change in cell.changes] for cell in only.rows[1].cells]
    assert kinds == [[], ["call-kind"], []]


@pytest.fixture
def inputs(tmp_path):
    """The names of three graphs: the second adds a function, the third renames it."""
    chains = "main > new_cpu > goal", "main > init > new_cpu > goal", "main > init > x86_new_cpu > goal"
    names = []
    for number, chain in enumerate(chains):
        path = tmp_path / f"v{number}.json"
        path.write_text(to_json(source(chain).graph))
        names.append(str(path))
    return names


def test_the_text_has_a_column_for_each_version_and_says_what_each_changes(inputs, capsys):
    assert main(["diff", *inputs]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["init", "·", "+", ">", ">"] in lines
    assert ["new_cpu", "→", "x86_new_cpu", ">", ">", "~", ">"] in lines
    assert sum(line[1:2] == ["→"] for line in lines) == 3


def test_equal_versions_give_status_0_and_one_line_for_a_chain(inputs, capsys):
    assert main(["diff", inputs[0], inputs[0], inputs[0]]) == 0
    assert "3 functions, the same in all versions" in capsys.readouterr().out


def test_json_markdown_and_the_page_have_the_same_cells(inputs, tmp_path, capsys):
    assert main(["diff", *inputs, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "qemu-callchain versions"
    (chain,) = document["chains"]
    rows = {row["names"][0]: [cell["sign"] for cell in row["cells"]] for row in chain["functions"]}
    assert rows == {"main": ["", "", ""], "init": ["", "+", ""], "new_cpu": ["", "", "~"], "goal": ["", "", ""]}
    assert [step["verdict"] for step in document["steps"]] == ["differs", "differs"]
    assert main(["diff", *inputs, "--format", "md"]) == 1
    assert "| `init` | `·` | `+ >` | `>` |" in capsys.readouterr().out
    page = tmp_path / "versions.html"
    assert main(["diff", *inputs, "-o", str(page)]) == 1
    assert "new_cpu → x86_new_cpu" in page.read_text()


def test_a_format_for_two_inputs_is_refused_with_the_formats_that_fit(inputs, capsys):
    assert main(["diff", *inputs, "--format", "sarif"]) == 2
    assert "--format text|json|md|html" in capsys.readouterr().err


def test_hostile_names_stay_text_in_every_format(tmp_path, capsys):
    paths = []
    for number, middle in enumerate(("first", "</script><b>|`*\u202e", "last")):
        text = to_json(source("main > middle > goal").graph)
        paths.append(tmp_path / f"v{number}.json")
        paths[-1].write_text(text.replace("middle", json.dumps(middle)[1:-1]))
    for output in ("text", "md", "html", "json"):
        assert main(["diff", *map(str, paths), "--format", output]) == 1
        shown = capsys.readouterr().out
        assert "script" in shown
        assert "\u202e" not in shown
        assert "</script><b>" not in shown or output != "html"
