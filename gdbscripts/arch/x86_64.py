"""What is particular to x86-64: argument registers and how calls look when disassembled.

Another architecture is another module with the same names; `architecture.py` chooses.
Registers: System V ABI, AMD64 supplement, section 3.2.3.
"""

from __future__ import annotations

import re
from typing import Tuple

import gdb

from gdbscripts.arch.x86_64_effects import ALL_BITS, ARGUMENT_REGISTERS, RESULT_REGISTER

DISASSEMBLY = "att"  # the flavour the patterns below are written for: an indirect operand starts with "*"
STACK_POINTER = "rsp"
SYSTEM_CALL = "syscall"
SYSTEM_CALL_IOCTL = 16  # asm/unistd_64.h
_DIRECT_JUMP = re.compile(r"^(?:notrack |bnd )*j[a-z]+\s+(0x[0-9a-f]+)")
_LINKAGE_SLOT = re.compile(r"\*0x[0-9a-f]+\(%rip\)\s+# (0x[0-9a-f]+)")
_CALL_OR_JUMP = re.compile(r"^(?:notrack |bnd )*(call|jmp)[a-z]*\s+(?P<operand>\S+)")


def argument(frame: gdb.Frame, position: int) -> int:
    """The integer argument at `position` (from 0), valid at a function's first instruction."""
    return int(frame.read_register(ARGUMENT_REGISTERS[position])) & ALL_BITS


def result(frame: gdb.Frame) -> int:
    """The C `int` a function has just returned: ioctl and pthread_create both return one."""
    value = int(frame.read_register(RESULT_REGISTER)) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def system_call_result(frame: gdb.Frame) -> int:
    """What the kernel has just answered: a negative errno when it failed."""
    value = int(frame.read_register(RESULT_REGISTER)) & ALL_BITS
    return value - (1 << 64) if value >> 63 else value


def classify(instruction: str) -> Tuple[str, int]:
    """(kind, target) of a disassembled instruction.

    Kind is direct, indirect, tail or unknown; the target is 0 when the instruction does not name it.
    """
    match = _CALL_OR_JUMP.match(instruction)
    if match is None:
        return "unknown", 0
    operand = match["operand"]
    through_pointer = operand.startswith("*")
    target = 0 if through_pointer else _number(operand)
    if match[1] == "jmp":
        return "tail", target
    return ("indirect" if through_pointer else "direct"), target


def jump_target(instruction: str) -> int:
    """Where a jump goes whose target is in the instruction; 0 for anything else."""
    match = _DIRECT_JUMP.match(instruction)
    return int(match[1], 16) if match else 0


def linkage_slot(instruction: str) -> int:
    """The address of the slot an indirect call reads relative to the program counter; 0 for other calls."""
    match = _LINKAGE_SLOT.search(instruction)
    return int(match[1], 16) if match else 0


def is_thunk(symbol: str) -> bool:
    """Whether a direct call of `symbol` is a call through a pointer after all (gcc -mindirect-branch=thunk)."""
    return symbol.startswith("__x86_indirect_thunk_")


def _number(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
