"""Memory of the program, addressed as machine code does it."""

from __future__ import annotations

import gdb

from gdbscripts.architecture import current as architecture
from gdbscripts.x86_64_effects import parse_memory

_BITS = (1 << 64) - 1


def address_in(place: str, frame: gdb.Frame) -> int:
    """The address of a memory operand, with the registers of `frame`; 0 when it is none."""
    memory = parse_memory(place)
    if memory is None:
        return 0
    base = _register(frame, memory.base)
    index = _register(frame, memory.by)
    return (memory.displacement + base + index * memory.scale) & _BITS


def read_pointer(address: int) -> int:
    """What memory holds at `address`; 0 when it cannot be read."""
    try:
        raw = gdb.selected_inferior().read_memory(address, 8)
    except gdb.MemoryError:
        return 0
    return int.from_bytes(bytes(raw), "little")


def stack_pointer(frame: gdb.Frame) -> int:
    """The frame's stack pointer."""
    return _register(frame, architecture.STACK_POINTER)


def read_bytes(address: int, size: int) -> bytes:
    """What lies at `address`; nothing when not all of it can be read."""
    if not size:
        return b""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError:
        return b""


def _register(frame: gdb.Frame, name: str) -> int:
    return int(frame.read_register(name)) & _BITS if name else 0
