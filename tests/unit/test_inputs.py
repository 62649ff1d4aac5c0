"""The one door: whatever is named is opened by its content, and what cannot be opened says what can."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from analyzer.adapters import text_lines
from analyzer.errors import AnalyzerError, UsageError
from analyzer.inputs import InputKind, check_not_an_input, merged_graph, open_input, open_inputs
from tests.support.inputs import BACKTRACE, BASELINE, FOLDER, GRAPH, KINDS, RECORDING, write_inputs
from tests.support.pasted import PLAIN
from tests.unit.backtraces.test_formats import FOLDED, MI, PERF

KIND_OF = {
    FOLDER: InputKind.RECORDING,
    RECORDING: InputKind.RECORDING,
    GRAPH: InputKind.GRAPH,
    BASELINE: InputKind.BASELINE,
    BACKTRACE: InputKind.BACKTRACE,
}


@pytest.fixture
def files(tmp_path):
    return write_inputs(tmp_path)


def functions(opened):
    return {node.function.name for node in opened.graph.nodes}


@pytest.mark.parametrize("suffix", ["", ".json", ".jsonl", ".txt"])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_the_content_says_what_a_file_is_and_the_suffix_does_not(kind, suffix, files):
    path = files[kind].rename(files[kind].with_name(f"named{suffix}"))
    opened = open_input(str(path))
    assert opened.kind is KIND_OF[kind]
    assert {"main", "middle", "goal"} <= functions(opened)
    assert opened.name == str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_and_a_baseline_have_no_recording_and_say_what_they_lack(kind, files):
    opened = open_input(str(files[kind]))
    assert (opened.recording is None) == (kind in (GRAPH, BASELINE)) == bool(opened.limitation)
    assert ("line numbers" in opened.limitation) == (kind == BASELINE)


def test_a_folder_is_its_recording_and_without_one_its_graph(files):
    assert open_input(str(files[FOLDER])).kind is InputKind.RECORDING
    files[GRAPH].rename(files[FOLDER] / "graph.json")
    (files[FOLDER] / "recording.jsonl").unlink()
    assert open_input(str(files[FOLDER])).kind is InputKind.GRAPH


def test_an_empty_recording_of_a_folder_is_called_empty(files):
    (files[FOLDER] / "recording.jsonl").write_text("")
    with pytest.raises(AnalyzerError, match="is empty, not a recording"):
        open_input(str(files[FOLDER]))


def test_a_backtrace_called_as_recordings_are_is_a_backtrace(files, tmp_path):
    files[BACKTRACE].rename(tmp_path / "recording.jsonl")
    assert open_input(str(tmp_path / "recording.jsonl")).kind is InputKind.BACKTRACE


def test_a_reference_is_opened_by_its_name():
    opened = open_input("reference:1.6.0")
    assert opened.kind is InputKind.BACKTRACE
    assert "qemu_init_vcpu" in functions(opened)


@pytest.mark.parametrize("text", [PLAIN, MI, PERF, FOLDED, "{noformat}\n" + PLAIN])
def test_every_format_of_backtraces_is_an_input(text, tmp_path, capsys):
    (tmp_path / "x.json").write_text(text)
    assert open_input(str(tmp_path / "x.json")).kind is InputKind.BACKTRACE


@pytest.mark.parametrize("kind", KINDS[1:])
def test_standard_input_may_be_any_kind(kind, files, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(files[kind].read_bytes())))
    opened = open_input("-")
    assert (opened.kind, opened.name) == (KIND_OF[kind], "standard input")
    assert "middle" in functions(opened)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_fifo_is_read_once(kind, files, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    content = files[kind].read_bytes()
    writer = threading.Thread(target=(tmp_path / "fifo").write_bytes, args=(content,), daemon=True)
    writer.start()
    opened = open_input(str(tmp_path / "fifo"))
    writer.join(10)
    assert (opened.kind, "middle" in functions(opened)) == (KIND_OF[kind], True)


def test_a_damaged_recording_in_a_pipe_is_called_by_its_own_name(files, monkeypatch):
    content = files[RECORDING].read_bytes() + b"garbage\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(AnalyzerError, match=r"^standard input is damaged in line"):
        open_input("-")


def test_a_source_named_twice_in_any_words_counts_once(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(files[FOLDER])
    names = ["out", "./out/", str(files[FOLDER]), "out/recording.jsonl", "link"]
    opened = open_inputs(names)
    assert [each.name for each in opened] == ["out"]
    assert len(open_inputs(["reference:1.6.0", "reference:1.6.0"])) == 1
    once = merged_graph(opened)
    assert [node.frames for node in once.nodes] == [node.frames for node in open_input("out").graph.nodes]


def test_two_sources_count_twice_and_keep_their_order(files):
    opened = open_inputs([str(files[GRAPH]), str(files[RECORDING])])
    assert [each.kind for each in opened] == [InputKind.GRAPH, InputKind.RECORDING]
    assert {node.frames for node in merged_graph(opened).nodes} == {2}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "there is no such file"),
        ("", "has no backtrace that can be read"),
        ("Dear all,\n", "has no backtrace that can be read"),
        ("\x7fELF\x02", "has no backtrace that can be read"),
        ("{}", "is not a graph"),
        ('{"format": "qemu-callchain changes", "schema": 1}', "is not a graph"),
        ("folder", "holds neither recording.jsonl nor graph.json"),
    ],
)
def test_what_cannot_be_opened_says_what_can_be_named(content, complaint, tmp_path):
    path = tmp_path / "x.json"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    with pytest.raises(AnalyzerError, match=complaint) as caught:
        open_input(str(path))
    assert caught.value.message.startswith(str(path))
    assert caught.value.hint.startswith(
        "Name an output folder, a recording, a graph.json, a baseline, a backtrace, or reference:1.6.0"
    )


def test_a_device_that_ends_no_line_is_called_by_its_name(monkeypatch):
    monkeypatch.setattr(text_lines, "MAX_LINE_LENGTH", 1000)
    monkeypatch.setattr(text_lines, "_MAX_UNENDED_LINE", 10_000)
    with pytest.raises(AnalyzerError, match=r"^/dev/zero is not a text file"):
        open_input("/dev/zero")


def test_a_closed_standard_input_is_said(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(AnalyzerError, match="Standard input is closed"):
        open_input("-")


def test_the_name_of_a_text_in_its_graph_has_no_folder(files):
    opened = open_input(str(files[BACKTRACE]))
    assert opened.graph.provenance.build["imported from"] == files[BACKTRACE].name


def test_lines_that_cannot_be_read_are_said_with_the_name_of_the_input(tmp_path, capsys):
    (tmp_path / "x").write_text("Dear all,\n" + PLAIN)
    open_input(str(tmp_path / "x"))
    assert f"{tmp_path / 'x'}: 1 line could not be read: line 1: Dear all," in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_no_output_may_replace_what_is_read(kind, files):
    output = files[kind] / "recording.jsonl" if kind == FOLDER else files[kind]
    with pytest.raises(UsageError, match="it is kept"):
        check_not_an_input(output, ["-", "reference:1.6.0", str(files[kind])])
    check_not_an_input(Path(f"{output}.html"), [str(files[kind])])
