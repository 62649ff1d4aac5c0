"""Records why KVM_RUN returned, and how QEMU handles the exit down to the function of the device.

struct kvm_run is read where the program has mapped the vCPU descriptor; its layout and the numbers of exit reasons
are those of linux/kvm.h.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Set, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import flow, pointer_operand
from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.disassembly import Disassembler
from gdbscripts.enums import StopReason
from gdbscripts.frame_arguments import may_know_entry_values
from gdbscripts.kvm_records import ExitCountRecord, ExitResultRecord, KvmExitRecord
from gdbscripts.memory import operand_value, read_bytes
from gdbscripts.recorder import Recorder
from gdbscripts.tail_calls import function_address

KVM_RUN = 0xAE80  # _IO(KVMIO, 0x80), linux/kvm.h
_RUN_HEADER_BYTES = 128  # of struct kvm_run: all fields that describe I/O
_MAX_DATA_BYTES = 4096  # of one string instruction
_MAX_EXITS = 5000
_EXIT_IO, _EXIT_MMIO = 2, 6  # KVM_EXIT_IO, KVM_EXIT_MMIO  # KVM_EXIT_IO, KVM_EXIT_MMIO
_DIRECTION_IN = 0  # KVM_EXIT_IO_IN, or mmio.is_write
_MIN_PER_ACCESS = 2  # exits per direction and address, even when the exit reason has enough samples
# struct kvm_run is mapped at offset 0; the coalesced MMIO ring and the dirty ring are at higher offsets.
_MAPPING = re.compile(r"^([0-9a-f]+)-[0-9a-f]+ \S+ 0+ \S+ \d+\s+(anon_inode:\S*kvm-vcpu\S*)", re.MULTILINE)
_MAX_STOPS = 16  # per exit

_AccessKey = Tuple[int, int, int]  # reason, direction, address


class ExitSampler:
    """Samples the exits of all vCPUs: records the first `samples` of each exit reason, and counts all.

    `accessors` are the names of the functions that call device functions through a pointer.
    """

    def __init__(self, samples: int, accessors: List[str], recorder: Recorder) -> None:
        self._samples = samples
        self._accessors = accessors
        self._device_functions: Optional[DeviceFunctions] = None
        self._recorder = recorder
        self._kvm_run_addresses: Dict[str, int] = {}
        self._counts: Dict[int, int] = {}
        self._access_counts: Dict[_AccessKey, int] = {}
        self._exit_in_progress: Dict[int, int] = {}  # thread -> exit that it is handling, when that is sampled
        self._pending_reads: Dict[
            int, Tuple[int, int, int]
        ] = {}  # thread -> exit, address and size of what is read
        self._stops: Dict[int, int] = {}
        self._number = 0

    def kvm_run_returned(self, thread: int, file: str, ioctl: int) -> None:
        """Count and perhaps record one exit: KVM_RUN, ioctl number `ioctl` on vCPU file `file`, has returned 0
        on `thread`."""
        run = self._kvm_run_address(file)
        header = read_bytes(run, _RUN_HEADER_BYTES) if run else b""
        if len(header) < _RUN_HEADER_BYTES:
            return
        reason = int.from_bytes(header[8:12], "little")
        self._counts[reason] = self._counts.get(reason, 0) + 1
        access = _access_key(reason, header)
        self._access_counts[access] = self._access_counts.get(access, 0) + 1
        sampled = self._counts[reason] <= self._samples or self._access_counts[access] <= _MIN_PER_ACCESS
        if not sampled or self._number >= _MAX_EXITS:
            return
        data_address, size = _data_location(run, reason, header)
        data = read_bytes(data_address, size) if reason == _EXIT_IO and access[1] != _DIRECTION_IN else b""
        self._recorder.write(
            KvmExitRecord(self._number, ioctl, self._recorder.now(), thread, header.hex(), data.hex())
        )
        self._exit_in_progress[thread] = self._number
        if size and access[1] == _DIRECTION_IN:
            self._pending_reads[thread] = (self._number, data_address, size)
        self._number += 1

    def kvm_run_entered(self, thread: int) -> None:
        """Record the data of a pending read: `thread` is about to call KVM_RUN, so the guest's data is
        complete."""
        if self._device_functions is None:  # not earlier: the program is relocated at its start
            self._device_functions = DeviceFunctions(self._accessors, self, self._recorder)
        self._exit_in_progress.pop(thread, None)
        pending_read = self._pending_reads.pop(thread, None)
        if pending_read is not None:
            number, data_address, size = pending_read
            self._recorder.write(ExitResultRecord(number, read_bytes(data_address, size).hex()))

    def sampled_exit(self, thread: int) -> Optional[int]:
        """Return the number of the sampled exit that `thread` is handling; None when it handles none."""
        return self._exit_in_progress.get(thread)

    def count_stop(self, number: int) -> bool:
        """Count one more stack for exit `number`; returns whether it is to be recorded."""
        self._stops[number] = self._stops.get(number, 0) + 1
        return self._stops[number] <= _MAX_STOPS

    def write_counts(self) -> None:
        """Append the number of exits of each exit reason."""
        for reason, count in sorted(self._counts.items()):
            self._recorder.write(ExitCountRecord(reason, count))

    def _kvm_run_address(self, file: str) -> int:
        if file not in self._kvm_run_addresses:
            maps = open("/proc/%d/maps" % gdb.selected_inferior().pid, encoding="utf-8", errors="replace")
            with maps:
                mappings = _MAPPING.findall(maps.read())
            names = [name for _, name in mappings]
            # Old kernels give all vCPU files one name, which does not identify the vCPU.
            self._kvm_run_addresses.update(
                {name: int(address, 16) for address, name in mappings if names.count(name) == 1}
            )
        return self._kvm_run_addresses.get(file, 0)


def _access_key(reason: int, header: bytes) -> _AccessKey:
    if reason == _EXIT_IO:
        return reason, header[32], int.from_bytes(header[34:36], "little")
    if reason == _EXIT_MMIO:
        return reason, header[52], int.from_bytes(header[32:40], "little")
    return reason, 1, 0


def _data_location(run: int, reason: int, header: bytes) -> Tuple[int, int]:
    """Return (address, size in bytes) of the data of a port or memory access; (0, 0) for other exits."""
    if reason == _EXIT_IO:
        size = header[33] * int.from_bytes(header[36:40], "little")
        return run + int.from_bytes(header[40:48], "little"), min(size, _MAX_DATA_BYTES)
    if reason == _EXIT_MMIO:
        return run + 40, min(int.from_bytes(header[48:52], "little"), 8)
    return 0, 0


class AccessorBreakpoint(RecordingBreakpoint):
    """A breakpoint on an indirect call in a function that calls device functions."""

    def __init__(self, address: int, operand: str, device_functions: DeviceFunctions, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._operand = operand
        self._device_functions = device_functions

    def hit(self) -> None:
        """Set a breakpoint on the device function that is about to be called."""
        self._device_functions.add_function(operand_value(self._operand, gdb.newest_frame()))


class DeviceFunctions:
    """The device functions, each of which gets a breakpoint before its first call."""

    def __init__(self, accessors: List[str], exits: ExitSampler, recorder: Recorder) -> None:
        self._exits = exits
        self._recorder = recorder
        self._addresses: Set[int] = set()
        disassembler = Disassembler()
        for name in accessors:
            address = function_address(name)
            for item in disassembler.function_around(address) or () if address else ():
                operand = pointer_operand(item.text)
                if operand and (flow(item.text).falls_through or not operand.endswith(",8)")):
                    AccessorBreakpoint(item.address, operand, self, recorder)

    def add_function(self, function: int) -> None:
        """Set a breakpoint on the device function at address `function` unless it has one; 0 is ignored."""
        if function and function not in self._addresses:
            self._addresses.add(function)
            DeviceFunctionBreakpoint(_after_argument_stores(function), self._exits, self._recorder)


def _after_argument_stores(entry: int) -> int:
    """Return the address at which arguments can be read: after the first line in unoptimised code.

    Unoptimised code stores its arguments on the stack first, and the debug information describes these places.
    """
    line = gdb.find_pc_line(entry)
    if line.symtab is None or line.last is None or may_know_entry_values(line.symtab):
        return entry
    return int(line.last) + 1


class DeviceFunctionBreakpoint(RecordingBreakpoint):
    """A breakpoint on a device function, the innermost function of an access."""

    recorder: Recorder

    def __init__(self, address: int, exits: ExitSampler, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._exits = exits

    def hit(self) -> None:
        """Record the stack if the thread is handling a sampled exit."""
        number = self._exits.sampled_exit(gdb.selected_thread().num)
        if number is not None and self._exits.count_stop(number):
            self.recorder.record_stop(StopReason.IO, [], gdb.newest_frame().name() or "", exit=number)
