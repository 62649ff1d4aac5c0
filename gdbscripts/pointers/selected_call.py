"""What the commands for people print: one call explained where the program stands, and a log of ioctls."""

from __future__ import annotations

import os
import re
import time
from functools import partial
from typing import Callable, Dict, Iterator, List, Optional

import gdb

from gdbscripts.arch.x86_64_effects import parse_memory, pointer_operand
from gdbscripts.disassembly import Disassembler
from gdbscripts.ioctls import FUNCTIONS, IoctlLog
from gdbscripts.memory import read_pointer
from gdbscripts.plan_breakpoints import when_loaded
from gdbscripts.pointers.earlier_registers import EarlierRegisters
from gdbscripts.pointers.pointer_dataflow import DataflowEnd, SourcePlace, follow, place_of
from gdbscripts.pointers.slot_names import called_variable, name_by_type, name_in_scope, static_slot
from gdbscripts.pointers.write_watchpoints import return_addresses
from gdbscripts.records import IoctlRecord, IoctlReturnRecord, NoteRecord, Record
from gdbscripts.tail_calls import entry_at, place_at

_REQUESTS = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "analyzer", "kvm", "requests.toml")
_REQUEST = re.compile(r"^(KVM_\w+)\s*=.*?\bnumber\s*=\s*(0x[0-9a-fA-F]+|\d+)", re.MULTILINE)


def explain_call(frame: gdb.Frame) -> Iterator[str]:
    """Lines that tell through which pointer the frame's function was called. GdbError when it was not."""
    callee: Optional[gdb.Frame] = frame
    while callee is not None and callee.type() == gdb.INLINE_FRAME:
        callee = callee.older()
    caller = callee.older() if callee is not None else None
    while caller is not None and caller.type() == gdb.INLINE_FRAME:
        caller = caller.older()
    if callee is None or caller is None:
        raise gdb.GdbError("Nobody called this frame.")
    codes = Disassembler()
    code, call = codes.around(caller.pc() - 1), codes.before(caller.pc())
    if code is None or call is None:
        raise gdb.GdbError("The machine code before 0x%x cannot be read." % caller.pc())
    if not pointer_operand(call.text):
        raise gdb.GdbError("%s was not called through a pointer: %s" % (callee.name(), call.text))
    entry = entry_at(callee.pc() - (1 if callee.newer() is not None else 0))
    yield "%s called %s through a pointer: %s" % (place_of(caller.pc() - 1).function, callee.name(), call.text)
    ends = follow(codes, return_addresses(caller), lambda value: value == entry)
    if len(ends) != 1:
        yield "Where the pointer comes from cannot be told from the machine code."
        return
    yield from _told(ends[0], caller, EarlierRegisters(caller, code, call.address, live=False), entry)


def _told(end: DataflowEnd, caller: gdb.Frame, past: EarlierRegisters, entry: int) -> Iterator[str]:
    for passed in end.passed:
        yield "It was passed as %s by %s" % (passed.name or "an argument", _words(passed.by))
    if end.kind == "constant":
        yield "Its name is written in %s" % _words(place_of(end.origin.address))
    elif end.kind == "result":
        yield "It was returned to %s" % _words(place_of(end.origin.address))
    elif end.kind == "memory" and not end.level:
        yield from _slot(end, caller, past, entry)
    else:
        yield "Further back its way cannot be told from the machine code."


def _slot(end: DataflowEnd, caller: gdb.Frame, past: EarlierRegisters, entry: int) -> Iterator[str]:
    address = past.address(end.origin.address, end.origin.place)
    if not address:
        memory = parse_memory(end.origin.place)
        name = name_by_type(memory.displacement, caller) if memory else ""
        name = name or called_variable(caller.pc() - 1) or end.origin.place
        yield "It was read from %s, whose address is gone from the registers." % name
        yield "Break at *0x%x, where it is read, and look again." % end.origin.address
        return
    memory = parse_memory(end.origin.place)
    static = static_slot(address)
    name = name_in_scope(address, memory.displacement if memory else None, caller)
    if static is not None and static.file:
        name = static.name
    yield "It was read from %s at 0x%x." % (name or "a place without a name", address)
    value = read_pointer(address)
    if value != entry:
        yield "That place holds 0x%x <%s> now: it was written to since." % (value, place_at(value)[0])
    yield "Who stores it, if the program is run again: watch *(void **) 0x%x" % address


def _words(place: SourcePlace) -> str:
    return "%s at %s:%d" % (place.function, place.file, place.line) if place.file else place.function


class IoctlPrinter:
    """Collects the ledger's records while somebody debugs."""

    def __init__(self) -> None:
        self.recording = False
        self.halts = False
        self._ioctl_log = IoctlLog(self, None)
        self._waits: List[Callable[[], None]] = []
        self._calls: List[IoctlRecord] = []
        self._returns: Dict[int, IoctlReturnRecord] = {}
        self._started = time.monotonic()
        self._names: Optional[Dict[int, str]] = None

    def start(self) -> None:
        """Record from now on."""
        if self.recording:
            return
        self.recording = True
        gdb.events.exited.connect(self._program_ended)
        self._arm(next_run=False)

    def stop(self) -> None:
        """Record no longer."""
        if self.recording:
            self.recording = False
            gdb.events.exited.disconnect(self._program_ended)
            self._disarm()

    def _arm(self, next_run: bool) -> None:
        self._ioctl_log.forget()
        watch = self._ioctl_log.watch
        self._waits = [when_loaded(name, partial(watch, name), next_run) for name in FUNCTIONS]

    def _disarm(self) -> None:
        for forget in self._waits:
            forget()
        self._ioctl_log.forget()

    def _program_ended(self, _event: gdb.ExitedEvent) -> None:
        """A library may be elsewhere in the next run, and is nowhere when that begins."""
        self._disarm()
        self._arm(next_run=True)

    def clear(self) -> None:
        """Forget what was recorded."""
        self._calls.clear()
        self._returns.clear()

    def lines(self, count: Optional[int]) -> List[str]:
        """The last `count` ioctls in words, or all of them."""
        calls = self._calls if count is None else self._calls[len(self._calls) - min(count, len(self._calls)) :]
        return [self._line(call) for call in calls]

    def _line(self, call: IoctlRecord) -> str:
        returned = self._returns.get(call.number)
        if self._names is None:
            self._names = _request_names()
        name = self._names.get(call.request, hex(call.request))
        result = "?" if returned is None else str(returned.value)
        return "%10.6f  thread %d  ioctl(%d<%s>, %s, 0x%x) = %s" % (
            call.time, call.thread, call.fd, call.file, name, call.argument, result,
        )  # fmt: skip

    def write(self, record: Record) -> None:
        """Take a record of the ledger."""
        if isinstance(record, IoctlRecord):
            self._calls.append(record)
        elif isinstance(record, IoctlReturnRecord):
            self._returns[record.number] = record
        elif isinstance(record, NoteRecord):
            gdb.write("kvm-ioctls: %s\n" % record.text)

    def now(self) -> float:
        """Seconds since gdb was started."""
        return round(time.monotonic() - self._started, 6)

    def note_thread(self) -> int:
        """gdb's number of the selected thread."""
        return int(gdb.selected_thread().num)

    def stack_numbers(self) -> List[int]:
        """No stacks here: kvm-chain shows them."""
        return []

    def note_failure(self, error: Exception) -> bool:
        """Tell the user."""
        gdb.write("kvm-ioctls: %s: %s\n" % (type(error).__name__, error), gdb.STDERR)
        return True


def _request_names() -> Dict[int, str]:
    """Names of requests by number; none when the table is not there."""
    try:
        with open(_REQUESTS, encoding="utf-8") as file:
            return {int(number, 0): name for name, number in _REQUEST.findall(file.read())}
    except OSError:
        return {}
