"""Recursions: stacks of thousands of frames."""

from __future__ import annotations

import pytest

from analyzer.backtraces.stacks import MAX_FRAMES, MAX_INNER_FRAMES, MAX_OUTER_FRAMES
from analyzer.cli import main
from analyzer.graph.merge import graph_of
from gdbscripts.call_kinds import CallKind
from tests.support.pasted import imported, shown

MAIN = "#{0} 0x0000000000000020 in main () at m.c:2\n"


def recursion(depth: int) -> str:
    """A stack of that many frames as gdb prints it, of a function that calls itself and, outermost, `main`."""
    frame = "#{0:<2} 0x{1:016x} in rec (n={0}) at a.c:{2}\n"
    return "".join(frame.format(n, n + 64, n + 1) for n in range(depth - 1)) + MAIN.format(depth - 1)


@pytest.mark.parametrize("depth", [100, 101, 150, 1001])
def test_what_show_prints_of_a_deep_stack_gives_the_same_recording(depth):
    text = shown(imported(recursion(depth)))
    again = imported(text)
    assert shown(again) == text
    assert again.notes == ()
    assert len(again.stops[0].frames) == depth
    assert recursion(depth) in text


def in_mi(depth: int) -> str:
    """The same in gdb's machine interface."""
    frame = 'frame={{level="{0}",addr="0x{1:x}",func="{2}"}}'
    frames = [frame.format(n, n + 64, "rec" if n < depth - 1 else "main") for n in range(depth)]
    return f"^done,stack=[{','.join(frames)}]\n"


def in_perf(depth: int) -> str:
    """The same as a sample of perf."""
    names = ["rec"] * (depth - 1) + ["main"]
    return "qemu 1/1 1.000000: cycles:\n" + "".join(
        f"\t{n + 64:x} {name}+0x1 (/q)\n" for n, name in enumerate(names)
    )


def in_folded(depth: int) -> str:
    """The same in one line."""
    return "main" + ";rec" * (depth - 1) + " 1\n"


FORMATS = pytest.mark.parametrize("text_of", [recursion, in_mi, in_perf, in_folded])


@FORMATS
@pytest.mark.parametrize("more", [0, 1, 50])
def test_of_a_stack_that_is_too_deep_both_ends_are_kept_and_it_is_said(text_of, more):
    recording = imported(text_of(MAX_FRAMES + more))
    (stop,) = recording.stops
    names = [frame.name for frame in stop.frames]
    assert len(names) == MAX_FRAMES
    assert (names[0], names[-1], recording.thread(stop.thread).label) == ("rec", "main", "main thread")
    assert [number for number, frame in enumerate(stop.frames) if frame.is_unknown] == (
        [MAX_INNER_FRAMES] if more else []
    )
    said = ["1 stack is deeper than 10000 frames: only the innermost 5000 and the outermost 4999 frames "
            "are imported."]  # fmt: skip
    assert list(recording.notes) == (said if more else [])
    calls = {(call.caller.name, call.callee.name, call.kind) for call in graph_of(recording).calls}
    assert ("main", "rec", CallKind.CALL) in calls
    assert (("rec", "rec", CallKind.UNKNOWN) in calls) == bool(more)


def test_the_outermost_frames_are_the_last_of_the_text():
    frames = imported(recursion(60_001)).stops[0].frames
    lines = [frame.line for frame in frames]
    assert lines[:MAX_INNER_FRAMES] == list(range(1, MAX_INNER_FRAMES + 1))
    assert lines[MAX_INNER_FRAMES + 1 :] == [*range(60_001 - MAX_OUTER_FRAMES + 1, 60_001), 2]


def test_what_show_prints_of_a_stack_that_was_too_deep_gives_the_same_recording():
    recording = imported(recursion(MAX_FRAMES + 50))
    again = imported(shown(recording))
    assert shown(again) == shown(recording)
    assert again.notes == recording.notes


def test_the_result_of_an_import_says_that_a_stack_is_too_deep(tmp_path, capsys):
    (tmp_path / "x.txt").write_text(recursion(MAX_FRAMES + 1))
    assert main(["import", str(tmp_path / "x.txt"), "--out", str(tmp_path / "o")]) == 0
    assert "1 stack is deeper than 10000 frames" in capsys.readouterr().out
