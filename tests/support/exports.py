"""Recordings to be exported: with two threads, repeated stacks, ioctls and an exit; hostile; of any size."""

from __future__ import annotations

import struct
from dataclasses import replace

from analyzer.graph.merge import graph_of
from analyzer.model.frames import DefinedFunction, Frame, Function, IoctlAtStop, Stack, Stop, Thread, call_key
from analyzer.model.kvm import Ioctl, KernelEvent, KvmExit
from analyzer.model.pointers import Pointer
from analyzer.model.recording import Recording
from gdbscripts.enums import PointerOutcome, SlotKind, StopReason
from reports.export.formats import FORMATS
from tests.support.notation import frame, recording

KVM_CREATE_VM, KVM_RUN = 0xAE01, 0xAE80
RUN = struct.pack("<8xIBBHQQBBHIQ", 2, 0, 0, 0, 0, 0xFEE00000, 1, 1, 0x80, 1, 0x1000).ljust(128, b"\0")


def example() -> Recording:
    """The main thread reaches a goal through a pointer, several times, and starts a thread that runs the guest."""
    base = recording(
        "main@vl > accel_init@accel *> goal@kvm-all",
        "main@vl > realize@qdev t> start@cpus > pthread_create@[libc]",
        "vcpu_fn@cpus i> kvm_cpu_exec@kvm-all > ioctl@[libc]",
        "main@vl > walk@list > walk@list > walk@list",
    )
    reached, creation, run, walk = base.stops
    start = Function("vcpu_fn", "cpus")
    reached = replace(reached, time=0.25)
    creation = replace(
        creation,
        reason=StopReason.THREAD_CREATE,
        milestones=(),
        time=0.5,
        function="pthread_create",
        starts=DefinedFunction(start, "hw/cpus.c"),
    )
    at_ioctl = IoctlAtStop("KVM_RUN", KVM_RUN, 12, "anon_inode:kvm-vcpu:0", 0)
    run = replace(run, thread=2, time=0.75, function="ioctl", ioctl=at_ioctl)
    walk = replace(walk, number=3, time=1.0, count=5)
    again = replace(reached, number=4, time=1.25, count=3, arguments=())
    twice = replace(again, number=5, time=1.5, count=1)
    threads = (replace(base.threads[0], tid=100), Thread(2, 101, "CPU 0/KVM", created_by=1, start=start))
    pointer = Pointer(
        SlotKind.MEMBER, "AccelClass.init_machine", 0x5000, 0x1000, "goal", PointerOutcome.EXPLAINED, "", (), ()
    )
    event = KernelEvent(
        0.76, "kvm_pio", "pio_write at 0x80 size 1 count 1 val 0x5a", ("entry", "kvm_vcpu_ioctl"), 2
    )
    log = (
        Ioctl(0, 0.1, 1, 9, "/dev/kvm", KVM_CREATE_VM, 0, b"", b"", 12, reached.stack),
        Ioctl(1, 0.75, 2, 12, "anon_inode:kvm-vcpu:0", KVM_RUN, 0, b"", b"", 0, run.stack, (event,)),
        Ioctl(2, 0.9, 2, 12, "anon_inode:kvm-vcpu:0", KVM_RUN, 0, b"", b"", 0, run.stack),
        Ioctl(3, 1.1, 2, 12, "anon_inode:kvm-vcpu:0", KVM_RUN, 0, b"", b"", -7, Stack()),
    )
    exits = (KvmExit(0, 1, 0.8, 2, RUN, b"\x5a", b""),)
    return replace(
        base,
        stops=(reached, creation, run, walk, again, twice),
        threads=threads,
        pointers={call_key(reached.frames, 1, "goal"): pointer},
        ioctl_log=log,
        exits=exits,
        exit_counts={2: 7},
    )


def named(name: str) -> Recording:
    """A recording in which functions, files, threads and descriptors have the name `name`."""
    base = example()

    def renamed(stack: Stack) -> Stack:
        return Stack(
            tuple(replace(it, function=Function(name, name), name=name, file=name) for it in stack.frames)
        )

    stacks = {id(stop.stack): renamed(stop.stack) for stop in base.stops}
    stops = tuple(replace(stop, stack=stacks[id(stop.stack)], function=name) for stop in base.stops)
    log = tuple(replace(entry, file=name, stack=stops[0].stack) for entry in base.ioctl_log)
    threads = tuple(replace(it, name=name, start=None) for it in base.threads)
    return replace(base, stops=stops, threads=threads, ioctl_log=log, pointers={})


def large(stops: int, stacks: int, depth: int) -> Recording:
    """A recording of `stops` hits with `stacks` distinct stacks of `depth` functions."""
    base = recording("main > goal")
    made = [Stack((*_frames(number, depth), frame("main"))) for number in range(stacks)]
    hits = tuple(
        Stop(number, number / 1000, 1, StopReason.BREAK, (), "f0_0", made[number % stacks])
        for number in range(stops)
    )
    return replace(base, stops=hits)


def _frames(number: int, depth: int) -> list[Frame]:
    return [frame(f"f{number % (level + 1)}_{level}@file{level % 7}", line=level) for level in range(depth)]


def exported(name: str, of: Recording) -> str:
    """The text of the export of a recording in the format `name`."""
    export = FORMATS[name]
    if export.of_graph is not None:
        return "".join(export.of_graph(graph_of(of)))
    assert export.of_recording is not None
    return "".join(export.of_recording(of))
