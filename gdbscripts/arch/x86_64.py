"""The registers of x86-64 calling conventions, and the classification of call instructions.

Argument and result registers: System V ABI, AMD64 supplement (x86-64 psABI), section 3.2.3. Another architecture
has a module with the same names; `host.py` selects it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Sequence, Tuple

from gdbscripts.arch.x86_64_effects import ALL_BITS, ARGUMENT_REGISTERS, RESULT_REGISTER, without_prefixes

if TYPE_CHECKING:
    import gdb

DISASSEMBLY = "att"  # the flavor that the patterns below parse: an indirect operand starts with "*"
PC, STACK_POINTER, FRAME_POINTER = "rip", "rsp", "rbp"
# struct user_regs_struct of sys/user.h, in which ptrace returns registers, by the names of gdb
USER_REGISTERS = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
    "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
)  # fmt: skip
_ARGUMENTS = [USER_REGISTERS.index(name) for name in ARGUMENT_REGISTERS]
_RESULT = USER_REGISTERS.index(RESULT_REGISTER)
# Numbers of registers in DWARF (psABI, figure 3.36)
DWARF_REGISTERS = {
    "rax": 0, "rdx": 1, "rcx": 2, "rbx": 3, "rsi": 4, "rdi": 5, "rbp": 6, "rsp": 7, "r8": 8, "r9": 9, "r10": 10,
    "r11": 11, "r12": 12, "r13": 13, "r14": 14, "r15": 15,
}  # fmt: skip
# Functions restore these registers for their callers (section 3.2.1)
PRESERVED_REGISTERS = {DWARF_REGISTERS[name]: name for name in ("rbx", "rbp", "r12", "r13", "r14", "r15")}
SYSTEM_CALL = "syscall"
SYSTEM_CALL_IOCTL = 16  # asm/unistd_64.h
# [endbr64] push %rbp; mov %rsp,%rbp
SETS_FRAME_POINTER = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?\x55\x48\x89\xe5")
_DIRECT_JUMP = re.compile(r"^j[a-z]+\s+(0x[0-9a-f]+)")
_LINKAGE_SLOT = re.compile(r"\*0x[0-9a-f]+\(%rip\)\s+# (0x[0-9a-f]+)")
_CONDITIONAL_JUMP = re.compile(r"^j(n?(?:[oczsplgbae]|[glba]e)|pe|po)\s")
_THUNK = "__x86_indirect_thunk_"
_CALL_OR_JUMP = re.compile(r"^(call|jmp)[a-z]*\s+(?P<operand>\S+)")


def argument(frame: gdb.Frame, position: int) -> int:
    """Return the integer argument at `position` (from 0, at most 5) as an unsigned 64-bit int.

    Valid only at the first instruction of a function, where the argument registers are not overwritten yet.
    """
    return int(frame.read_register(ARGUMENT_REGISTERS[position])) & ALL_BITS


def result(frame: gdb.Frame) -> int:
    """Return the C `int` that a function has just returned: ioctl and pthread_create both return one."""
    value = int(frame.read_register(RESULT_REGISTER)) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def argument_in(registers: Sequence[int], position: int) -> int:
    """Return what `argument` returns, from registers in the order of `USER_REGISTERS`."""
    return registers[_ARGUMENTS[position]]


def system_call_result(registers: Sequence[int]) -> int:
    """Return the result of the system call just executed, from registers in the order of `USER_REGISTERS`: a
    negative errno on failure (psABI, section A.2.1)."""
    value = registers[_RESULT]
    return value - (1 << 64) if value >> 63 else value


def classify(instruction: str) -> Tuple[str, int]:
    """Return (kind, target) of a disassembled call or jump instruction.

    Kind is direct, indirect, tail or unknown; target is the address that the instruction names, 0 when it names
    none.
    """
    match = _CALL_OR_JUMP.match(without_prefixes(instruction))
    if match is None:
        return "unknown", 0
    operand = match["operand"]
    through_pointer = operand.startswith("*")
    target = 0 if through_pointer else _number(operand)
    if match[1] == "jmp":
        return "tail", target
    return ("indirect" if through_pointer else "direct"), target


def jump_target(instruction: str) -> int:
    """Return the target address of a direct jump instruction; 0 for any other instruction."""
    match = _DIRECT_JUMP.match(without_prefixes(instruction))
    return int(match[1], 16) if match else 0


def named_target(instruction: str) -> int:
    """Return the address that a direct call or jump names, conditional or not; 0 for any other instruction."""
    return classify(instruction)[1] or jump_target(instruction)


def is_conditional_jump(instruction: str) -> bool:
    """Return whether the instruction jumps or does not, by the flags."""
    return _CONDITIONAL_JUMP.match(without_prefixes(instruction)) is not None


def condition_holds(instruction: str, flags: int) -> bool:
    """Return whether a jump is taken when the flags register is `flags`; True for an unconditional one.

    The conditions are those of the AMD64 Architecture Programmer's Manual, volume 3, Jcc.
    """
    match = _CONDITIONAL_JUMP.match(without_prefixes(instruction))
    if match is None:
        return True
    name = match[1]
    carry, parity, zero = bool(flags & 1), bool(flags & 4), bool(flags & 0x40)
    sign, overflow = bool(flags & 0x80), bool(flags & 0x800)
    negated = name.startswith("n")
    condition = {
        "o": overflow, "b": carry, "c": carry, "ae": not carry, "e": zero, "z": zero, "be": carry or zero,
        "a": not carry and not zero, "s": sign, "p": parity, "pe": parity, "po": not parity, "l": sign != overflow,
        "ge": sign == overflow, "le": zero or sign != overflow, "g": not zero and sign == overflow,
    }[name[1:] if negated else name]  # fmt: skip
    return condition != negated


def register_of_thunk(symbol: str) -> str:
    """Return the register that a thunk of `is_thunk` calls through."""
    return symbol[len(_THUNK) :]


def linkage_slot(instruction: str) -> int:
    """Return the address of the slot that an indirect call loads relative to the program counter; 0 for other
    calls."""
    match = _LINKAGE_SLOT.search(instruction)
    return int(match[1], 16) if match else 0


def is_thunk(symbol: str) -> bool:
    """Return whether a direct call of `symbol` makes an indirect call (gcc -mindirect-branch=thunk)."""
    return symbol.startswith(_THUNK)


def _number(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
