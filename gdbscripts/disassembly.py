"""Reads the machine code of the program's functions from gdb's disassembler; each function is disassembled
once."""

from __future__ import annotations

import re
from typing import Dict, List, Optional

import gdb

from gdbscripts.arch.x86_64_effects import is_filler
from gdbscripts.pointers.dataflow import FunctionCode, Instruction

_LINE = re.compile(r"^(?:=>)?\s*(0x[0-9a-f]+) <[^>]*[+-]\d+>:\t(.*)$", re.MULTILINE)
_RANGE = re.compile(r"^Address range 0x[0-9a-f]+ to (0x[0-9a-f]+):$", re.MULTILINE)


class Disassembler:
    """Disassembles functions on demand and caches them."""

    def __init__(self) -> None:
        self._functions: Dict[int, Optional[FunctionCode]] = {}

    def function_around(self, address: int) -> Optional[FunctionCode]:
        """Return the code of the function that contains `address`; None when gdb knows no function there."""
        if address not in self._functions:
            code = _disassemble(address)
            self._functions[address] = code
            for item in code or ():
                self._functions[item.address] = code
        return self._functions[address]

    def instruction_before(self, address: int) -> Optional[Instruction]:
        """Return the instruction that ends at `address`, such as the call that returns there; None when there
        is none. A `nop` is skipped: the linker fills up a jump that it has shortened."""
        code = self.function_around(address - 1)
        try:
            found = code.instruction_ending_at(address) if code else None
            while code is not None and found is not None and is_filler(found.text):
                found = code.instruction_ending_at(found.address)
            return found
        except KeyError:
            return None


def instruction_text(address: int) -> str:
    """Return the disassembled instruction at `address`; "" when gdb cannot read it."""
    try:
        text = gdb.execute("x/i 0x%x" % address, to_string=True)
    except gdb.error:
        return ""
    return " ".join(text.partition(":\t")[2].split())


def _disassemble(address: int) -> Optional[FunctionCode]:
    try:
        # Unlike gdb.Architecture.disassemble, the command knows functions with several ranges (`.cold`).
        text = gdb.execute("disassemble 0x%x" % address, to_string=True)
    except gdb.error:
        return None
    return FunctionCode(_instructions(text))


def _instructions(text: str) -> List[Instruction]:
    """Return all instructions in gdb's text, those of the entry's address range first."""
    instructions: List[Instruction] = []
    for code_range in _RANGE.split(text)[::2] if _RANGE.search(text) else [text]:
        lines = [(int(address, 16), " ".join(asm.split())) for address, asm in _LINE.findall(code_range)]
        next_addresses = [address for address, _ in lines[1:]] + [0]
        instructions += [
            Instruction(address, max(next_address - address, 0), asm)
            for (address, asm), next_address in zip(lines, next_addresses)  # noqa: B905 - Python 3.8 has no `strict`
        ]
    return instructions
