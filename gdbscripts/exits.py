"""Why KVM_RUN came back, and what QEMU does about it, down to the device's function.

The structure is where the program has mapped the processor's descriptor; its layout is that of linux/kvm.h.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Set, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import flow, pointer_operand
from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.disassembly import Disassembler
from gdbscripts.enums import StopReason
from gdbscripts.frame_arguments import may_be_optimised
from gdbscripts.memory import read_bytes, value_in
from gdbscripts.recorder import Recorder
from gdbscripts.records import ExitCountRecord, ExitResultRecord, KvmExitRecord
from gdbscripts.tail_calls import address_of

RUN = 0xAE80  # KVM_RUN
_HEAD = 128  # bytes of struct kvm_run: all that tells about I/O
_MOST_DATA = 4096  # bytes of a string instruction
_MOST_EXITS = 5000
_EXIT_IO, _EXIT_MMIO = 2, 6
_IN = 0  # of a port, or of memory
_AT_LEAST = 2  # exits of each kind and address, however many of their reason there were
# The structure is mapped from the descriptor's beginning; a ring of dirty pages, or of kept accesses, lies behind.
_MAPPING = re.compile(r"^([0-9a-f]+)-[0-9a-f]+ \S+ 0+ \S+ \d+\s+(anon_inode:\S*kvm-vcpu\S*)", re.MULTILINE)
_MOST_STOPS = 16  # of each exit

_Kind = Tuple[int, int, int]  # reason, direction, address


class ExitSampler:
    """Samples the exits of all vCPUs: the first `samples` of each reason, and counts the rest."""

    def __init__(self, samples: int, accessors: List[str], recorder: Recorder) -> None:
        self._samples = samples
        self._accessors = accessors
        self._callbacks: Optional[DeviceFunctions] = None
        self._recorder = recorder
        self._mapped: Dict[str, int] = {}
        self._counts: Dict[int, int] = {}
        self._kinds: Dict[_Kind, int] = {}
        self._current: Dict[int, int] = {}  # thread -> exit that it is handling, when that is sampled
        self._unanswered: Dict[int, Tuple[int, int, int]] = {}  # thread -> exit, address and size of what is read
        self._stops: Dict[int, int] = {}
        self._number = 0

    def came_back(self, thread: int, file: str, ioctl: int) -> None:
        """KVM_RUN has returned 0 on `thread`."""
        run = self._run_of(file)
        head = read_bytes(run, _HEAD) if run else b""
        if len(head) < _HEAD:
            return
        reason = int.from_bytes(head[8:12], "little")
        self._counts[reason] = self._counts.get(reason, 0) + 1
        kind = _kind_of(reason, head)
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        wanted = self._counts[reason] <= self._samples or self._kinds[kind] <= _AT_LEAST
        if not wanted or self._number >= _MOST_EXITS:
            return
        where, size = _data_of(run, reason, head)
        data = read_bytes(where, size) if reason == _EXIT_IO and kind[1] != _IN else b""
        self._recorder.write(
            KvmExitRecord(self._number, ioctl, self._recorder.now(), thread, head.hex(), data.hex())
        )
        self._current[thread] = self._number
        if size and kind[1] == _IN:
            self._unanswered[thread] = (self._number, where, size)
        self._number += 1

    def goes_on(self, thread: int) -> None:
        """`thread` is about to call KVM_RUN: what the guest reads is there now."""
        if self._callbacks is None:  # not before: the program was not where it is now when it was loaded
            self._callbacks = DeviceFunctions(self._accessors, self, self._recorder)
        self._current.pop(thread, None)
        answer = self._unanswered.pop(thread, None)
        if answer is not None:
            number, where, size = answer
            self._recorder.write(ExitResultRecord(number, read_bytes(where, size).hex()))

    def handled_by(self, thread: int) -> Optional[int]:
        """The sampled exit that `thread` is handling."""
        return self._current.get(thread)

    def has_room(self, number: int) -> bool:
        """Whether one more stack for this exit is to be recorded."""
        self._stops[number] = self._stops.get(number, 0) + 1
        return self._stops[number] <= _MOST_STOPS

    def write_counts(self) -> None:
        """Append how many exits there were of each reason."""
        for reason, count in sorted(self._counts.items()):
            self._recorder.write(ExitCountRecord(reason, count))

    def _run_of(self, file: str) -> int:
        if file not in self._mapped:
            maps = open("/proc/%d/maps" % gdb.selected_inferior().pid, encoding="utf-8", errors="replace")
            with maps:
                found = _MAPPING.findall(maps.read())
            names = [name for _, name in found]
            # Old kernels call them all alike: then nobody knows whose is whose.
            self._mapped.update({name: int(address, 16) for address, name in found if names.count(name) == 1})
        return self._mapped.get(file, 0)


def _kind_of(reason: int, head: bytes) -> _Kind:
    if reason == _EXIT_IO:
        return reason, head[32], int.from_bytes(head[34:36], "little")
    if reason == _EXIT_MMIO:
        return reason, head[52], int.from_bytes(head[32:40], "little")
    return reason, 1, 0


def _data_of(run: int, reason: int, head: bytes) -> Tuple[int, int]:
    """Where the data of an access lies, and how many bytes it has."""
    if reason == _EXIT_IO:
        size = head[33] * int.from_bytes(head[36:40], "little")
        return run + int.from_bytes(head[40:48], "little"), min(size, _MOST_DATA)
    if reason == _EXIT_MMIO:
        return run + 40, min(int.from_bytes(head[48:52], "little"), 8)
    return 0, 0


class AccessorBreakpoint(RecordingBreakpoint):
    """A call through a pointer in one of the functions that hand an access to a device."""

    def __init__(self, address: int, operand: str, callbacks: DeviceFunctions, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._operand = operand
        self._callbacks = callbacks

    def hit(self) -> None:
        """The device's function is about to be called."""
        self._callbacks.expect(value_in(self._operand, gdb.newest_frame()))


class DeviceFunctions:
    """The functions of devices, found as they are called for the first time."""

    def __init__(self, accessors: List[str], exits: ExitSampler, recorder: Recorder) -> None:
        self._exits = exits
        self._recorder = recorder
        self._known: Set[int] = set()
        codes = Disassembler()
        for name in accessors:
            address = address_of(name)
            for item in codes.around(address) or () if address else ():
                operand = pointer_operand(item.text)
                if operand and (flow(item.text).falls_through or not operand.endswith(",8)")):
                    AccessorBreakpoint(item.address, operand, self, recorder)

    def expect(self, function: int) -> None:
        """`function` is about to be called."""
        if function and function not in self._known:
            self._known.add(function)
            DeviceFunctionBreakpoint(_where_arguments_are_there(function), self._exits, self._recorder)


def _where_arguments_are_there(entry: int) -> int:
    """Unoptimised code stores its arguments first, and they can be read only then: behind the first line."""
    line = gdb.find_pc_line(entry)
    if line.symtab is None or line.last is None or may_be_optimised(line.symtab):
        return entry
    return int(line.last) + 1


class DeviceFunctionBreakpoint(RecordingBreakpoint):
    """A device's function: what is at its end of an access."""

    recorder: Recorder

    def __init__(self, address: int, exits: ExitSampler, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._exits = exits

    def hit(self) -> None:
        """Record the way here, when it begins at a sampled exit."""
        number = self._exits.handled_by(gdb.selected_thread().num)
        if number is not None and self._exits.has_room(number):
            self.recorder.stop(StopReason.IO, [], gdb.newest_frame().name() or "", exit=number)
