"""Finds out how one frame calls the next inner one, from the instruction before the return address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.arch.x86_64_effects import is_filler
from gdbscripts.tail_calls import FunctionReference, find_tail_calls, symbol_at

_SECTION = re.compile(r"^\s*(0x[0-9a-f]+) - (0x[0-9a-f]+) is (\S+)", re.MULTILINE)


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
