"""`analyze paths`: what it prints, writes and answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.baselines.writer import write_baseline
from analyzer.cli import main
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import graph_of, merge
from analyzer.graph.paths import PathFinder
from analyzer.model.frames import Function, Stack
from gdbscripts.call_kinds import CallKind
from reports.text.paths import PathSearchResult, path_lines, paths_text
from tests.support.graphs import query
from tests.support.notation import KINDS, recording


@pytest.fixture
def graph_file(tmp_path):
    base = recording("main@vl > a *> goal", "main@vl > b => c > goal2", "b > a")
    path = tmp_path / "graph.json"
    path.write_text(to_json(merge([base])))
    return str(path)


def test_the_text_looks_like_the_chains_people_know(graph_file, capsys):
    assert main(["paths", graph_file, "--from", "main", "--to", "goal2?"]) == 0
    assert capsys.readouterr().out == (
        "1. main to goal, 2 calls, recorded as a whole in the chain to goal\n"
        "   main  hw/vl.c:10\n"
        " > a     hw/main.c:12\n"
        "*> goal  hw/main.c\n"
        "\n"
        "2. main to goal2, 3 calls, recorded as a whole in the chain to goal\n"
        "   main   hw/vl.c:10\n"
        " > b      hw/main.c:12\n"
        "=> c      hw/main.c:14\n"
        " > goal2  hw/main.c\n"
        "\n"
        "3. main to goal, 3 calls, combined from several stacks: no recorded chain contains it\n"
        "   main  hw/vl.c:10\n"
        " > b     hw/main.c:10\n"
        " > a     hw/main.c:12\n"
        "*> goal  hw/main.c\n"
        "\n"
        "Key: > direct call; *> call through a pointer; => thread start.\n"
        "Paths combined from several stacks need not have happened as a whole; --recorded omits them.\n"
    )


def test_the_help_names_all_kinds_of_calls_and_the_list_has_an_arrow_for_each(capsys):
    with pytest.raises(SystemExit):
        main(["paths", "--help"])
    kinds = capsys.readouterr().out.partition("kinds of calls:")[2].partition("exit status")[0]
    assert all(kind.value in kinds.replace(",", " ").split() for kind in CallKind)
    graph = merge([recording(*(f"main {arrow} {kind.name}" for arrow, kind in KINDS.items()))])
    paths = list(PathFinder(graph, query(goal=".*")).all())
    marks = {path.calls[0].kind: list(path_lines(path, graph))[1].split()[0] for path in paths}
    assert marks == {kind: arrow for arrow, kind in KINDS.items()}


def test_a_limit_says_that_there_are_more_and_only_then(graph_file, capsys):
    asked = ["paths", graph_file, "--from", "main", "--to", "goal"]
    assert main([*asked, "--limit", "1"]) == 0
    assert "and more: 1 is shown" in capsys.readouterr().out
    for enough in (["--limit", "2"], ["--all"], ["--shortest"]):
        assert main([*asked, *enough]) == 0
        assert "more" not in capsys.readouterr().out


def test_the_json_says_all_of_it(graph_file, capsys):
    asked = ["paths", graph_file, "--from", "main", "--to", "goal", "--kind", "tail,indirect", "--limit", "1"]
    assert main([*asked, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["schema"]) == ("qemu-callchain paths", 1)
    assert document["query"]["kind"] == [["indirect", "tail"]]
    assert (document["more"], document["limit_reached"]) == (True, False)
    assert document["paths"][0]["recorded"] is True
    assert document["paths"][0]["calls"][1] == {
        "caller": {"name": "a", "where": "main"},
        "callee": {"name": "goal", "where": "main"},
        "kind": "indirect",
        "sites": [["hw/main.c", 12, "call x"]],
        "slots": [],
    }


def test_the_picture_has_what_is_on_the_paths_and_nothing_else(graph_file, capsys, tmp_path):
    output = tmp_path / "part.dot"
    assert main(["paths", graph_file, "--from", "main", "--to", "goal", "--shortest", "-o", str(output)]) == 0
    text = output.read_text()
    assert capsys.readouterr().out == f"{output}\n"
    assert text.count("->") == 2
    assert "goal2" not in text


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--from", "goal", "--to", "main"], 1, "No path leads from goal to main"),
        (["--from", "main", "--to", "goal", "--not-via", "a"], 1, "without conditions there is one"),
        (["--from", "goal", "--to", "main", "--via", "a"], 1, "nor is there one without"),
        (["--from", "b", "--to", "goal", "--recorded"], 1, "No recorded path that meets"),
        (["--from", "main", "--to", "gaol"], 3, "It has goal"),
        (["--from", "main", "--to", "goal", "--not-via", "nobody"], 3, "matches 'nobody'"),
        (["--from", "(", "--to", "goal"], 2, "no regular expression"),
        (["--from", "main", "--to", "goal", "--kind", "odd"], 2, "Kinds are call, direct"),
        (["--from", "main", "--to", "goal", "-o", "x.png"], 2, ".svg"),
        (["--from", "main", "--to", "goal", "--limit", "1", "--all"], 2, "not allowed with"),
        (["--from", "main"], 2, "--to"),
    ],
)
def test_the_exit_status_tells_no_path_from_no_such_function(arguments, status, words, graph_file, capsys):
    assert main(["paths", graph_file, *arguments]) == status
    written = capsys.readouterr()
    assert words in written.err
    assert not written.out


def test_what_is_read_is_not_written_over(graph_file, capsys):
    before = Path(graph_file).read_text()
    assert main(["paths", graph_file, "--from", "main", "--to", "goal", "-o", graph_file]) == 2
    assert Path(graph_file).read_text() == before


def test_a_name_cannot_act_on_a_terminal_nor_break_a_line():
    base = recording("main > goal")
    odd = replace(base.stops[0].frames[0], function=Function("go\n\x1b[31mal", "main"))
    graph = merge([replace(base, stops=(replace(base.stops[0], stack=Stack((odd, base.stops[0].frames[1]))),))])
    asked = query(goal="go(.|\n)*al")
    paths = list(PathFinder(graph, asked).all())
    text = "\n".join(paths_text(PathSearchResult(graph, asked, paths)))
    assert "\x1b" not in text
    assert len(list(path_lines(paths[0], graph))) == 2
    assert "go\\n\\x1b[31mal" in text


def test_a_baseline_which_has_no_lines_shows_files_alone(tmp_path, capsys):
    baseline = tmp_path / "baseline.txt"
    baseline.write_text(write_baseline(graph_of(recording("main > init *> goal"))))
    assert main(["paths", str(baseline), "--from", "main", "--to", "goal"]) == 0
    printed = capsys.readouterr().out
    assert "hw/main.c" in printed
    assert ":0" not in printed
    assert main(["paths", str(baseline), "--from", "main", "--to", "goal", "--format", "dot"]) == 0
    assert ":0" not in capsys.readouterr().out
