"""Counts the exits of KVM_RUN that QEMU handles, and keeps samples with QEMU's stacks in the device.

What a tracepoint says becomes the beginning of struct kvm_run, as gdb reads it from memory. Events and fields are
those of include/trace/events/kvm.h and arch/x86/kvm/trace.h, the layout is that of linux/kvm.h.
"""

from __future__ import annotations

import os
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.adapters.perf_records import Hit
from analyzer.recording.probes.calls import IoctlCall
from gdbscripts.kvm_records import ExitCountRecord, ExitResultRecord, KvmExitRecord
from gdbscripts.records import Record

IO, MMIO = 2, 6  # KVM_EXIT_IO, KVM_EXIT_MMIO
_USERSPACE_EXIT, _PIO, _KVM_MMIO = struct.Struct("<Ii"), struct.Struct("<5I"), struct.Struct("<IIQQ")
_FIELDS = 8  # offset of the first own field of a tracepoint
_REGION = struct.Struct("<8x4QI")  # the probe's address, then what it fetches
_UNSATISFIED, _READ = 0, 1  # type of kvm_mmio; 2 is a write
_RUN_SIZE = 128  # bytes of struct kvm_run that are recorded
_MIN_PER_ACCESS, _MAX_EXITS = 2, 5000  # as in gdbscripts/exits.py
_DATA_OFFSET = 4096  # of the data of a port access, from the beginning of struct kvm_run


class Access(NamedTuple):
    """An access of the guest, `times` by one instruction. `value` is that written, or read when that is known."""

    port: bool  # else to memory
    write: bool
    address: int
    size: int
    times: int
    value: int


class MemoryRegion(NamedTuple):
    """A memory region of QEMU: its name, and the addresses of the device's functions by the names of `MEMBERS`."""

    name: str
    functions: dict[str, int]


MEMBERS = ("read", "write", "read_with_attrs", "write_with_attrs")  # of struct MemoryRegionOps of QEMU


def region_arguments(offsets: Mapping[str, int]) -> str:
    """What a probe at the entry of an accessor of memory regions fetches, in the words of uprobetracer.rst.

    `offsets` in bytes: of `name` and `ops` in a region, of `MEMBERS` in its operations; "" when some are missing.
    """
    if not {"name", "ops", "read", "write"} <= offsets.keys():
        return ""
    operations = f"+0x{offsets['ops']:x}(%di)"
    functions = [f"{name}=+0x{offsets.get(name, 0):x}({operations}):u64" for name in MEMBERS]
    return " ".join([*functions, f"name=+0(+0x{offsets['name']:x}(%di)):string"])


def fetched_region(fields: bytes) -> MemoryRegion:
    """The region that such a probe has fetched; struct.error when it could not."""
    *functions, name = _REGION.unpack_from(fields, _FIELDS)
    start, size = name & 0xFFFF, name >> 16  # as a __data_loc of a tracepoint
    text = fields[start : start + size].partition(b"\0")[0]
    return MemoryRegion(os.fsdecode(text), dict(zip(MEMBERS, functions, strict=True)))


class DeviceStack(NamedTuple):
    """A call of a device's function: addresses of the function and its stack, and the memory region."""

    time: int
    stack: int
    region: int
    accessor: str


@dataclass
class Exit:
    """One exit of the KVM_RUN `run`. `answer` is what QEMU returns to the guest; `access` is None without one."""

    time: int
    tid: int
    reason: int
    run: IoctlCall | None = None
    access: Access | None = None
    answer: int | None = None
    stacks: list[DeviceStack] = field(default_factory=list)


@dataclass
class _Thread:
    """What is known of a vCPU's thread: the last access that KVM has seen, and the exit that QEMU handles."""

    written: Access | None = None
    unsatisfied: Access | None = None
    exit: Exit | None = None


class ExitCollector:
    """Takes events in the order of time. `sampled` has the exits kept; `counts` all, by reason.

    `samples`: exits kept for each reason.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._threads: defaultdict[int, _Thread] = defaultdict(_Thread)
        self._accesses: Counter[tuple[int, bool, int]] = Counter()
        self.counts: Counter[int] = Counter()
        self.sampled: list[Exit] = []
        self.accesses: Counter[tuple[int, str]] = Counter()  # memory region and accessor -> accesses
        self.regions: dict[int, MemoryRegion] = {}
        self.others: dict[tuple[int, DeviceStack], list[int]] = {}  # not sampled: times of the first, and accesses

    def take_exit(self, hit: Hit, run: IoctlCall | None) -> None:
        """Take kvm_userspace_exit; `run` is the KVM_RUN that the thread is in."""
        reason, error = _USERSPACE_EXIT.unpack_from(hit.fields, _FIELDS)
        thread = self._threads[hit.tid]
        if error < 0:  # interrupted, or failed: QEMU handles no exit
            return
        self._finish(thread)
        self.counts[reason] += 1
        access = thread.written
        if reason == MMIO and thread.unsatisfied is not None:
            access = thread.unsatisfied
        if access is not None and (reason not in (IO, MMIO) or access.port is not (reason == IO)):
            access = None
        thread.exit = Exit(hit.time, hit.tid, reason, run, access)
        thread.written = thread.unsatisfied = None

    def take_pio(self, hit: Hit) -> None:
        """Take kvm_pio: before the exit for a write, after it for a read."""
        write, port, size, count, value = _PIO.unpack_from(hit.fields, _FIELDS)
        self._take_access(hit.tid, Access(True, bool(write), port, size, count, value))

    def take_mmio(self, hit: Hit) -> None:
        """Take kvm_mmio: for a read it comes unsatisfied before the exit, and with the value after it."""
        kind, size, address, value = _KVM_MMIO.unpack_from(hit.fields, _FIELDS)
        access = Access(False, kind not in (_UNSATISFIED, _READ), address, size, 1, value)
        if kind == _UNSATISFIED:
            self._threads[hit.tid].unsatisfied = access
        else:
            self._take_access(hit.tid, access)

    def take_accessor(self, tid: int, stack: DeviceStack) -> None:
        """Take the call of a function that calls a device's function."""
        self.accesses[stack.region, stack.accessor] += 1
        exit_ = self._threads[tid].exit
        if exit_ is None:
            self._count_other(tid, stack)
            return
        if exit_.reason == IO and exit_.access is not None and "read" in stack.accessor:
            exit_.access = None  # what was written before was not the cause; the read follows
        exit_.stacks.append(stack)

    def take_region(self, address: int, fields: bytes) -> None:
        """Take what the probe of an accessor has fetched of the memory region at `address`."""
        if address not in self.regions:
            self.regions[address] = fetched_region(fields)

    def finish(self) -> None:
        """Take the exits that are not finished, after the last event."""
        for thread in self._threads.values():
            self._finish(thread)

    def _take_access(self, tid: int, access: Access) -> None:
        thread = self._threads[tid]
        if access.write:
            thread.written = access
            return
        exit_ = thread.exit
        if exit_ is None or exit_.answer is not None or exit_.reason != (IO if access.port else MMIO):
            return
        if exit_.access is None or (not exit_.access.write and exit_.access.address == access.address):
            exit_.access, exit_.answer = access, access.value

    def _finish(self, thread: _Thread) -> None:
        """Keep the exit that the thread has handled, or count its stacks."""
        exit_, thread.exit = thread.exit, None
        if exit_ is None:
            return
        access = exit_.access
        key = (exit_.reason, access.write, access.address) if access is not None else (exit_.reason, True, 0)
        self._accesses[key] += 1
        wanted = self.counts[exit_.reason] <= self._samples or self._accesses[key] <= _MIN_PER_ACCESS
        if wanted and len(self.sampled) < _MAX_EXITS:
            self.sampled.append(exit_)
            return
        for stack in exit_.stacks:
            self._count_other(exit_.tid, stack)

    def _count_other(self, tid: int, stack: DeviceStack) -> None:
        counted = self.others.setdefault((tid, stack._replace(time=0)), [stack.time, 0])
        counted[1] += 1


def exit_records(
    exits: ExitCollector, runs: Mapping[IoctlCall, int], threads: Mapping[int, int], started: int
) -> Iterator[Record]:
    """The records of exits and their counts.

    `runs`: numbers of the calls in the ioctl log; `threads`: number of each thread by its tid; `started`: time
    zero in nanoseconds.
    """
    for number, exit_ in enumerate(exits.sampled):
        access = exit_.access
        run = runs.get(exit_.run, -1) if exit_.run is not None else -1
        data = _bytes(access) if access is not None and access.port and access.write else b""
        time = round((exit_.time - started) / 1e9, 6)
        yield KvmExitRecord(number, run, time, threads[exit_.tid], kvm_run(exit_).hex(), data.hex())
        if exit_.answer is not None and access is not None:
            yield ExitResultRecord(number, _bytes(access).hex())
    for reason, count in sorted(exits.counts.items()):
        yield ExitCountRecord(reason, count)


def kvm_run(exit_: Exit) -> bytes:
    """The beginning of struct kvm_run for an exit."""
    run = bytearray(_RUN_SIZE)
    struct.pack_into("<I", run, 8, exit_.reason)
    access = exit_.access
    if access is None:
        return bytes(run)
    if access.port:
        struct.pack_into("<BBHIQ", run, 32, access.write, access.size, access.address, access.times, _DATA_OFFSET)
    else:
        struct.pack_into("<QQIB", run, 32, access.address, access.value, access.size, access.write)
    return bytes(run)


def _bytes(access: Access) -> bytes:
    """The value of an access as it is in memory; a tracepoint has the first value of a string instruction only."""
    return (access.value & (1 << 8 * access.size) - 1).to_bytes(access.size, "little")
