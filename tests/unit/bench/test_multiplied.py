"""Large recordings made of a small one."""

from __future__ import annotations

from collections import Counter

import pytest

from analyzer.graph.merge import graph_of
from analyzer.recording.reader import FILE_NAME, read_recording
from gdbscripts.enums import RecordingOutcome
from gdbscripts.json_lines import to_line
from gdbscripts.records import (
    BREAK,
    EndRecord,
    FrameRecord,
    MilestoneRecord,
    RepeatRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)
from tests.bench.multiplied import Shape, multiplied, records_of, write_multiplied
from tests.support.notation import header

DEPTH = 9
STACKS = 20  # of the real recording, besides that of main
FUNCTIONS = 30
CALLED = "called"


def real_records():
    """A recording of main, and of 20 different stacks of depth 9 in `called`, one of them hit three times."""
    yield header()
    yield MilestoneRecord("main", "QEMU starts", True, ["main"], [], files=["/src/main.c"])
    yield MilestoneRecord(f"{BREAK}{CALLED}", "Asked for", False, [CALLED], [], files=["/src/called.c"])
    yield ThreadRecord(1, 77, "qemu")
    yield FrameRecord(0, "main", "normal", 0x1000, "/src/main.c", 3, call="direct")
    yield FrameRecord(1, CALLED, "normal", 0x2000, "/src/called.c", 5)
    for number in range(2, FUNCTIONS):
        name = f"f{number}"
        yield FrameRecord(number, name, "normal", 0x3000 + number, f"/src/{name}.c", number, call="direct")
    yield StackRecord(0, [0])
    yield StopRecord(0, 0.1, 1, "milestone", ["main"], "main", 0, [[["argc", "1"]]])
    for number in range(1, STACKS + 1):
        callers = [2 + (number + depth) % (FUNCTIONS - 2) for depth in range(DEPTH - 2)]
        yield StackRecord(number, [1, *callers, 0])
        arguments = [[["value", str(number)]]] + [[]] * (DEPTH - 1)
        yield StopRecord(number, 0.1, 1, "break", [f"{BREAK}{CALLED}"], CALLED, number, arguments)
    yield RepeatRecord(STACKS, 2)
    yield EndRecord(RecordingOutcome.COMPLETE, "QEMU ended", FUNCTIONS, STACKS + 1)


def write_real(folder):
    folder.mkdir()
    (folder / FILE_NAME).write_text("".join(map(to_line, real_records())))
    return folder


def made(tmp_path, shape: Shape):
    """The recording of `shape`, as the reader has it, and the number of frames that the generator counts."""
    frames = write_multiplied(write_real(tmp_path / "real"), tmp_path / "made", shape, tmp_path / "perf.txt")
    return read_recording(tmp_path / "made"), frames


def stacks_of(recording):
    return Counter(tuple(frame.pc for frame in stop.frames) for stop in recording.stops)


@pytest.mark.parametrize(
    ("stacks", "distinct"),
    [(1000, 10), (1000, STACKS + 1), (1000, 300), (500, 500)],
    ids=["fewer than the real one has", "as many", "more", "all differ"],
)
def test_it_has_as_many_stops_and_as_many_distinct_stacks_as_asked_for(tmp_path, stacks, distinct):
    recording, frames = made(tmp_path, Shape(stacks, distinct))
    assert len(recording.stops) == stacks
    assert len(stacks_of(recording)) == distinct
    assert sum(len(stop.frames) for stop in recording.stops) == frames
    assert {stop.count for stop in recording.stops} == {1}
    assert recording.end.stops == stacks


def test_every_stop_has_its_own_time_and_repeats_are_spread_over_all_stacks(tmp_path):
    recording, _ = made(tmp_path, Shape(3000, 30))
    times = [stop.time for stop in recording.stops]
    assert times == sorted(set(times))
    counts = stacks_of(recording).values()
    assert max(counts) < 6 * 3000 / 30
    assert sorted(counts)[1] > 1, "only the stack of main, a milestone, is there once"


def test_only_the_first_stop_with_a_stack_has_arguments(tmp_path):
    recording, _ = made(tmp_path, Shape(1000, 300))
    seen = set()
    for stop in recording.stops:
        stack = tuple(frame.pc for frame in stop.frames)
        assert any(frame.arguments for frame in stop.frames) == (stack not in seen)
        seen.add(stack)


def test_a_varied_stack_differs_in_one_caller_and_keeps_the_function_of_the_breakpoint(tmp_path):
    recording, _ = made(tmp_path, Shape(400, 400))
    real = {stop.frames for stop in recording.stops[: STACKS + 1]}
    names = {tuple(frame.name for frame in frames) for frames in real}
    for stop in recording.stops[STACKS + 1 :]:
        own = tuple(frame.name for frame in stop.frames)
        assert own[0] == CALLED
        assert 1 in {sum(a != b for a, b in zip(own, other, strict=False)) for other in names}


def test_the_graph_of_a_made_recording_holds_together_and_has_the_functions_of_the_variants(tmp_path):
    recording, _ = made(tmp_path, Shape(400, 400, variants=7))
    graph = graph_of(recording)
    graph.check()
    names = {node.function.name for node in graph.nodes}
    assert {"f5", "f5_1", "f5_7"} <= names
    assert "f5_8" not in names


def test_with_many_variants_each_varied_stack_has_a_function_of_its_own(tmp_path):
    recording, _ = made(tmp_path, Shape(400, 400, variants=10_007))
    real = graph_of(read_recording(tmp_path / "real"))
    assert len(graph_of(recording).nodes) == len(real.nodes) + 400 - (STACKS + 1)


def test_a_changed_recording_has_other_names_for_some_functions_and_the_same_stacks(tmp_path):
    recording, _ = made(tmp_path, Shape(400, 100))
    write_multiplied(tmp_path / "real", tmp_path / "changed", Shape(400, 100, changed=True))
    changed = read_recording(tmp_path / "changed")
    assert stacks_of(changed) == stacks_of(recording)
    names, changed_names = ({f.name for stop in each.stops for f in stop.frames} for each in (recording, changed))
    renamed = {name for name in changed_names if "_changed" in name}
    assert renamed
    assert len(names - changed_names) == len(renamed) < len(names) / 10


def test_perfs_text_has_the_same_stops_and_frames(tmp_path):
    recording, frames = made(tmp_path, Shape(300, 100))
    lines = (tmp_path / "perf.txt").read_text().splitlines()
    assert sum(line.startswith("qemu-system-x86 77 [000]") for line in lines) == 300
    assert sum(line.startswith("\t") for line in lines) == frames
    last = [line for line in lines if line.startswith("\t")][-len(recording.stops[-1].frames) :]
    assert [line.split()[1].partition("+")[0] for line in last] == [f.name for f in recording.stops[-1].frames]


@pytest.mark.parametrize(
    "shape", [Shape(10, 11), Shape(10, 1), Shape(100_000, 100_000)], ids=["too many", "too few", "exhausted"]
)
def test_a_shape_that_cannot_be_made_is_refused(shape):
    with pytest.raises(ValueError, match=r"too (few|many)"):
        list(multiplied(real_records(), shape))


def test_records_are_read_back_as_they_were_written(tmp_path):
    assert list(records_of(write_real(tmp_path / "real"))) == list(real_records())
