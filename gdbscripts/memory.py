"""Reads memory and registers of the program, with operands as gdb disassembles them."""

from __future__ import annotations

from typing import Dict

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.arch.x86_64_effects import ALL_BITS, parse_memory

PAGE = 4096  # bytes


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


class PageReader:
    """Reads memory of the stopped program page by page, and keeps the pages until `forget`.

    `reads` counts the pages that were read.
    """

    def __init__(self) -> None:
        self._pages: Dict[int, bytes] = {}
        self.reads = 0

    def forget(self) -> None:
        """Forget all pages: the program has run."""
        self._pages.clear()

    def read(self, address: int, size: int) -> bytes:
        """Return up to `size` bytes from `address`; fewer, or none, where memory cannot be read."""
        offset = address % PAGE
        content = self._page(address - offset)[offset : offset + size]
        if len(content) == size or offset + len(content) < PAGE:
            return content
        return content + self.read(address + len(content), size - len(content))

    def _page(self, address: int) -> bytes:
        page = self._pages.get(address)
        if page is None:
            self.reads += 1
            page = self._pages[address] = read_bytes(address, PAGE) if address < ALL_BITS - PAGE else b""
        return page


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
