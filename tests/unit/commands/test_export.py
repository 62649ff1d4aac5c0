"""`analyze export`: what it writes and prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from analyzer.cli import main
from reports.export.formats import FORMATS, OF_GRAPHS
from tests.support.inputs import BACKTRACE, BASELINE, FOLDER, GRAPH, KINDS, RECORDING, write_inputs


@pytest.fixture
def name_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = write_inputs(tmp_path)
    return lambda kind: "reference:1.6.0" if kind == "a reference" else str(files[kind])


def suffixed(name):
    suffix = FORMATS[name].suffixes[0]
    return f"e{suffix}" if suffix.startswith(".") else suffix


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_printed_is_what_is_written_and_the_file_is_named(name, name_of, tmp_path, capsys):
    assert main(["export", name_of(FOLDER), "-o", suffixed(name)]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{suffixed(name)}\n", "")
    assert main(["export", name_of(FOLDER), "--format", name]) == 0
    written = (tmp_path / suffixed(name)).read_text()
    assert capsys.readouterr().out == written
    assert "goal" in written or name in ("ioctls-csv", "accesses-csv", "mermaid-sequence")


@pytest.mark.parametrize("kind", [*KINDS, "a reference"])
@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_made_of_every_input_that_has_its_data(name, kind, name_of, capsys):
    possible = name in OF_GRAPHS or kind not in (GRAPH, BASELINE)
    assert main(["export", name_of(kind), "--format", name]) == (0 if possible else 2)
    printed = capsys.readouterr()
    assert bool(printed.out) == possible
    if not possible:
        word = {GRAPH: "graph", BASELINE: "baseline"}[kind]
        assert f"is a {word}; {name} needs a recording, with its single stops." in printed.err
        assert "use --format mermaid, dot, svg, graphml" in printed.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "export needs -o FILE, or --format to print."),
        (["-o", "x.csv"], "no format is known for .csv."),
        (["-o", "x"], "no format is known for a file without suffix."),
        (["--format", "png"], "invalid choice: 'png'"),
    ],
)
def test_a_format_that_is_not_known_is_refused_and_all_are_named(arguments, complaint, name_of, tmp_path, capsys):
    assert main(["export", name_of(RECORDING), *arguments]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert not (tmp_path / "x.csv").exists()
    if arguments[:1] == ["-o"]:
        assert all(suffix in said for it in FORMATS.values() for suffix in it.suffixes)


def test_a_format_may_contradict_the_suffix_since_the_user_named_it(name_of, tmp_path, capsys):
    assert main(["export", name_of(RECORDING), "--format", "folded", "-o", "x.json"]) == 0
    assert (tmp_path / "x.json").read_text() == "main thread;main;middle;goal 1\n"


def test_an_input_is_not_overwritten(name_of, tmp_path, capsys):
    assert main(["export", "out", "-o", "out/recording.jsonl", "--format", "json"]) == 2
    assert "is an input; it is kept." in capsys.readouterr().err


def test_a_backtrace_is_exported_with_its_stacks(name_of, capsys):
    assert main(["export", name_of(BACKTRACE), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (stack,) = document["stacks"]
    assert [document["frames"][number]["name"] for number in stack] == ["goal", "middle", "main"]


def test_an_incomplete_recording_is_exported_and_named(name_of, tmp_path, capsys):
    file = tmp_path / "out" / "recording.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    assert main(["export", "out", "--format", "folded"]) == 0
    assert "cut short" in capsys.readouterr().err
