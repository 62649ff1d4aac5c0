"""Stops that are made while their file is read equal those of the whole recording."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.cli import main
from analyzer.errors import AnalyzerError, UsageError
from analyzer.recording import record_lines, stop_counts
from analyzer.recording.reader import read_recording
from analyzer.recording.streamed import StreamedRecording
from gdbscripts.enums import StopReason
from gdbscripts.json_lines import to_line
from gdbscripts.records import RepeatRecord, ReturnRecord, StopRecord, ThreadRecord
from reports.text.backtraces import backtraces, backtraces_of
from tests.support.inputs import RECORDS as INPUT_RECORDS
from tests.support.notation import header
from tests.unit.recording.test_reader import RECORDS, write

_MANY = 5000  # stops; their file has several of the blocks that are decoded at once
MILESTONE, THREAD, INNER, OUTER, STACK, STOP, END = RECORDS
VCPU, CREATE = ThreadRecord(2, 101, "CPU 0/KVM", "0x2"), StopReason.THREAD_CREATE


def repeats(count=6):
    """Stops with two stacks in turn; the first has arguments."""
    stops = [replace(STOP, number=n, time=n / 10, stack=n % 2, arguments=[]) for n in range(count)]
    return [*RECORDS[:5], replace(STACK, number=1, frames=[1]), replace(STOP, number=0), *stops[1:], END]


RECORDINGS = {
    "those of other tests": INPUT_RECORDS,
    "equal stacks": repeats(),
    "further hits of a stop": [*repeats()[:-1], RepeatRecord(0, 5), RepeatRecord(2, 4), RepeatRecord(0, 1), END],
    "ioctls with equal and other files": [
        *RECORDS[:6],
        *[
            replace(STOP, number=n + 1, fd=n, file=f"/dev/{'kvm' if n < 2 else n}", request=44544)
            for n in range(4)
        ],
        *[ReturnRecord(n + 1, n) for n in range(4)],
        RepeatRecord(2, 3),
        END,
    ],
    "a thread whose creation returns later": [
        *RECORDS[:5],
        StopRecord(0, 0.1, 1, CREATE, [], "pthread_create", 0, starts="run", starts_file="/src/system/main.c"),
        StopRecord(1, 0.1, 1, CREATE, [], "pthread_create", 0, starts="run", starts_file="/src/system/main.c"),
        VCPU,
        replace(STOP, number=2, thread=2),
        ReturnRecord(0, 0, "0x2"),
        replace(STOP, number=3, thread=2, time=9.0),
        ThreadRecord(2, 101, "renamed", "0x2"),
        END,
    ],
    "signals, open ends, counts": [
        *RECORDS[:5],
        *[replace(STOP, number=n, open_ended=n % 2 == 0, count=1 + n) for n in range(4)],
        *[
            replace(STOP, number=4 + n, reason=StopReason.SIGNAL, milestones=[], signal="SIGSEGV")
            for n in range(2)
        ],
        END,
    ],
    "stops of schema 4": [
        *RECORDS[:4],
        *[replace(STOP, number=n, stack=-1, frames=[0, 1]) for n in range(3)],
        END,
    ],
    "cut short": repeats()[:-1],
}


@pytest.fixture(params=list(RECORDINGS))
def file(request, tmp_path):
    return write(tmp_path / "recording.jsonl", RECORDINGS[request.param])


@pytest.mark.parametrize("each", [False, True])
def test_the_text_is_that_of_the_whole_recording(file, each):
    streamed, recording = StreamedRecording(file, "it"), read_recording(file)
    found = backtraces_of(streamed.stops(each), streamed, streamed.header)
    assert list(found) == list(backtraces(recording, each=each))
    assert streamed.end == recording.end


def test_lines_of_other_programs_are_counted_too(tmp_path):
    file = tmp_path / "recording.jsonl"
    lines = [to_line(record) for record in (header(), *repeats())]
    file.write_text("".join(line.replace('": ', '":') if "stop" in line else line for line in lines))
    streamed = StreamedRecording(file, "it")
    assert [(stop.number, stop.count) for stop in streamed.stops(each=False)] == [(0, 3), (1, 3)]


def test_the_first_stop_is_there_before_the_file_is_decoded(tmp_path, monkeypatch):
    file, decoded = write(tmp_path / "recording.jsonl", repeats(_MANY)), []

    def counted(lines):
        decoded.extend(lines)
        return decode(lines)

    decode = record_lines.decode_lines
    monkeypatch.setattr(record_lines, "decode_lines", counted)
    monkeypatch.setattr(stop_counts, "decode_lines", counted)
    first = next(StreamedRecording(file, "it").stops(each=False))
    assert first.count == _MANY / 2
    assert len(decoded) < _MANY / 1.5


def test_counting_decodes_no_line_of_a_plain_stop_frame_or_stack(tmp_path, monkeypatch):
    decoded, decode = [], stop_counts.decode_lines
    monkeypatch.setattr(stop_counts, "decode_lines", lambda lines: decoded.extend(lines) or decode(lines))
    StreamedRecording(write(tmp_path / "recording.jsonl", repeats(_MANY)), "it")
    assert [line.partition(b",")[0].decode() for line in decoded] == [
        f'{{"record": "{record.TAG}"' for record in (header(), MILESTONE, THREAD, END)
    ]


def test_a_function_that_was_not_recorded_is_an_error_with_near_names(tmp_path):
    streamed = StreamedRecording(write(tmp_path / "recording.jsonl", RECORDS), "it")
    with pytest.raises(UsageError, match="No backtrace of gaol") as caught:
        list(backtraces_of(streamed.stops(each=False), streamed, streamed.header, "gaol"))
    assert "goal" in caught.value.hint


def test_damage_is_named_as_when_the_whole_is_read(tmp_path):
    file = write(tmp_path / "recording.jsonl", [*RECORDS[:6], replace(STOP, number=1, stack=7), END])
    with pytest.raises(AnalyzerError) as whole:
        read_recording(file, "it")
    with pytest.raises(AnalyzerError, match="names number 7, which is missing") as streamed:
        list(StreamedRecording(file, "it").stops(each=False))
    assert streamed.value.message == whole.value.message


def test_show_prints_what_precedes_the_damage_and_then_the_error(tmp_path, capsys):
    file = write(tmp_path / "recording.jsonl", RECORDS[:6])
    with file.open("a") as stream:
        stream.write("{\n")
    assert main(["show", str(file)]) == 3
    printed = capsys.readouterr()
    assert "== The goal (main thread, 0.500 s)" in printed.out
    assert "is damaged in line 8" in printed.err
