"""Records of the kernel's ring buffers: what is no record is a lost one, and nothing is read without end."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from analyzer.adapters.perf_records import Hit, Mapping, ThreadName, ThreadStart, parse_records

SOUND = Path(__file__).parents[3].joinpath("fuzz", "corpus", "perf_events", "seed-sound").read_bytes()
SOURCES = {1: (0, False), 2: (1, False), 3: (2, False), 4: (3, True)}


def test_each_record_is_an_event():
    events = list(parse_records(SOUND, SOURCES))
    kinds = [type(event) for event in events]
    assert kinds == [Mapping, ThreadName, Hit, Hit, ThreadStart, Hit, Hit, int, int]
    assert events[1] == ThreadName(7, "program", True)
    assert [hit.source for hit in events if isinstance(hit, Hit)] == [0, 1, 2, 3]


@pytest.mark.parametrize("length", [0, 7, 9999])
def test_a_record_of_an_impossible_length_ends_the_buffer(length):
    assert list(parse_records(struct.pack("<IHH", 9, 0, length) + SOUND, SOURCES)) == [1]


@pytest.mark.parametrize(
    "body", [b"", b"\1" * 8, struct.pack("<QIIQ", 99, 7, 7, 1), struct.pack("<QIIQ", 1, 7, 7, 1)]
)
def test_a_record_that_is_too_short_or_of_an_unknown_source_is_lost(body):
    record = struct.pack("<IHH", 9, 0, 8 + len(body)) + body
    assert list(parse_records(record + SOUND, SOURCES))[0] == 1
    assert len(list(parse_records(record + SOUND, SOURCES))) == 10
