"""Who stored a pointer: hardware watchpoints on places in memory, and what can be seen when one is written to."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import ARGUMENTS, RESULT, effect
from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.disassembly import Disassembler
from gdbscripts.memory import address_in, read_pointer, register
from gdbscripts.pointers.dataflow import FunctionCode, Instruction
from gdbscripts.pointers.earlier_registers import EarlierRegisters
from gdbscripts.pointers.pointer_dataflow import PassedArgument, SourcePlace, direct_target, follow_place, place_of
from gdbscripts.pointers.slot_names import name_in_scope
from gdbscripts.recorder import Recorder
from gdbscripts.stack import WalkedStack
from gdbscripts.tail_calls import symbol_at

MOST_WATCHPOINTS = 4  # debug registers of x86-64 that hold addresses
_MOST_WRITES = 20000  # a place that is written to more often, such as one on the stack, is given up
_WALKED = (gdb.NORMAL_FRAME, gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)
_MOVES_STRING = re.compile(r"^(?:rep\w* )?movs[bwlq]? +%ds:\(%rsi\)")
_WIDEST = 64  # bytes that one instruction moves
_LINKER = re.compile(r"/ld[-.][^/]*$")
_COPYING = re.compile(r"^(?:__)?(?:mem(?:p?cpy|move)|bcopy)(?:_chk)?(?:@|$)")


class PointerStore(NamedTuple):
    """One write that gave a slot the pointer."""

    place: SourcePlace  # the statement, in the program: that which called memcpy, not memcpy itself
    thread: int
    stack: WalkedStack
    time: float  # seconds since the run began
    passed: Tuple[PassedArgument, ...]  # arguments the stored value came through, and where they were passed
    written: Optional[
        SourcePlace
    ]  # where the function's name is written, or it was returned to, when machine code tells
    origin: str  # of what was stored, as in `_Origin`
    source: int  # the address of that place; 0 when it cannot be told
    source_store: Optional[PointerStore]  # the last write to that place before, when it is watched
    name: str  # of the slot, as this statement knows it
    source_name: str

    @property
    def copied(self) -> bool:
        """Whether it came from another place in memory."""
        return self.origin == "memory"


class _StoredValueOrigin(NamedTuple):
    """Where a stored value came from."""

    kind: str = "unknown"  # as of an `Origin`; library: a function of one stored it
    passed: Tuple[PassedArgument, ...] = ()
    written: Optional[SourcePlace] = None  # constant: where its name is written; result: where it was returned to
    source: int = 0  # memory: where it was copied from; 0 when that cannot be told


class NoWatchpointError(Exception):
    """gdb has no hardware watchpoint to give."""


class WriteWatchpoint(RecordingBreakpoint):
    """Keeps the last write that gave one slot one value. `others` are all watches of the run, by slot.

    gdb tells of writes that change a slot: of two statements that store the same, the first. What the kernel
    writes, as in read(2), no watchpoint sees.
    """

    recorder: Recorder

    def __init__(
        self, slot: int, value: int, others: Dict[int, WriteWatchpoint], codes: Disassembler, recorder: Recorder
    ) -> None:
        place = "*(unsigned long *) 0x%x" % slot
        try:
            super().__init__(place, type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_WRITE, internal=True)
        except gdb.error as error:  # made, but not inserted
            if self.is_valid():
                self.delete()
            raise NoWatchpointError(" ".join(str(error).split())) from None
        if self.type != gdb.BP_HARDWARE_WATCHPOINT:
            self.delete()  # a software watchpoint would run QEMU step by step
            raise NoWatchpointError("this host has no hardware watchpoints, or gdb may not use them")
        self.slot = slot
        self.value = value
        self.recorder = recorder
        self.last: Optional[PointerStore] = None
        self.gave_up = False
        self.from_beginning = read_pointer(slot) == value  # as the file has it, or the dynamic linker made it
        self._others = others
        self._codes = codes
        self._left = _MOST_WRITES

    def hit(self) -> None:
        """The slot has changed."""
        self._left -= 1
        if not self._left:
            self.gave_up = True
            self.retire()
        self.last = None
        self.from_beginning = False
        if read_pointer(self.slot) != self.value:
            return
        if _in_dynamic_linker():
            self.from_beginning = True
        else:
            self.last = self._store()

    def _store(self) -> PointerStore:
        frames = physical_frames(gdb.newest_frame())
        outside = next((n for n, frame in enumerate(frames) if not gdb.solib_name(frame.pc())), 0)
        own = frames[outside:]
        origin = self._copied_by_call(own) if outside else self._stored(own)
        source = self._others.get(origin.source)
        return PointerStore(
            place=_statement(own[0]),
            thread=self.recorder.thread_of_another_run(),
            stack=self.recorder.walk(),
            time=self.recorder.now(),
            passed=origin.passed,
            written=origin.written,
            origin=origin.kind,
            source=origin.source,
            source_store=source.last if source is not None else None,
            name=name_in_scope(self.slot),
            source_name=name_in_scope(origin.source) if origin.source else "",
        )

    def _copied_by_call(self, frames: List[gdb.Frame]) -> _StoredValueOrigin:
        """A library is writing: for memcpy(to, from, size) it is known where from."""
        code, call = self._instruction(frames[0])
        symbol = symbol_at(direct_target(call.text)) if call else None
        if code is None or call is None or symbol is None or not _COPYING.match(symbol[0]):
            return _StoredValueOrigin(kind="library")
        past = EarlierRegisters(frames[0], code, call.address, live=False)
        to, origin = (past.value(call.address, name) for name in ARGUMENTS[:2])
        if to is None:  # memcpy returns it, and glibc's puts it where the result goes before anything else
            to = register(gdb.newest_frame(), RESULT)
        return self._copy((), origin + self.slot - to if origin is not None else 0)

    def _stored(self, frames: List[gdb.Frame]) -> _StoredValueOrigin:
        """What the instruction that has just been executed stored: told by machine code."""
        frame = frames[0]
        code, store = self._instruction(frame)
        if _repeats_a_copy(code, frame.pc()) or (store is not None and _MOVES_STRING.match(store.text)):
            to, origin = (register(frame, name) for name in ("rdi", "rsi"))  # of string instructions
            return self._copy((), self.slot + origin - to)  # both went on alike
        done = effect(store.text) if store else None
        if code is None or store is None or done is None or done.kind != "copy":
            return _StoredValueOrigin()
        if done.source.startswith("$"):
            return _StoredValueOrigin("constant", written=place_of(store.address))
        returns = return_addresses(frame)
        ends = follow_place(self._codes, returns, store.address, done.source, lambda value: value == self.value)
        if len(ends) != 1:
            return _StoredValueOrigin()
        end = ends[0]
        if end.kind != "memory":
            return _StoredValueOrigin(
                end.kind, end.passed, place_of(end.origin.address) if end.origin.address else None
            )
        past = EarlierRegisters(frame, code, store.address, live=True)
        source = past.address(end.origin.address, end.origin.place) if not end.level else None
        # A wide register carries several: this one lies as far into what was read as into what was stored.
        inside = self.slot - address_in(done.written, frame)
        return self._copy(end.passed, source + inside if source is not None and 0 <= inside < _WIDEST else 0)

    def _copy(self, passed: Tuple[PassedArgument, ...], source: int) -> _StoredValueOrigin:
        """A copy from `source`, if the pointer really is there."""
        held = source > 0 and read_pointer(source) == self.value
        return _StoredValueOrigin("memory", passed, source=source if held else 0)

    def _instruction(self, frame: gdb.Frame) -> Tuple[Optional[FunctionCode], Optional[Instruction]]:
        """The instruction before the frame's program counter, with the function around it."""
        return self._codes.around(frame.pc() - 1), self._codes.before(frame.pc())


def _repeats_a_copy(code: Optional[FunctionCode], pc: int) -> bool:
    """Whether the program is in the midst of a `rep movs`."""
    try:
        return code is not None and bool(_MOVES_STRING.match(code.at(pc).text))
    except KeyError:
        return False


def _statement(frame: gdb.Frame) -> SourcePlace:
    """The statement a frame is in; of functions inlined there the innermost that does more than copy memory."""
    inner: Optional[gdb.Frame] = gdb.newest_frame()
    while inner is not None and inner.pc() != frame.pc():
        inner = inner.older()
    while inner is not None and inner.type() == gdb.INLINE_FRAME and _COPYING.match(inner.name() or ""):
        inner = inner.older()
        if inner is not None and inner.function() is not None:
            sal = inner.find_sal()
            file = str(sal.symtab.fullname()) if sal.symtab is not None else ""
            return SourcePlace(str(inner.name()), file, sal.line, "")
    return place_of(frame.pc() - 1)


def return_addresses(frame: gdb.Frame) -> List[int]:
    """Where the frame stands and where those outside it return to, with those that jumped on; up to a signal."""
    found = []
    outer: Optional[gdb.Frame] = frame
    while outer is not None and outer.type() in _WALKED:
        if outer.type() != gdb.INLINE_FRAME:
            found.append(outer.pc())
        outer = outer.older()
    return found


def physical_frames(newest: gdb.Frame) -> List[gdb.Frame]:
    """The frames that are really on the stack, up to a signal: not those inlined, nor reconstructed by gdb."""
    frames: List[gdb.Frame] = []
    frame: Optional[gdb.Frame] = newest
    while frame is not None and frame.type() in _WALKED:
        if frame.type() == gdb.NORMAL_FRAME:
            frames.append(frame)
        frame = frame.older()
    return frames


def _in_dynamic_linker() -> bool:
    return bool(_LINKER.search(gdb.solib_name(gdb.newest_frame().pc()) or ""))
