"""How one frame calls the next inner one, read from the instruction before the return address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.tail_calls import JumpPlace, find_tail_calls, symbol_at

_SECTION = re.compile(r"^\s*(0x[0-9a-f]+) - (0x[0-9a-f]+) is (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class CallInstruction:
    """`kind` as in `wire.Frame.call`; `via` are the functions between that left no frame."""

    kind: str
    instruction: str = ""
    via: Tuple[JumpPlace, ...] = ()


class CallClassifier:
    """Classifies call sites; each return address is disassembled once."""

    def __init__(self) -> None:
        self._instructions: Dict[int, str] = {}

    def between(self, caller: gdb.Frame, callee: gdb.Frame) -> CallInstruction:
        """How `caller` came to `callee`, the next inner frame."""
        if callee.type() == gdb.INLINE_FRAME:
            return CallInstruction("inline")
        if gdb.SIGTRAMP_FRAME in (caller.type(), callee.type()):
            return CallInstruction("signal")
        instruction = self._instruction_before(caller)
        kind, target = architecture.classify(instruction)
        if kind == "indirect" and _in_linkage_table(architecture.linkage_slot(instruction)):
            kind = "direct"  # the linker's slot for a library function, not a pointer of the program
        if kind != "direct" or not target:
            return CallInstruction(kind, instruction)
        detour = find_tail_calls(target, callee)
        if detour.via and architecture.is_thunk(detour.via[0][0]):
            return CallInstruction("indirect", instruction)
        return CallInstruction(detour.kind or kind, instruction, detour.via)

    def _instruction_before(self, frame: gdb.Frame) -> str:
        pc = frame.pc()
        if pc not in self._instructions:
            self._instructions[pc] = _disassemble_before(frame, pc)
        return self._instructions[pc]


def _disassemble_before(frame: gdb.Frame, pc: int) -> str:
    start = _instruction_boundary(frame, pc) if pc else 0  # 0: below a coroutine's or thread's first frame
    if not start:
        return ""
    try:
        instructions = frame.architecture().disassemble(start, pc - 1)
    except gdb.MemoryError:
        return ""
    last = instructions[-1]
    ends_here = last["addr"] + last["length"] == pc
    return " ".join(str(last["asm"]).split()) if ends_here else ""


def _instruction_boundary(frame: gdb.Frame, pc: int) -> int:
    """An address before `pc` where an instruction certainly begins: that of a line, or of the function."""
    sal = frame.find_sal()
    if sal.symtab is not None and sal.pc and sal.pc < pc:
        return int(sal.pc)
    symbol = symbol_at(pc - 1)
    return pc - 1 - symbol[1] if symbol else 0


def _in_linkage_table(slot: int) -> bool:
    """Whether the address lies in a global offset table. `info symbol` does not know: its slots have no names."""
    if not slot:
        return False
    for start, end, name in _SECTION.findall(gdb.execute("info files", to_string=True)):
        if int(start, 16) <= slot < int(end, 16):
            return str(name).startswith(".got")
    return False
