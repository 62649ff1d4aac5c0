"""Reads memory and registers of the program, with operands as gdb disassembles them."""

from __future__ import annotations

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.arch.x86_64_effects import ALL_BITS, parse_memory


def operand_address(operand: str, frame: gdb.Frame) -> int:
    """Return the address of the memory operand, computed with the registers of `frame`; 0 when it is not in
    memory."""
    memory = parse_memory(operand)
    if memory is None:
        return 0
    return memory.address(*(register(frame, name) if name else 0 for name in (memory.base, memory.index_register)))


def operand_value(operand: str, frame: gdb.Frame) -> int:
    """Return the 64-bit value of a register, or of a memory operand with the registers of `frame`."""
    slot = operand_address(operand, frame)
    return read_pointer(slot) if slot else register(frame, operand)


def read_pointer(address: int) -> int:
    """Return the 8-byte little-endian value at `address`; 0 when it cannot be read."""
    return int.from_bytes(read_bytes(address, 8), "little")


def stack_pointer(frame: gdb.Frame) -> int:
    """Return the value of the stack pointer in `frame`."""
    return register(frame, architecture.STACK_POINTER)


def read_bytes(address: int, size: int) -> bytes:
    """Return `size` bytes from `address`; b"" when not all of them can be read."""
    if not size:
        return b""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError:
        return b""


def register(frame: gdb.Frame, name: str) -> int:
    """Return the value of a register in `frame`, as an unsigned 64-bit int."""
    return int(frame.read_register(name)) & ALL_BITS
