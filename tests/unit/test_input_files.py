"""Files of others: pipes, devices, deep nesting and huge numbers end in a sentence, soon, and in little memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.build.provenance import read_json
from analyzer.commands.comparison import read_comparison_terms
from analyzer.errors import AnalyzerError
from analyzer.graph.json_format import from_json
from analyzer.inputs import open_input
from analyzer.policy.allow_list import DEFAULT_FAIL_ON, read_allow_list
from analyzer.strict_json import parse_json
from analyzer.toml import TOMLError, parse_toml
from gdbscripts.json_lines import LineError, from_line, to_line
from gdbscripts.records import StopRecord
from tests.support.inputs import BASELINE, FOLDER, GRAPH, RECORDS, write_inputs

SECONDS = 30
MEMORY = 2 << 30  # bytes of address space; a device would fill any
FILES = ("fifo", "zero", "urandom", "folder", "large")


def analyze(folder, *arguments):
    """Run `analyze` in a process that may use neither much memory nor much time."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    return subprocess.run(
        [sys.executable, "-c", "import sys; from analyzer.cli import main; sys.exit(main())", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False, preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


@pytest.fixture
def files(tmp_path):
    inputs = write_inputs(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "urandom").symlink_to("/dev/urandom")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 34)  # 16 GiB without blocks on the disk
    return inputs


@pytest.mark.threat("An input is a device, a pipe, or without end")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("option", ["--allow", "--names"])
def test_an_allow_list_that_is_no_small_file_is_said(option, name, files, tmp_path):
    done = analyze(tmp_path, "diff", str(files[FOLDER]), str(files[FOLDER]), option, name)
    assert done.returncode == 3
    assert f"{name} cannot be read: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.threat(
    "An input is a device, a pipe, or without end",
    source="every file that is named as an input",
    defence="regular files up to a limit only, except where a pipe is read as a stream",
)
@pytest.mark.parametrize("name", ["zero", "urandom", "folder"])
@pytest.mark.parametrize("verb", [["show"], ["graph"], ["import"], ["paths", "--from", "a", "--to", "b"]])
def test_an_input_that_is_a_device_is_said(verb, name, files, tmp_path):
    done = analyze(tmp_path, verb[0], name, *verb[1:])
    assert done.returncode == 3
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipe_in_an_output_folder_is_said(files, tmp_path):
    (files[FOLDER] / "recording.jsonl").unlink()
    os.mkfifo(files[FOLDER] / "recording.jsonl")
    for verb in (["show"], ["report"]):
        done = analyze(tmp_path, *verb, str(files[FOLDER]))
        assert (done.returncode, "pipe" in done.stderr) == (3, True), done.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_provenance_that_is_no_small_file_is_none(name, files, tmp_path):
    assert read_json(tmp_path / name) is None


DEEP = 100_000
LONG = "9" * 5000
TOML = {
    "deep lists": ("a = 1\nb = " + "[" * DEEP, 2),
    "deep tables": ("a = 1\n\nb = " + "{a=" * 2000, 3),
    "deep over lines": ("a = [\n" + "[\n" * 2000, 51),
    "a long number": (f"a = 1\nb = {LONG}", 2),
    "a long hexadecimal number": (f"b = 0x{LONG}", 1),
    "a long key": ("a" + ".a" * DEEP + " = 1", 1),
    "a long table name": ("\n[a" + ".a" * DEEP + "]", 2),
    "no value": ("a = 1\nb =\n", 2),
    "an unclosed text": ("a = '''\n\n", 3),
    "twice": ("a = 1\na = 2\n", 2),
}


@pytest.mark.threat(
    "Deep nesting or huge numbers crash a parser",
    source="recordings, graphs, baselines, allow-lists",
    defence="depth and digits are bounded before parsing",
)
@pytest.mark.parametrize("case", TOML)
def test_an_error_in_toml_is_a_sentence_with_the_line(case):
    text, line = TOML[case]
    with pytest.raises(AnalyzerError) as error:
        read_allow_list(text, "allow.toml")
    assert error.value.message.startswith(f"allow.toml:{line} is not TOML: ")
    assert error.value.message.endswith(".")
    assert len(error.value.message) < 200


def test_brackets_in_texts_and_comments_are_no_nesting():
    deep = "[{" * 100
    assert parse_toml(
        f'a = "{deep}" # {deep}\nb = \'{deep}\'\nc = """\n{deep}\n"{deep}\n"""\nd = [[1], {{x = 2}}]'
    )


@given(st.text("ab=[]{}\"'#\n.\\19,", max_size=40) | st.text(max_size=40))
def test_any_text_is_toml_or_an_error_of_toml(text):
    try:
        parse_toml(text)
    except TOMLError as error:
        assert str(error)


JSON = ["NaN", "Infinity", "-Infinity", "1e999", LONG, f"-{LONG}", "[" * DEEP, '{"a":' * 2000 + "1" + "}" * 2000]


@pytest.mark.threat("Deep nesting or huge numbers crash a parser")
@pytest.mark.parametrize("value", JSON, ids=lambda value: value[:10])
def test_numbers_and_depths_that_are_not_read_are_said(value, files, tmp_path):
    with pytest.raises(ValueError, match=r"."):
        parse_json(f'{{"a": {value}}}')
    graph = files[GRAPH].read_text()
    for changed in (graph.replace('"build": {', f'"build": {{"x": {value},', 1), graph.replace("1", value, 1)):
        with pytest.raises(AnalyzerError, match=r"is not a graph|is damaged"):
            from_json(changed, "graph.json")
    (tmp_path / "build.json").write_text(f'{{"a": {value}}}')
    assert read_json(tmp_path / "build.json") is None
    line = to_line(next(record for record in RECORDS if isinstance(record, StopRecord)))
    assert '"time": 0.5' in line
    with pytest.raises(LineError):
        from_line(line.replace('"time": 0.5', f'"time": {value}'))
    with pytest.raises(LineError):
        from_line(line.replace('"number": 0', f'"number": {value}'))


def test_a_recording_with_such_a_provenance_is_damaged(files):
    path = files[FOLDER] / "recording.jsonl"
    header, rest = path.read_text().split("\n", 1)
    for value in JSON:
        data = json.dumps({**json.loads(header), "build": {"x": "VALUE"}}).replace('"VALUE"', value)
        path.write_text(f"{data}\n{rest}")
        with pytest.raises(AnalyzerError, match="is not a recording"):
            open_input(str(files[FOLDER]))


def test_a_baseline_of_a_huge_schema_is_a_newer_one(files):
    text = files[BASELINE].read_text()
    first, rest = text.split("\n", 1)
    files[BASELINE].write_text(f"{first.rpartition(' ')[0]} {LONG}\n{rest}")
    with pytest.raises(AnalyzerError, match="reads up to"):
        open_input(str(files[BASELINE]))


def test_a_byte_order_mark_is_no_part_of_an_allow_list(tmp_path):
    (tmp_path / "allow.toml").write_text('\ufeff[[allow]]\nsubject = "a"\nreason = "b"\n')
    assert read_comparison_terms(DEFAULT_FAIL_ON, tmp_path / "allow.toml", ()).allow.entries


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_is_read_as_data_that_every_output_can_write_or_is_refused(value):
    try:
        data = parse_json(json.dumps(value))
    except ValueError as error:
        assert str(error)
        return
    json.dumps(data, ensure_ascii=False, allow_nan=False).encode("utf-8")


@given(st.sampled_from(RECORDS), st.text('{}[]",:\\0123456789eEuUdDNaIn.-', max_size=12), st.integers(0, 300))
def test_a_damaged_line_of_a_recording_is_a_record_or_an_error_of_the_line(record, text, position):
    line = to_line(record)
    try:
        read = from_line(line[:position] + text + line[position:])
    except LineError as error:
        assert str(error)
        return
    json.dumps(vars(read), ensure_ascii=False, allow_nan=False).encode("utf-8")
