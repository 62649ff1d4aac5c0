"""The machine code of the functions of the program, as gdb disassembles it; each function once."""

from __future__ import annotations

import re
from typing import Dict, List, Optional

import gdb

from gdbscripts.pointers.dataflow import FunctionCode, Instruction

_LINE = re.compile(r"^(?:=>)?\s*(0x[0-9a-f]+) <[^>]*\+-?\d+>:\t(.*)$", re.MULTILINE)
_RANGE = re.compile(r"^Address range 0x[0-9a-f]+ to (0x[0-9a-f]+):$", re.MULTILINE)


class Disassembler:
    """Disassembles on demand."""

    def __init__(self) -> None:
        self._functions: Dict[int, Optional[FunctionCode]] = {}

    def function_around(self, address: int) -> Optional[FunctionCode]:
        """The function whose code `address` is in; None when gdb knows none."""
        if address not in self._functions:
            code = _disassemble(address)
            self._functions[address] = code
            for item in code or ():
                self._functions[item.address] = code
        return self._functions[address]

    def instruction_before(self, address: int) -> Optional[Instruction]:
        """The instruction that ends right before `address`, such as the call that returns there; None for none."""
        code = self.function_around(address - 1)
        try:
            return code.instruction_ending_at(address) if code else None
        except KeyError:
            return None


def _disassemble(address: int) -> Optional[FunctionCode]:
    try:
        # Unlike the Python interface this knows functions of which a part lies elsewhere (`.cold`).
        text = gdb.execute("disassemble 0x%x" % address, to_string=True)
    except gdb.error:
        return None
    return FunctionCode(_instructions(text))


def _instructions(text: str) -> List[Instruction]:
    """All instructions, those of the function's beginning first."""
    instructions: List[Instruction] = []
    for code_range in _RANGE.split(text)[::2] if _RANGE.search(text) else [text]:
        lines = [(int(address, 16), " ".join(asm.split())) for address, asm in _LINE.findall(code_range)]
        next_addresses = [address for address, _ in lines[1:]] + [0]
        instructions += [
            Instruction(address, max(next_address - address, 0), asm)
            for (address, asm), next_address in zip(lines, next_addresses)  # noqa: B905 - Python 3.8 has no `strict`
        ]
    return instructions
