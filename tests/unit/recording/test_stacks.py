"""Stacks that occur often: one object for all stops and ioctls that share one, arguments at the stops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.model.frames import distinct_stops
from analyzer.recording.reader import assemble
from gdbscripts.enums import FrameKind, StopReason
from gdbscripts.kvm_records import IoctlRecord
from gdbscripts.records import (
    FrameRecord,
    MilestoneRecord,
    ReturnRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)
from tests.support.notation import header

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
BEFORE = [
    header(),
    MilestoneRecord("goal", "The goal", True, ["goal"], [], files=["/src/main.c", "/src/hw/x.c"]),
    ThreadRecord(1, 100, "qemu"),
    ThreadRecord(2, 101, "worker", "0x2"),
    FrameRecord(0, "goal", FrameKind.NORMAL, 4096, "/src/main.c", 7),
    FrameRecord(1, "main", FrameKind.NORMAL, 4100, "/src/main.c", 9, call="direct"),
    FrameRecord(2, "__ioctl_time64", FrameKind.NORMAL, 4200, library=LIBC),
    StackRecord(0, [0, 1]),
    StackRecord(1, [2, 1]),
]


def stop(number, stack=0, function="goal", **changes):
    return StopRecord(number, number / 10, 1, StopReason.MILESTONE, ["goal"], function, stack, **changes)


def made(*records):
    return assemble([*BEFORE, *records], "made")


def test_stops_and_ioctls_with_one_stack_share_its_object_and_its_frames():
    ioctl = IoctlRecord(0, 0.5, 1, 9, "/dev/kvm", 0xAE01, 0, "", stack=1)
    recorded = made(*(stop(number) for number in range(5)), stop(5, 1, "ioctl"), ioctl)
    stacks = {id(each.stack): each.stack for each in recorded.stops}
    assert len(stacks) == 2
    assert recorded.ioctl_log[0].stack is recorded.stops[5].stack
    assert len({id(frame) for stack in stacks.values() for frame in stack.frames}) == 3


def test_stops_of_a_recording_before_schema_5_share_their_stacks_too():
    old = [replace(stop(number), stack=-1, frames=[0, 1]) for number in range(3)]
    assert len({id(each.stack) for each in made(*old).stops}) == 1


def test_the_function_of_a_library_has_the_name_of_the_breakpoint_at_all_its_stops():
    recorded = made(stop(0, 1, "ioctl"), stop(1, 1, "ioctl"), stop(2, 1, ""), stop(3, 1, "__ioctl_time64"))
    assert [str(each.frames[0].function) for each in recorded.stops] == ["ioctl"] * 2 + ["__ioctl_time64"] * 2
    assert [each.frames[0].function.where for each in recorded.stops] == ["[libc]"] * 4
    assert recorded.stops[0].stack is recorded.stops[1].stack
    assert recorded.stops[2].stack is recorded.stops[3].stack
    assert [each.frames[0].name for each in recorded.stops] == ["__ioctl_time64"] * 4


def test_arguments_belong_to_the_stop():
    first = stop(0, arguments=[[["a", "1"]], []])
    recorded = made(first, stop(1), stop(2, arguments=[[], []]))
    assert [each.arguments_of(0) for each in recorded.stops] == [(("a", "1"),), (), ()]
    assert [arguments for _, arguments in recorded.stops[0].frames_with_arguments()] == [(("a", "1"),), ()]
    assert [arguments for _, arguments in recorded.stops[1].frames_with_arguments()] == [(), ()]


@pytest.mark.parametrize(
    "other",
    [
        {"thread": 2},
        {"function": "other"},
        {"stack": 1},
        {"reason": StopReason.BREAK},
        {"milestones": []},
        {"open_ended": True},
    ],
    ids=str,
)
def test_distinct_stops_differ_in_more_than_number_time_and_arguments(other):
    equal = [stop(0, arguments=[[["a", "1"]], []]), stop(1, count=4), stop(2)]
    recorded = made(*equal, replace(stop(3), **other), stop(4))
    first, different = distinct_stops(recorded.stops)
    assert (first.number, first.count, first.arguments_of(0)) == (0, 7, (("a", "1"),))
    assert (different.number, different.count) == (3, 1)


def test_each_stop_at_an_ioctl_and_each_creation_of_a_thread_is_distinct():
    at_ioctl = [stop(number, 1, "ioctl", fd=9, file="/dev/kvm", request=0xAE01) for number in range(2)]
    starts = {"reason": StopReason.THREAD_CREATE, "milestones": [], "starts": "run", "starts_file": "/src/hw/x.c"}
    creating = [replace(stop(number), **starts) for number in (2, 3)]
    recorded = made(*at_ioctl, *creating, ReturnRecord(3, 0, "0x2"))
    assert [each.number for each in distinct_stops(recorded.stops)] == [0, 1, 2, 3]
