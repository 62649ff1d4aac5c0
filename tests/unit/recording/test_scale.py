"""Recordings with very many stops: what is built, and how much memory a stop needs. Times are in `make bench`."""

from __future__ import annotations

import gc
import io
import tracemalloc

import pytest

import analyzer.model.frames
import analyzer.recording.stops
from analyzer.recording.reader import assemble
from analyzer.recording.record_lines import read_records
from gdbscripts.enums import FrameKind, RecordingOutcome, StopReason
from gdbscripts.json_lines import to_line
from gdbscripts.records import (
    EndRecord,
    FrameRecord,
    MilestoneRecord,
    RepeatRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)
from tests.support.notation import header

DEPTH = 20
FRAMES = 50


def stream(stops, stacks, old=False):
    """A recording as bytes: `stops` stops with `stacks` distinct stacks of DEPTH frames, with arguments at their
    first stops. With `old`, as it was before schema 5: stops list their frames."""
    lines = [
        header(),
        MilestoneRecord("goal", "The goal", True, ["f0"], [], files=["/src/a.c", "/src/hw/b.c"]),
        ThreadRecord(1, 100, "qemu"),
        *(FrameRecord(n, f"f{n}", FrameKind.NORMAL, 4096 + n, f"/src/hw/{n}.c", n + 1) for n in range(FRAMES)),
    ]
    numbers = [[(stack // FRAMES**d + d * stack) % FRAMES for d in range(DEPTH)] for stack in range(stacks)]
    for stop in range(stops):
        stack, first = stop % stacks, stop < stacks
        if first and not old:
            lines.append(StackRecord(stack, numbers[stack]))
        arguments = [[["value", hex(stop)]] for _ in range(DEPTH)] if first else []
        where = {"frames": numbers[stack]} if old else {"stack": stack}
        lines.append(
            StopRecord(stop, stop / 1e4, 1, StopReason.BREAK, ["goal"], "f0", arguments=arguments, **where)
        )
    lines.append(EndRecord(RecordingOutcome.COMPLETE, "", FRAMES, stops))
    return io.BytesIO("".join(map(to_line, lines)).encode())


def read(content):
    return assemble(read_records(content, "made"), "made")


@pytest.fixture
def built(monkeypatch):
    """How many objects of the model are built, and how many functions are named, by name."""
    counts = {"Frame": 0, "Stack": 0, "identify": 0}

    def count(name):
        original = getattr(analyzer.model.frames, name)

        def counted(*arguments, **named):
            counts[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(analyzer.recording.stops, name, counted)

    for name in counts:
        count(name)
    return counts


@pytest.mark.parametrize("old", [False, True], ids=["schema 5", "schema 4"])
@pytest.mark.parametrize("stops", [500, 5000])
def test_frames_and_stacks_are_built_and_named_once(stops, old, built):
    recording = read(stream(stops, 100, old))
    assert len(recording.stops) == stops
    assert built == {"Frame": FRAMES, "Stack": 100 + 1, "identify": FRAMES}  # one stack stands for none
    assert len({id(stop.stack) for stop in recording.stops}) == 100


@pytest.mark.parametrize(
    ("stacks", "limit"), [(20, 330), (6000, 650)], ids=["few distinct stacks", "each third stack is another"]
)
def test_a_stop_needs_little_memory_while_it_is_read_and_afterwards(stacks, limit):
    """The limits are bytes for each stop; the second one includes the arguments of first stops."""
    content = stream(20_000, stacks)
    read(stream(10, 10))  # what is made once
    gc.collect()
    tracemalloc.start()
    try:
        recording = read(content)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(recording.stops) == 20_000
    assert peak / 20_000 < limit, f"{kept / 20_000:.0f} bytes are kept, {peak / 20_000:.0f} at the peak"


def test_hits_of_equal_stacks_need_no_stop_of_their_own():
    records = stream(100, 100).getvalue().splitlines(keepends=True)
    repeats = [to_line(RepeatRecord(stop, 1000)).encode() for stop in range(100)] * 3
    recording = read(io.BytesIO(b"".join([*records[:-1], *repeats, records[-1]])))
    assert [stop.count for stop in recording.stops] == [3001] * 100
