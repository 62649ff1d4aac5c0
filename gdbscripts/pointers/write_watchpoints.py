"""Hardware watchpoints on slots, and the analysis of each store to a slot."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import ARGUMENT_REGISTERS, RESULT_REGISTER, effect
from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.definitions import file_of_frame, file_of_symtab
from gdbscripts.disassembly import Disassembler
from gdbscripts.memory import operand_address, read_pointer, register
from gdbscripts.pointers.dataflow import FunctionCode, Instruction
from gdbscripts.pointers.earlier_registers import EarlierRegisters
from gdbscripts.pointers.pointer_dataflow import (
    PassedArgument,
    SourceLocation,
    call_target,
    source_location,
    trace_operand,
)
from gdbscripts.pointers.slot_names import name_in_scope
from gdbscripts.pointers.store_names import name_of_written_slot
from gdbscripts.recorder import Recorder
from gdbscripts.stack import WalkedStack
from gdbscripts.tail_calls import symbol_at

MAX_WATCHPOINTS = 4  # address registers DR0 to DR3 of x86-64
_MAX_WRITES = 20000  # a slot with more writes, such as one on the stack, takes too long
_WALKED = (gdb.NORMAL_FRAME, gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)
_STRING_MOVE = re.compile(r"^(?:rep\w* )?movs[bwlq]? +%ds:\(%rsi\)")
_MAX_STORE_WIDTH = 64  # bytes, of a 512-bit register
_DYNAMIC_LINKER = re.compile(r"/ld[-.][^/]*$")
_COPY_FUNCTION = re.compile(r"^(?:__)?(?:mem(?:p?cpy|move)|bcopy)(?:_chk)?(?:@|$)")


class PointerStore(NamedTuple):
    """One write that set a slot to the pointer."""

    statement: SourceLocation  # in the program: the call of memcpy, not memcpy itself
    thread: int
    stack: WalkedStack
    time: float  # seconds since the run began
    arguments: Tuple[PassedArgument, ...]  # arguments the stored value came through, and where they were passed
    origin_location: Optional[
        SourceLocation
    ]  # constant: where the function is named; result: the call that returned it
    origin: str  # kind of the stored value, as in `_StoredValueOrigin`
    source_address: int  # of the slot that was copied from; 0 when unknown
    source_store: Optional[PointerStore]  # the last store to that slot, if it is watched
    name: str  # of the slot, as this statement knows it
    source_name: str

    @property
    def copied(self) -> bool:
        """Whether the value was copied from another slot in memory."""
        return self.origin == "memory"


class _StoredValueOrigin(NamedTuple):
    """The origin of a stored value, from the machine code of the store."""

    kind: str = "unknown"  # as in `ValueOrigin`, or library: a library function stored it
    arguments: Tuple[PassedArgument, ...] = ()
    origin_location: Optional[SourceLocation] = (
        None  # constant: where the function is named; result: the call that returned it
    )
    source_address: int = 0  # memory: the slot that was copied from; 0 when unknown


class NoWatchpointError(Exception):
    """gdb cannot insert another hardware watchpoint; the message is gdb's."""


class WriteWatchpoint(RecordingBreakpoint):
    """A hardware watchpoint on the slot at `address`; keeps the last write that set it to `value`.

    `watchpoints` are all watchpoints of the run, by address. gdb reports only writes that change the value: of two
    stores of the same value, the first. Watchpoints do not see writes by the kernel, as in read(2). Raises
    NoWatchpointError.
    """

    recorder: Recorder

    def __init__(
        self,
        address: int,
        value: int,
        watchpoints: Dict[int, WriteWatchpoint],
        disassembler: Disassembler,
        recorder: Recorder,
    ) -> None:
        expression = "*(unsigned long *) 0x%x" % address
        try:
            super().__init__(expression, type=gdb.BP_WATCHPOINT, wp_class=gdb.WP_WRITE, internal=True)
        except gdb.error as error:  # gdb created the watchpoint and could not insert it
            if self.is_valid():
                self.delete()
            raise NoWatchpointError(" ".join(str(error).split())) from None
        if self.type != gdb.BP_HARDWARE_WATCHPOINT:
            self.delete()  # with a software watchpoint gdb would single-step QEMU
            raise NoWatchpointError("this host has no hardware watchpoints, or gdb may not use them")
        self.address = address
        self.value = value
        self.recorder = recorder
        self.last_store: Optional[PointerStore] = None
        self.write_limit_reached = False
        self.set_by_loader = read_pointer(address) == value  # initial value, or set by the dynamic linker
        self._watchpoints = watchpoints
        self._disassembler = disassembler
        self._writes_left = _MAX_WRITES

    def hit(self) -> None:
        """Keep the store if it set the slot to the pointer, and forget earlier ones."""
        self._writes_left -= 1
        if not self._writes_left:
            self.write_limit_reached = True
            self.delete_later()
        self.last_store = None
        self.set_by_loader = False
        if read_pointer(self.address) != self.value:
            return
        if _in_dynamic_linker():
            self.set_by_loader = True
        else:
            self.last_store = self._read_store()

    def _read_store(self) -> PointerStore:
        frames = physical_frames(gdb.newest_frame())
        count = next((n for n, frame in enumerate(frames) if not gdb.solib_name(frame.pc())), 0)
        program_frames = frames[count:]
        origin = self._origin_of_library_store(program_frames) if count else self._origin_of_store(program_frames)
        source_watchpoint = self._watchpoints.get(origin.source_address)
        return PointerStore(
            statement=_statement_location(program_frames[0]),
            thread=self.recorder.note_thread_of_rerun(),
            stack=self.recorder.walk(),
            time=self.recorder.now(),
            arguments=origin.arguments,
            origin_location=origin.origin_location,
            origin=origin.kind,
            source_address=origin.source_address,
            source_store=source_watchpoint.last_store if source_watchpoint is not None else None,
            name=name_of_written_slot(self.address, None if count else self._last_instruction(frames[0])[1]),
            source_name=name_in_scope(origin.source_address) if origin.source_address else "",
        )

    def _origin_of_library_store(self, frames: List[gdb.Frame]) -> _StoredValueOrigin:
        """Return the origin of a value that a library stores: known only for memcpy(destination, source, size)
        and the like."""
        code, call = self._last_instruction(frames[0])
        symbol = symbol_at(call_target(call.text)) if call else None
        if code is None or call is None or symbol is None or not _COPY_FUNCTION.match(symbol[0]):
            return _StoredValueOrigin(kind="library")
        earlier = EarlierRegisters(frames[0], code, call.address, registers_unchanged=False)
        destination, origin = (earlier.value(call.address, name) for name in ARGUMENT_REGISTERS[:2])
        if destination is None:  # glibc's memcpy first moves the destination to the result register
            destination = register(gdb.newest_frame(), RESULT_REGISTER)
        return self._memory_origin((), origin + self.address - destination if origin is not None else 0)

    def _origin_of_store(self, frames: List[gdb.Frame]) -> _StoredValueOrigin:
        """Return the origin of the value that the instruction just executed has stored."""
        frame = frames[0]
        code, store = self._last_instruction(frame)
        if _is_in_string_move(code, frame.pc()) or (store is not None and _STRING_MOVE.match(store.text)):
            destination, origin = (register(frame, name) for name in ("rdi", "rsi"))  # of string instructions
            return self._memory_origin((), self.address + origin - destination)  # both advance alike
        store_effect = effect(store.text) if store else None
        if code is None or store is None or store_effect is None or store_effect.kind != "copy":
            return _StoredValueOrigin()
        if store_effect.source.startswith("$"):
            return _StoredValueOrigin("constant", origin_location=source_location(store.address))
        returns = return_addresses(frame)
        dataflows = trace_operand(
            self._disassembler, returns, store.address, store_effect.source, lambda value: value == self.value
        )
        if len(dataflows) != 1:
            return _StoredValueOrigin()
        dataflow = dataflows[0]
        if dataflow.kind != "memory":
            return _StoredValueOrigin(
                dataflow.kind,
                dataflow.arguments,
                source_location(dataflow.origin.address) if dataflow.origin.address else None,
            )
        earlier = EarlierRegisters(frame, code, store.address, registers_unchanged=True)
        source_address = (
            earlier.address(dataflow.origin.address, dataflow.origin.operand)
            if not dataflow.caller_level
            else None
        )
        # A wide register holds several values: the offset within the load is that within the store.
        offset = self.address - operand_address(store_effect.destination, frame)
        return self._memory_origin(
            dataflow.arguments,
            source_address + offset if source_address is not None and 0 <= offset < _MAX_STORE_WIDTH else 0,
        )

    def _memory_origin(self, arguments: Tuple[PassedArgument, ...], source_address: int) -> _StoredValueOrigin:
        """Return a copy from `source_address`, which becomes 0 unless that slot holds the pointer."""
        is_there = source_address > 0 and read_pointer(source_address) == self.value
        return _StoredValueOrigin("memory", arguments, source_address=source_address if is_there else 0)

    def _last_instruction(self, frame: gdb.Frame) -> Tuple[Optional[FunctionCode], Optional[Instruction]]:
        """Return the instruction before the frame's pc, and the function around it; None for each that gdb does
        not know."""
        return self._disassembler.function_around(frame.pc() - 1), self._disassembler.instruction_before(
            frame.pc()
        )


def _is_in_string_move(code: Optional[FunctionCode], pc: int) -> bool:
    """Return whether the instruction at `pc` is a `rep movs` that has not finished."""
    try:
        return code is not None and bool(_STRING_MOVE.match(code.instruction_at(pc).text))
    except KeyError:
        return False


def _statement_location(frame: gdb.Frame) -> SourceLocation:
    """Return the source location of the frame's statement; skips inlined functions that only copy memory."""
    inner: Optional[gdb.Frame] = gdb.newest_frame()
    while inner is not None and inner.pc() != frame.pc():
        inner = inner.older()
    while inner is not None and inner.type() == gdb.INLINE_FRAME and _COPY_FUNCTION.match(inner.name() or ""):
        inner = inner.older()
        if inner is not None and inner.function() is not None:
            sal = inner.find_sal()
            file = file_of_symtab(sal.symtab, "") if sal.symtab is not None else ""
            return SourceLocation(str(inner.name()), file, sal.line, "", file_of_frame(inner, ""))
    return source_location(frame.pc() - 1)


def return_addresses(frame: gdb.Frame) -> List[int]:
    """Return the pc of `frame` and the return addresses of its callers, including tail-call frames, up to a
    signal frame."""
    addresses = []
    outer: Optional[gdb.Frame] = frame
    while outer is not None and outer.type() in _WALKED:
        if outer.type() != gdb.INLINE_FRAME:
            addresses.append(outer.pc())
        outer = outer.older()
    return addresses


def physical_frames(newest: gdb.Frame) -> List[gdb.Frame]:
    """Return the frames that exist on the stack, up to a signal frame: without inlined frames and tail-call
    frames."""
    frames: List[gdb.Frame] = []
    frame: Optional[gdb.Frame] = newest
    while frame is not None and frame.type() in _WALKED:
        if frame.type() == gdb.NORMAL_FRAME:
            frames.append(frame)
        frame = frame.older()
    return frames


def _in_dynamic_linker() -> bool:
    return bool(_DYNAMIC_LINKER.search(gdb.solib_name(gdb.newest_frame().pc()) or ""))
