"""Memory of the program, addressed as machine code does it."""

from __future__ import annotations

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.arch.x86_64_effects import ALL_BITS, parse_memory


def operand_address(operand: str, frame: gdb.Frame) -> int:
    """The address of a memory operand, with the registers of `frame`; 0 when it is none."""
    memory = parse_memory(operand)
    if memory is None:
        return 0
    return memory.address(*(register(frame, name) if name else 0 for name in (memory.base, memory.index_register)))


def operand_value(operand: str, frame: gdb.Frame) -> int:
    """The pointer in a register, or in a memory operand with the registers of `frame`."""
    slot = operand_address(operand, frame)
    return read_pointer(slot) if slot else register(frame, operand)


def read_pointer(address: int) -> int:
    """What memory holds at `address`; 0 when it cannot be read."""
    return int.from_bytes(read_bytes(address, 8), "little")


def stack_pointer(frame: gdb.Frame) -> int:
    """The frame's stack pointer."""
    return register(frame, architecture.STACK_POINTER)


def read_bytes(address: int, size: int) -> bytes:
    """What lies at `address`; nothing when not all of it can be read."""
    if not size:
        return b""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError:
        return b""


def register(frame: gdb.Frame, name: str) -> int:
    """The register as it was in `frame`, without a sign."""
    return int(frame.read_register(name)) & ALL_BITS
