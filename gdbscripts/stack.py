"""Walks one stack into frame records as gdb's `bt` prints it, and finds out how each frame calls the next inner
one.

The kind of a call is read from the disassembled instruction before the return address.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.arch.x86_64_effects import is_filler
from gdbscripts.definitions import file_of_frame, file_of_symbol, file_of_symtab
from gdbscripts.enums import FrameKind
from gdbscripts.frame_arguments import ArgumentReader
from gdbscripts.records import CUT as CUT_BEGINS
from gdbscripts.records import SIGNAL, UNKNOWN_NAME, Arguments, FrameRecord
from gdbscripts.return_addresses import ReturnAddressReader
from gdbscripts.tail_calls import FunctionReference, find_tail_calls, symbol_at

_KINDS = {
    gdb.NORMAL_FRAME: FrameKind.NORMAL,
    gdb.INLINE_FRAME: FrameKind.INLINE,
    gdb.TAILCALL_FRAME: FrameKind.TAIL,
    gdb.SIGTRAMP_FRAME: FrameKind.SIGNAL,
}
_FRAMES_WITHOUT_RETURN_ADDRESS = (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)
# Deeper stacks are truncated and end in a frame of this name, so that infinite recursion stays bounded.
MAX_FRAMES = 2000
CUT = "%s %d frames>" % (CUT_BEGINS, MAX_FRAMES)

_SECTION = re.compile(r"^\s*(0x[0-9a-f]+) - (0x[0-9a-f]+) is (\S+)", re.MULTILINE)

_Key = Tuple[int, str, int, int, str, int]


class _FrameGroup(NamedTuple):
    """The frames that gdb shows for one return address: they end before index `end` of the stack."""

    pc: int
    end: int


class WalkedStack(NamedTuple):
    """A stack: frame numbers innermost first, the arguments of each frame, and the records of frames that are
    new."""

    frames: List[int]
    arguments: List[Arguments]
    new: List[FrameRecord]


class StackWalker:
    """Assigns numbers to frames.

    Two frames have one number when all fields of their records must be equal: address, function, frame type, depth
    of inlining, and the name and frame type of the called function.

    `walk` asks gdb for each frame and learns from the answer; `known_stack` answers from what was learnt. The
    frames that gdb shows between two return addresses, inlined ones and reconstructed tail calls, depend on both
    addresses only. Those of the innermost address depend on the function that gdb stops in, too.
    """

    def __init__(self) -> None:
        self._numbers: Dict[_Key, int] = {}
        self._classifier = CallClassifier()
        self._arguments = ArgumentReader()
        self._addresses = ReturnAddressReader()
        self._innermost: Dict[Tuple[int, int, str], Tuple[int, ...]] = {}
        self._outer: Dict[Tuple[int, int], Tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def left_to_gdb(self) -> int:
        """The number of stacks whose return addresses could not be read by rules."""
        return self._addresses.left_to_gdb

    def known_stack(self) -> Optional[Tuple[int, ...]]:
        """Return the frame numbers of the selected thread's stack, innermost first; None when `walk` must be
        called."""
        frame = gdb.newest_frame()
        addresses = self._addresses.read(frame, MAX_FRAMES)
        return None if addresses is None else self._frames_at(frame, addresses)

    def walk(self, arguments: bool = True) -> WalkedStack:
        """Return the stack of the selected thread, with or without arguments; gdb's selected thread and frame
        do not change."""
        newest = gdb.newest_frame()
        addresses = self._addresses.read(newest, MAX_FRAMES)
        if not arguments and addresses is not None:
            known = self._frames_at(newest, addresses)
            if known is not None:
                return WalkedStack(list(known), [[] for _ in known], [])
        return self._walk_frames(addresses, arguments)

    def _frames_at(self, frame: gdb.Frame, addresses: Tuple[int, ...]) -> Optional[Tuple[int, ...]]:
        try:
            numbers = list(self._innermost[addresses[0], frame.type(), _name(frame)])
            for position in range(1, len(addresses)):
                numbers.extend(self._outer[addresses[position - 1], addresses[position]])
        except KeyError:
            return None
        return tuple(numbers)

    def _walk_frames(self, addresses: Optional[Tuple[int, ...]], arguments: bool) -> WalkedStack:
        """Return the stack as gdb's frames show it, and learn the frames at each of `addresses`."""
        stack = WalkedStack([], [], [])
        groups: List[_FrameGroup] = []  # innermost first; the last frame of each has machine code of its own
        with restored_selection():
            callee: Optional[gdb.Frame] = None
            newest = gdb.newest_frame()
            frame: Optional[gdb.Frame] = newest
            depth = 0  # among frames with one pc: functions inlined into each other
            while frame is not None and len(stack.frames) < MAX_FRAMES:
                inlined = callee is not None and callee.type() == gdb.INLINE_FRAME and callee.pc() == frame.pc()
                depth = depth + 1 if inlined else 0
                caller = frame.older()
                number = self._add(stack, frame, callee, depth)
                return_address = caller.pc() if caller is not None else 0
                values = self._arguments.arguments_of(frame, number, return_address) if arguments else []
                stack.arguments.append(values)
                if frame.type() not in _FRAMES_WITHOUT_RETURN_ADDRESS:
                    groups.append(_FrameGroup(frame.pc(), len(stack.frames)))
                callee, frame = frame, caller
            if frame is not None:
                self._add_truncated(stack)
            elif addresses is not None and groups and groups[-1].end == len(stack.frames):
                self._learn((newest.type(), _name(newest)), addresses, groups, stack.frames)
        return stack

    def _learn(
        self, stopped_in: Tuple[int, str], addresses: Tuple[int, ...], groups: List[_FrameGroup], frames: List[int]
    ) -> None:
        """Learn the frames at each address, unless the rules gave other addresses than gdb."""
        for position, group in enumerate(groups):
            if position == len(addresses) or addresses[position] != group.pc:
                self._addresses.distrust(addresses[position - 1])
                return
        if len(groups) < len(addresses):
            self._addresses.end_at(groups[-1].pc)
        kind, function = stopped_in
        self._innermost[addresses[0], kind, function] = tuple(frames[: groups[0].end])
        for position in range(1, len(groups)):
            inner, outer = groups[position - 1], groups[position]
            self._outer[inner.pc, outer.pc] = tuple(frames[inner.end : outer.end])

    def _add(self, stack: WalkedStack, frame: gdb.Frame, callee: Optional[gdb.Frame], depth: int) -> int:
        """Add `frame` to `stack`, without its arguments; returns its number."""
        name = _name(frame)
        callee_type, callee_name = (callee.type(), _name(callee)) if callee is not None else (-1, "")
        key = (frame.pc(), name, frame.type(), callee_type, callee_name, depth)
        number = self._numbers.get(key)
        if number is None:
            number = len(self._numbers)
            record = self._frame_record(number, name, frame, callee)
            self._numbers[key] = number
            stack.new.append(record)
        stack.frames.append(number)
        return number

    def _add_truncated(self, stack: WalkedStack) -> None:
        key = (0, CUT, -1, -1, "", 0)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            stack.new.append(FrameRecord(self._numbers[key], CUT, FrameKind.OTHER, 0))
        stack.frames.append(self._numbers[key])
        stack.arguments.append([])

    def _frame_record(self, number: int, name: str, frame: gdb.Frame, callee: Optional[gdb.Frame]) -> FrameRecord:
        sal = frame.find_sal()
        library = gdb.solib_name(frame.pc()) or ""
        file = "" if sal.symtab is None else file_of_symtab(sal.symtab, library)
        defined_in = _definition_file(frame, library)
        call = self._classifier.classify_call(frame, callee) if callee is not None else None
        return FrameRecord(
            number=number,
            function=name,
            kind=_KINDS.get(frame.type(), FrameKind.OTHER),
            pc=frame.pc(),
            file=file,
            line=sal.line if sal.symtab is not None else 0,
            library=library,
            addressed=_shows_address(frame, callee, sal),
            call=call.kind if call else "",
            instruction=call.instruction if call else "",
            via=list(call.via) if call else [],
            defined_in=None if defined_in == file else defined_in,
        )


def _definition_file(frame: gdb.Frame, library: str) -> str:
    if frame.function() is not None:
        return file_of_frame(frame, library)
    inside = frame.pc() - 1 if frame.level() else frame.pc()
    symbol = symbol_at(inside) if inside > 0 else None  # pc 0: the outermost frame of a coroutine or thread
    return file_of_symbol(inside - symbol[1], library) if symbol is not None else ""


def _shows_address(frame: gdb.Frame, callee: Optional[gdb.Frame], sal: gdb.Symtab_and_line) -> bool:
    """Return whether `bt` prints the address of the frame, by the rule of frame_show_address in gdb's stack.c."""
    if sal.symtab is None:
        return True
    if not sal.pc or (callee is not None and callee.type() == gdb.INLINE_FRAME):
        return False  # gdb prints the line of the inlined call instead
    if frame.pc() != sal.pc:
        return True
    # At the start of a line it depends on is_stmt of the line table, which gdb's Python API does not show.
    return callee is None and gdb.execute("bt 1", to_string=True).startswith("#0  0x")


def _name(frame: gdb.Frame) -> str:
    return SIGNAL if frame.type() == gdb.SIGTRAMP_FRAME else frame.name() or UNKNOWN_NAME


@contextmanager
def restored_selection() -> Iterator[None]:
    """Restore gdb's selected thread and frame at the end of the `with` block: gdb has one selection for all
    code."""
    thread = gdb.selected_thread()
    frame = gdb.selected_frame()
    try:
        yield
    finally:
        if thread is not None and thread.is_valid():
            thread.switch()
        if frame.is_valid():
            frame.select()


@dataclass(frozen=True)
class CallInstruction:
    """How one frame calls the next inner one.

    `kind` has the values of `FrameRecord.call`; `via` are the elided frames between both, as `FrameRecord.via`.
    """

    kind: str
    instruction: str = ""
    via: Tuple[FunctionReference, ...] = ()


class CallClassifier:
    """Classifies calls; the instruction before each return address is disassembled once."""

    def __init__(self) -> None:
        self._instructions: Dict[int, str] = {}

    def classify_call(self, caller: gdb.Frame, callee: gdb.Frame) -> CallInstruction:
        """Return how `caller` calls `callee`, the next inner frame."""
        if callee.type() == gdb.INLINE_FRAME:
            return CallInstruction("inline")
        if gdb.SIGTRAMP_FRAME in (caller.type(), callee.type()):
            return CallInstruction("signal")
        instruction = self._instruction_before(caller)
        kind, target = architecture.classify(instruction)
        if kind == "indirect" and _in_linkage_table(architecture.linkage_slot(instruction)):
            kind = "direct"  # a slot of the global offset table, not a function pointer of the program
        if kind != "direct" or not target:
            return CallInstruction(kind, instruction)
        tail_calls = find_tail_calls(target, callee)
        if tail_calls.functions and architecture.is_thunk(tail_calls.functions[0][0]):
            return CallInstruction("indirect", instruction)
        return CallInstruction(tail_calls.kind or kind, instruction, tail_calls.functions)

    def _instruction_before(self, frame: gdb.Frame) -> str:
        pc = frame.pc()
        if pc not in self._instructions:
            self._instructions[pc] = _disassemble_before(frame, pc)
        return self._instructions[pc]


def _disassemble_before(frame: gdb.Frame, pc: int) -> str:
    start = _instruction_boundary(frame, pc) if pc else 0  # 0: the outermost frame of a coroutine or thread
    if not start:
        return ""
    try:
        instructions = frame.architecture().disassemble(start, pc - 1)
    except gdb.MemoryError:
        return ""
    if instructions[-1]["addr"] + instructions[-1]["length"] != pc:
        return ""
    texts = [" ".join(str(instruction["asm"]).split()) for instruction in instructions]
    # The linker fills up a jump that it has shortened with a `nop`.
    return next((text for text in reversed(texts) if not is_filler(text)), "")


def _instruction_boundary(frame: gdb.Frame, pc: int) -> int:
    """Return an address before `pc` at which an instruction starts: that of the line, or of the symbol; 0 when
    unknown."""
    sal = frame.find_sal()
    if sal.symtab is not None and sal.pc and sal.pc < pc:
        return int(sal.pc)
    symbol = symbol_at(pc - 1)
    return pc - 1 - symbol[1] if symbol else 0


def _in_linkage_table(slot: int) -> bool:
    """Return whether `slot` is in a global offset table.

    Reads `info files`, since the slots have no symbols that `info symbol` could name.
    """
    if not slot:
        return False
    for start, end, name in _SECTION.findall(gdb.execute("info files", to_string=True)):
        if int(start, 16) <= slot < int(end, 16):
            return str(name).startswith(".got")
    return False
