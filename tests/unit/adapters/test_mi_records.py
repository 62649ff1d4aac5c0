"""Lines of gdb's machine interface: records as pygdbmi reads them, and any other line as output."""

from __future__ import annotations

import pytest

from analyzer.adapters.mi_records import parse_record, started_process, text_in

STOPPED = '*stopped,reason="breakpoint-hit",frame={func="f",args=[{name="a",value="\\"1\\""}]},thread-id="1"'


def test_a_record_has_its_token_and_payload():
    record = parse_record('12^done,files=[{path="/a",identity=""},{path="/b"}]')
    assert (record["type"], record["message"], record["token"]) == ("result", "done", 12)
    assert record["payload"] == {"files": [{"path": "/a", "identity": ""}, {"path": "/b"}]}
    assert parse_record("3^running")["payload"] == {}
    assert parse_record('~"text\\n"')["payload"] == "text\n"


def test_a_stop_has_its_reason():
    record = parse_record(STOPPED)
    assert text_in(record, "reason") == "breakpoint-hit"
    assert text_in(record, "frame") == ""  # a tuple
    assert text_in(record, "signal-name") == ""


@pytest.mark.threat(
    "gdb prints what is no record, or a program prints in its place",
    source="the program that gdb runs",
    defence="only lines of the documented form are records; all others are output",
)
@pytest.mark.parametrize("end", range(len("*stopped,") + 1, len(STOPPED), 3))
def test_a_record_that_is_cut_off_is_output(end):
    """pygdbmi does not end on some of them."""
    line = STOPPED[:end]
    record = parse_record(line)
    assert record["type"] == "output" or line.count('"') % 2 == 0
    if record["type"] == "output":
        assert record["payload"] == line


@pytest.mark.threat("gdb prints what is no record, or a program prints in its place")
@pytest.mark.parametrize(
    "line",
    [
        "",
        "^",
        "text",
        '^done,"a"',
        "^done,a=b",
        '^done,a=["b"',
        "^done," + "a=[" * 5000,
        '~"a\\q"',
        '^done,a="\\q"',
    ],
)
def test_other_lines_are_output(line):
    assert parse_record(line)["payload"] == line


@pytest.mark.parametrize("pid", ['"x"', '"-1"', '"99999999999999999999"', '["1"]'])
def test_a_process_id_that_is_none_starts_nothing(pid):
    assert started_process(parse_record(f'=thread-group-started,id="i1",pid={pid}')) is None
    assert started_process(parse_record('=thread-group-started,id="i1",pid="42"')) == 42


def test_the_prompt_is_no_output_of_gdb():
    assert parse_record("(gdb) ")["type"] == "done"
    assert parse_record("(gdb) x")["type"] == "output"
