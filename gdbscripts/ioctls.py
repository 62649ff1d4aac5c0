"""The ioctl log: records every ioctl on a KVM descriptor, with its result, whichever function makes the call.

Breakpoints are on `ioctl` and `syscall` of the C library, so that calls which bypass QEMU's wrappers are recorded
too, and on the instruction after their system call, where the result of the kernel is still in the result
register. A stop reads the registers by one system call, and a stack that was recorded before without gdb's frames.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Protocol, Set, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.breakpoints import KVM_FILES, RecordingBreakpoint, file_of_descriptor
from gdbscripts.disassembly import Disassembler
from gdbscripts.exits import KVM_RUN, ExitSampler
from gdbscripts.kvm_records import IoctlRecord, IoctlReturnRecord
from gdbscripts.memory import read_bytes, read_pointer
from gdbscripts.records import NoteRecord, Record
from gdbscripts.registers import PC, STACK_POINTER, RegisterReader, Registers

FUNCTIONS = ("ioctl", "syscall")
_MAX_RECORDS = 20000  # a running guest makes thousands of ioctls per second
_MAX_STACKS = 100  # per request, thread and call site
_NOT_RECORDED = -1
_MAX_ARGUMENT_BYTES = 256  # no report shows more of larger structures (local APIC, XSAVE area)


class IoctlRecorder(Protocol):
    """What the ioctl log needs of the object that receives its records."""

    @property
    def stop_requested(self) -> bool:
        """Whether the program is to stop at the next breakpoint hit."""

    def write(self, record: Record) -> None:
        """Store one record of the ioctl log."""

    def now(self) -> float:
        """Return the time in seconds since a fixed start."""

    def note_thread(self) -> int:
        """Return gdb's number of the selected thread."""

    def stack_number(self) -> int:
        """Return the number of the selected thread's recorded stack; -1 when stacks are not recorded."""

    def note_failure(self, error: Exception) -> bool:
        """Report the message of `error`; returns False when that is impossible."""


class _IoctlCallKey(NamedTuple):
    """Identifies a call while a thread is in it; `file` is "" when the descriptor is not a KVM descriptor."""

    depth: int  # the stack pointer at the first instruction of the function
    entry: int  # the address of that instruction
    file: str
    request: int
    argument: int


class _PendingIoctl(NamedTuple):
    """An ioctl call that has not returned yet."""

    call: _IoctlCallKey
    number: int
    before: bytes


class IoctlLog:
    """Numbers the ioctls and tracks the pending ioctl calls of each thread."""

    def __init__(self, recorder: IoctlRecorder, exits: Optional[ExitSampler]) -> None:
        self._recorder = recorder
        self._exits = exits
        self._pending: Dict[int, List[_PendingIoctl]] = {}  # per thread, the innermost call last
        self._stacks: Dict[Tuple[int, int, int], int] = {}
        self._breakpoints: List[RecordingBreakpoint] = []
        self._limit_reached = False
        self._entries: Set[int] = set()
        self._with_return_breakpoint: Set[int] = set()  # entries whose return is recorded too
        self._count = 0

    def add_function(self, function: str, location: str) -> None:
        """Record the calls of `function`, one of `FUNCTIONS`; `location` is its first instruction as a
        breakpoint location."""
        first_argument = FUNCTIONS.index(function)  # syscall(SYS_ioctl, fd, …) has one more argument
        self._breakpoints.append(IoctlEntryBreakpoint(location, first_argument, self._on_entry, self._recorder))

    def reset(self) -> None:
        """Delete all breakpoints and forget all calls. Must not be called from `hit` of a breakpoint."""
        self._count = 0
        self._limit_reached = False
        self._stacks.clear()
        self._pending.clear()
        for breakpoint_ in self._breakpoints:
            breakpoint_.remove()
        self._breakpoints.clear()
        self._entries.clear()
        self._with_return_breakpoint.clear()

    def _on_entry(self, registers: Registers, fd: int, request: int, argument: int) -> None:
        self._set_return_breakpoints(registers[PC])
        thread = self._recorder.note_thread()
        file = file_of_descriptor(fd)
        kvm_file = file if file.startswith(KVM_FILES) else ""
        call = _IoctlCallKey(registers[STACK_POINTER], registers[PC], kvm_file, request, argument)
        pending = self._pending.get(thread, [])
        # A signal handler may make ioctls during a call; calls with a lower stack pointer have ended.
        interrupted = [pending_call for pending_call in pending if pending_call.call.depth > call.depth]
        # A signal before the first instruction makes the breakpoint hit again when the handler returns.
        same_call = [
            pending_call
            for pending_call in pending
            if pending_call.call == call and call.entry in self._with_return_breakpoint
        ]
        self._pending[thread] = [*interrupted, *(same_call or [self._begin_ioctl(thread, fd, call)])]

    def _begin_ioctl(self, thread: int, fd: int, call: _IoctlCallKey) -> _PendingIoctl:
        if not call.file:
            return _PendingIoctl(call, _NOT_RECORDED, b"")
        if self._exits is not None and call.request == KVM_RUN:
            self._exits.kvm_run_entered(thread)
        before = read_bytes(call.argument, _size(call.request))
        return _PendingIoctl(call, self._record(thread, fd, call, before), before)

    def _record(self, thread: int, fd: int, call: _IoctlCallKey, before: bytes) -> int:
        """Write the record of one ioctl unless the limit is reached; returns its number, or _NOT_RECORDED."""
        if self._count >= _MAX_RECORDS:
            self._note_record_limit()
            return _NOT_RECORDED
        number = self._count
        self._recorder.write(
            IoctlRecord(
                number=number,
                time=self._recorder.now(),
                thread=thread,
                fd=fd,
                file=call.file,
                request=call.request,
                argument=call.argument,
                data=before.hex(),
                stack=self._stack(thread, call),
            )
        )
        self._count += 1
        return number

    def _note_record_limit(self) -> None:
        """Note the limit once, and delete the breakpoints unless exits are still to be counted."""
        if not self._limit_reached:
            self._limit_reached = True
            self._recorder.write(NoteRecord("no more than %d ioctls recorded" % _MAX_RECORDS))
        if self._exits is None:
            for breakpoint_ in self._breakpoints:
                breakpoint_.delete_later()

    def _set_return_breakpoints(self, entry: int) -> None:
        """Set a breakpoint after each system call instruction of the function at address `entry`, which is
        loaded now."""
        if entry in self._entries:
            return
        self._entries.add(entry)
        for item in Disassembler().function_around(entry) or ():
            if item.text == architecture.SYSTEM_CALL:
                return_location = "*0x%x" % (item.address + item.length)
                self._breakpoints.append(IoctlReturnBreakpoint(return_location, self._on_return, self._recorder))
                self._with_return_breakpoint.add(entry)

    def _on_return(self, registers: Registers) -> None:
        thread = gdb.selected_thread().num
        calls = self._pending.get(thread, [])
        if not calls or calls[-1].call.depth < registers[STACK_POINTER]:
            return
        pending = calls.pop()
        if not pending.call.file:
            return
        value = architecture.system_call_result(registers)
        if pending.number != _NOT_RECORDED:
            after = read_bytes(pending.call.argument, len(pending.before))
            changed = after.hex() if after != pending.before else ""
            self._recorder.write(IoctlReturnRecord(pending.number, value, changed))
        if self._exits is not None and pending.call.request == KVM_RUN and value == 0:
            self._exits.kvm_run_returned(thread, pending.call.file, pending.number)

    def _stack(self, thread: int, call: _IoctlCallKey) -> int:
        """Return the number of the stack; -1 for a call whose stack was recorded often enough."""
        return_address = read_pointer(call.depth)  # before the first instruction it is on top of the stack
        key = (thread, call.request, return_address)
        self._stacks[key] = self._stacks.get(key, 0) + 1
        return self._recorder.stack_number() if self._stacks[key] <= _MAX_STACKS else -1


class IoctlEntryBreakpoint(RecordingBreakpoint):
    """A breakpoint on the first instruction of a function that makes ioctl system calls."""

    def __init__(
        self,
        location: str,
        first_argument: int,
        on_entry: Callable[[Registers, int, int, int], None],
        recorder: IoctlRecorder,
    ) -> None:
        super().__init__(location, internal=True)
        self.recorder = recorder
        self._registers = RegisterReader()
        self._first_argument = first_argument
        self._on_entry = on_entry

    def hit(self) -> None:
        """Read descriptor, request and argument from the argument registers, and report the call."""
        registers, first = self._registers.read(gdb.selected_thread()), self._first_argument
        if first and architecture.argument_in(registers, 0) != architecture.SYSTEM_CALL_IOCTL:
            return
        fd, request, argument = (architecture.argument_in(registers, first + n) for n in range(3))
        self._on_entry(registers, fd & 0xFFFFFFFF, request & 0xFFFFFFFF, argument)


class IoctlReturnBreakpoint(RecordingBreakpoint):
    """A breakpoint on the instruction after a system call instruction."""

    def __init__(self, location: str, on_return: Callable[[Registers], None], recorder: IoctlRecorder) -> None:
        super().__init__(location, internal=True)
        self.recorder = recorder
        self._registers = RegisterReader()
        self._on_return = on_return

    def hit(self) -> None:
        """Report that the kernel has returned from the system call."""
        self._on_return(self._registers.read(gdb.selected_thread()))


def _size(request: int) -> int:
    """Return the size of the argument in bytes that `request` encodes (_IOC_SIZE of asm-generic/ioctl.h)."""
    return min(request >> 16 & 0x3FFF, _MAX_ARGUMENT_BYTES)
