"""Reconstructs what a register held at an earlier instruction of a frame, from registers and memory that still
hold it."""

from __future__ import annotations

from typing import List, Optional

import gdb

from gdbscripts.arch.x86_64_effects import CALLEE_SAVED, parse_memory
from gdbscripts.memory import operand_address, read_pointer, register
from gdbscripts.pointers.dataflow import FunctionCode, ValueOrigin

_MAX_DEPTH = 6  # of nested memory operands


class EarlierRegisters:
    """The registers of one frame at earlier instructions.

    `current` is the address of the instruction that the frame executes or has just executed. `registers_unchanged`
    is true when no call was made since, so that all registers are the frame's own.
    """

    def __init__(self, frame: gdb.Frame, code: FunctionCode, current: int, registers_unchanged: bool) -> None:
        self._frame = frame
        self._code = code
        self._current = current
        self._registers_unchanged = registers_unchanged

    def value(self, address: int, operand: str, depth: int = 0) -> Optional[int]:
        """Return the value of `operand` before the instruction at `address`; None when it cannot be
        reconstructed."""
        memory = parse_memory(operand)
        if memory is None:
            return self._register(address, operand, depth)
        location = self.address(address, operand, depth)
        return None if location is None else read_pointer(location)

    def address(self, address: int, operand: str, depth: int = 0) -> Optional[int]:
        """Return the address of the memory operand in the instruction at `address`; None when it cannot be
        reconstructed."""
        memory = parse_memory(operand)
        if memory is None or depth > _MAX_DEPTH:
            return None
        base = self._register(address, memory.base, depth) if memory.base else 0
        index = self._register(address, memory.index_register, depth) if memory.index_register else 0
        if base is None or index is None:
            return None
        return memory.address(base, index)

    def _register(self, address: int, name: str, depth: int) -> Optional[int]:
        origins = self._code.origins(address, name)
        if (self._registers_unchanged or name in CALLEE_SAVED) and (
            address == self._current or self._code.origins(self._current, name) == origins
        ):
            return register(self._frame, name)
        stack_slots = {origin.stack_slot for origin in origins}
        if len(stack_slots) == 1 and "" not in stack_slots:
            return read_pointer(operand_address(stack_slots.pop(), self._frame))
        return self._origin(origins, depth) if len(origins) == 1 else None

    def _origin(self, origins: List[ValueOrigin], depth: int) -> Optional[int]:
        origin = origins[0]
        if origin.kind == "constant":
            return origin.value
        if origin.kind == "memory":
            return self.value(origin.address, origin.operand, depth + 1)
        if origin.kind in ("argument", "result"):  # another register may hold the same value
            for name in CALLEE_SAVED:
                if self._code.origins(self._current, name) == origins:
                    return register(self._frame, name)
        return None
