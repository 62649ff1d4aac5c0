"""Counts of what reading a recording builds: they do not depend on the machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

import analyzer.recording.stops
from analyzer.graph.merge import graph_of
from analyzer.model.frames import each_distinct_stop
from analyzer.recording import record_lines
from analyzer.recording.reader import read_recording
from gdbscripts.json_lines import to_line
from tests.unit.recording.test_reader import RECORDS, write

_STOPS, _DISTINCT = 300, 3  # of the recording in these tests


@pytest.fixture
def repeated(tmp_path):
    """A recording of 300 stops that share three stacks, each stop a record of its own."""
    milestone, thread, inner, outer, stack, stop, end = RECORDS
    stacks = [replace(stack, number=number, frames=[0, 1] + [1] * number) for number in range(_DISTINCT)]
    stops = [
        replace(stop, number=number, time=number / 10, stack=number % _DISTINCT, arguments=[])
        for number in range(_STOPS)
    ]
    return write(tmp_path / "r.jsonl", [milestone, thread, inner, outer, *stacks, *stops, end])


def counted(monkeypatch, name):
    """The number of objects of the class `name` that are made of records from now on, in a list."""
    made, kind = [], getattr(analyzer.recording.stops, name)

    def make(*arguments, **fields):
        made.append(name)
        return kind(*arguments, **fields)

    monkeypatch.setattr(analyzer.recording.stops, name, make)
    return made


def test_one_stack_object_is_built_for_all_stops_that_share_it(repeated, monkeypatch):
    stacks, frames = counted(monkeypatch, "Stack"), counted(monkeypatch, "Frame")
    recording = read_recording(repeated)
    assert len({id(stop.stack) for stop in recording.stops}) == _DISTINCT
    assert len(stacks) == _DISTINCT + 1  # and the empty one
    assert len(frames) == 2


def test_reading_builds_no_stop_and_each_is_built_when_it_is_asked_for(repeated, monkeypatch):
    stops = counted(monkeypatch, "Stop")
    recording = read_recording(repeated)
    assert not stops
    assert recording.stop(_STOPS - 1).number == _STOPS - 1
    assert len(stops) == 1


def test_merging_builds_each_stop_at_most_ten_times(repeated, monkeypatch):
    stops = counted(monkeypatch, "Stop")
    graph = graph_of(read_recording(repeated))
    assert sum(node.frames for node in graph.nodes if node.function.name == "goal") == _STOPS
    assert len(stops) <= 10 * _STOPS


def test_each_line_is_decoded_once(repeated, monkeypatch):
    decoded = []

    def decode(lines):
        decoded.extend(lines)
        return _decode(lines)

    _decode = record_lines.decode_lines
    monkeypatch.setattr(record_lines, "decode_lines", decode)
    read_recording(repeated)
    assert len(decoded) == len(repeated.read_text().splitlines()) - 1  # the header is decoded alone


def test_a_repeated_stop_takes_at_most_160_bytes_of_a_recording():
    assert len(to_line(replace(RECORDS[5], number=999_999, time=123.456789, arguments=[]))) <= 160


def test_stops_are_a_sequence_that_compares_and_slices_as_a_tuple_does(repeated):
    stops = read_recording(repeated).stops
    assert stops == tuple(stops)
    assert stops != tuple(stops)[1:]
    assert stops[-1] == tuple(stops)[-1]
    assert stops[1:3] == tuple(stops)[1:3]
    with pytest.raises(IndexError):
        stops[_STOPS]


def test_distinct_stops_are_those_wanted_with_the_hits_of_all_equal_ones(repeated):
    stops = read_recording(repeated).stops
    found = list(each_distinct_stop(stops, wanted=lambda stop: stop.number >= 30))
    assert [(stop.number, stop.count) for stop in found] == [(30, 90), (31, 90), (32, 90)]
