"""Backtraces as text, in gdb's own format."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.errors import UsageError
from gdbscripts.enums import FrameKind
from reports.text.backtraces import backtraces, frame_line
from tests.support.notation import frame, recording


def test_a_frame_looks_as_gdb_prints_it():
    shown, arguments = frame("kvm_init", line=2279), (("ms", "0x5555"),)
    assert (
        frame_line(0, replace(shown, addressed=False), arguments) == "#0  kvm_init (ms=0x5555) at hw/main.c:2279"
    )
    assert frame_line(10, replace(shown, pc=0x555555909F1E), arguments) == (
        "#10 0x0000555555909f1e in kvm_init (ms=0x5555) at hw/main.c:2279"
    )


def test_frames_of_libraries_and_signals():
    library = frame("clone3", file="", library="/lib/libc.so.6", pc=16)
    assert frame_line(3, library) == "#3  0x0000000000000010 in clone3 () from /lib/libc.so.6"
    assert frame_line(1, frame("<signal handler called>", kind=FrameKind.SIGNAL)) == "#1  <signal handler called>"


@pytest.mark.parametrize(
    ("kind", "mark"),
    [(FrameKind.INLINE, "[inlined]"), (FrameKind.TAIL, "[tail call]"), (FrameKind.NORMAL, "hw/main.c:1")],
)
def test_inlined_and_tail_call_frames_are_marked(kind, mark):
    assert frame_line(0, frame("f", kind=kind)).endswith(mark)


def test_only_the_function_asked_for_is_shown():
    recorded = recording("main > goal", "main > other")
    assert len(list(backtraces(recorded))) == 2
    assert len(list(backtraces(recorded, "other"))) == 1


def test_a_milestone_is_as_good_as_a_function():
    assert len(list(backtraces(recording("main > x"), "goal"))) == 1


def test_a_function_that_was_not_recorded_gets_near_names():
    with pytest.raises(UsageError, match="No backtrace of gaol") as caught:
        list(backtraces(recording("main > goal"), "gaol"))
    assert "goal" in caught.value.hint
