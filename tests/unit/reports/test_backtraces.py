"""Backtraces as text, in gdb's own format."""

from __future__ import annotations

from dataclasses import replace

import pytest

import reports.text.backtraces
from analyzer.errors import UsageError
from analyzer.model.frames import IoctlAtStop
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


def repeated(times):
    """A recording in which one stack occurs `times` times; only its first stop has arguments."""
    base = recording("main > goal", "main > other")
    again = (
        replace(base.stops[0], number=number, time=float(number), arguments=()) for number in range(2, times + 1)
    )
    return replace(base, stops=(*base.stops, *again))


def test_equal_stacks_have_one_heading_with_their_hits_and_the_first_time_and_arguments():
    first, other = backtraces(repeated(5))
    assert first.splitlines()[0] == "== The goal (main thread, 0.000 s, 5 times)"
    assert "goal (value=1)" in first
    assert other.splitlines()[0] == "== The goal (main thread, 0.100 s)"


def test_each_stop_is_printed_when_all_are_asked_for():
    texts = list(backtraces(repeated(5), each=True))
    assert [text.splitlines()[0] for text in texts][2:] == [
        f"== The goal (main thread, {number}.000 s)" for number in range(2, 6)
    ]


def test_stops_at_one_ioctl_are_one_and_stops_at_another_file_are_not():
    base = recording("main > goal")
    at = [IoctlAtStop("KVM_RUN", 0xAE80, 9, "vcpu:0", 0), IoctlAtStop("KVM_RUN", 0xAE80, 9, "vcpu:0", -4)]
    at.append(IoctlAtStop("KVM_RUN", 0xAE80, 9, "vcpu:1", 0))
    stops = tuple(replace(base.stops[0], number=number, ioctl=ioctl) for number, ioctl in enumerate(at))
    texts = list(backtraces(replace(base, stops=stops)))
    assert [text.splitlines()[0] for text in texts] == [
        "== The goal, KVM_RUN on vcpu:0 (main thread, 0.000 s, 2 times)",
        "== The goal, KVM_RUN on vcpu:1 (main thread, 0.000 s)",
    ]


def test_the_first_backtrace_is_there_before_the_others_are_written(monkeypatch):
    written = []
    original = reports.text.backtraces.frame_line

    def counted(*arguments):
        written.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(reports.text.backtraces, "frame_line", counted)
    recorded = recording(*[f"main > f{number} > goal" for number in range(100)])
    assert next(backtraces(recorded)).startswith("== The goal")
    assert len(written) == 3
