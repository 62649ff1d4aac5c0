"""The ledger of ioctls: every one on a descriptor of KVM, whoever makes it, with what it gave back.

Breakpoints are on libc's `ioctl` and `syscall`, so that calls which bypass QEMU's wrappers count as well, and on
the instruction behind their system call, where the kernel's own answer is still in its register.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Protocol, Set, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.breakpoints import KVM_FILES, RecordingBreakpoint, file_behind
from gdbscripts.disassembly import Disassembler
from gdbscripts.exits import RUN, ExitSampler
from gdbscripts.memory import read_bytes, stack_pointer
from gdbscripts.records import IoctlRecord, IoctlReturnRecord, NoteRecord, Record

FUNCTIONS = ("ioctl", "syscall")
_MOST = 20000  # records; a guest that runs on makes thousands a second
_MOST_STACKS = 100  # for each request, thread and call
_NOT_RECORDED = -1
_LONGEST_ARGUMENT = 256  # bytes; larger structures (local APIC, XSAVE area) are of no use to a reader


class IoctlLogOwner(Protocol):
    """Who keeps the ledger's records."""

    @property
    def halts(self) -> bool:
        """Whether the program is to halt at the next breakpoint."""

    def write(self, record: Record) -> None:
        """Keep a record."""

    def now(self) -> float:
        """Seconds since some beginning."""

    def note_thread(self) -> int:
        """The selected thread's number."""

    def stack_numbers(self) -> List[int]:
        """Numbers of the selected thread's frames, if they are wanted."""

    def note_failure(self, error: Exception) -> bool:
        """Note what went wrong; False when that is impossible."""


class _CallKey(NamedTuple):
    """What a call is known by while a thread is in it; `file` is "" when it is not one of KVM's."""

    depth: int  # the stack pointer at its first instruction
    entry: int  # the address of that instruction
    file: str
    request: int
    argument: int


class _PendingIoctl(NamedTuple):
    """An ioctl that a thread is in."""

    call: _CallKey
    number: int
    before: bytes


class IoctlLog:
    """Numbers the ioctls, and knows which each thread is in."""

    def __init__(self, recorder: IoctlLogOwner, exits: Optional[ExitSampler]) -> None:
        self._recorder = recorder
        self._exits = exits
        self._pending: Dict[int, List[_PendingIoctl]] = {}  # by thread, the innermost last
        self._stacks: Dict[Tuple[int, int, int], int] = {}
        self._points: List[RecordingBreakpoint] = []
        self._full = False
        self._entered: Set[int] = set()
        self._answering: Set[int] = set()  # those of them whose answers are seen
        self._count = 0

    def watch(self, function: str, where: str) -> None:
        """Record the calls of `function`; `where` is its first instruction, as a breakpoint's location."""
        skipped = FUNCTIONS.index(function)  # syscall(SYS_ioctl, fd, …) has one argument more
        self._points.append(IoctlEntryBreakpoint(where, skipped, self._enter, self._recorder))

    def forget(self) -> None:
        """Watch no longer, and begin anew. Not to be called while a breakpoint is asked to stop."""
        self._count = 0
        self._full = False
        self._stacks.clear()
        self._pending.clear()
        for point in self._points:
            point.remove()
        self._points.clear()
        self._entered.clear()
        self._answering.clear()

    def _enter(self, fd: int, request: int, argument: int) -> None:
        self._watch_for_answers()
        thread = self._recorder.note_thread()
        frame = gdb.newest_frame()
        file = file_behind(fd)
        ours = file if file.startswith(KVM_FILES) else ""
        call = _CallKey(stack_pointer(frame), frame.pc(), ours, request, argument)
        pending = self._pending.get(thread, [])
        # A call may be interrupted by a handler that makes others; what lies above it on the stack is gone.
        inside = [one for one in pending if one.call.depth > call.depth]
        # Or a signal comes before its first instruction, and the handler's end leads to the breakpoint once more.
        again = [one for one in pending if one.call == call and call.entry in self._answering]
        self._pending[thread] = [*inside, *(again or [self._begin(thread, fd, call)])]

    def _begin(self, thread: int, fd: int, call: _CallKey) -> _PendingIoctl:
        if not call.file:
            return _PendingIoctl(call, _NOT_RECORDED, b"")
        if self._exits is not None and call.request == RUN:
            self._exits.goes_on(thread)
        before = read_bytes(call.argument, _size(call.request))
        return _PendingIoctl(call, self._record(thread, fd, call, before), before)

    def _record(self, thread: int, fd: int, call: _CallKey, before: bytes) -> int:
        """Write the entry of the ledger, if it has room; returns its number."""
        if self._count >= _MOST:
            self._be_full()
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
                frames=self._stack(thread, call.request),
            )
        )
        self._count += 1
        return number

    def _be_full(self) -> None:
        """Say so once, and cost nothing any more unless exits are to be counted to the end."""
        if not self._full:
            self._full = True
            self._recorder.write(NoteRecord("no more than %d ioctls recorded" % _MOST))
        if self._exits is None:
            for point in self._points:
                point.retire()

    def _watch_for_answers(self) -> None:
        """Break behind the system call of the function just entered, once the program is where it is."""
        entry = gdb.newest_frame().pc()
        if entry in self._entered:
            return
        self._entered.add(entry)
        for item in Disassembler().around(entry) or ():
            if item.text == architecture.SYSTEM_CALL:
                behind = "*0x%x" % (item.address + item.length)
                self._points.append(IoctlReturnBreakpoint(behind, self._leave, self._recorder))
                self._answering.add(entry)

    def _leave(self) -> None:
        thread = gdb.selected_thread().num
        calls = self._pending.get(thread, [])
        if not calls or calls[-1].call.depth < stack_pointer(gdb.newest_frame()):
            return
        pending = calls.pop()
        if not pending.call.file:
            return
        value = architecture.system_call_result(gdb.newest_frame())
        if pending.number != _NOT_RECORDED:
            after = read_bytes(pending.call.argument, len(pending.before))
            changed = after.hex() if after != pending.before else ""
            self._recorder.write(IoctlReturnRecord(pending.number, value, changed))
        if self._exits is not None and pending.call.request == RUN and value == 0:
            self._exits.came_back(thread, pending.call.file, pending.number)

    def _stack(self, thread: int, request: int) -> List[int]:
        """Frame numbers; none for a call that was seen often."""
        caller = gdb.newest_frame().older()
        key = (thread, request, caller.pc() if caller is not None else 0)
        self._stacks[key] = self._stacks.get(key, 0) + 1
        return self._recorder.stack_numbers() if self._stacks[key] <= _MOST_STACKS else []


class IoctlEntryBreakpoint(RecordingBreakpoint):
    """The first instruction of a function that makes ioctls."""

    def __init__(
        self, where: str, skipped: int, enter: Callable[[int, int, int], None], recorder: IoctlLogOwner
    ) -> None:
        super().__init__(where, internal=True)
        self.recorder = recorder
        self._skipped = skipped
        self._enter = enter

    def hit(self) -> None:
        """An ioctl, or another system call, is about to be made."""
        frame = gdb.newest_frame()
        if self._skipped and architecture.argument(frame, 0) != architecture.SYSTEM_CALL_IOCTL:
            return
        fd, request, argument = (architecture.argument(frame, self._skipped + n) for n in range(3))
        self._enter(fd & 0xFFFFFFFF, request & 0xFFFFFFFF, argument)


class IoctlReturnBreakpoint(RecordingBreakpoint):
    """The instruction behind a system call."""

    def __init__(self, where: str, leave: Callable[[], None], recorder: IoctlLogOwner) -> None:
        super().__init__(where, internal=True)
        self.recorder = recorder
        self._leave = leave

    def hit(self) -> None:
        """The kernel has answered."""
        self._leave()


def _size(request: int) -> int:
    """Bytes of the argument, as the request says (_IOC_SIZE of asm-generic/ioctl.h)."""
    return min(request >> 16 & 0x3FFF, _LONGEST_ARGUMENT)
