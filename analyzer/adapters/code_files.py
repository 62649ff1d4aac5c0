"""Reads the machine code files of a process, programs and shared libraries, without the process (elf(5))."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from gdbscripts.call_frame_rules import CallFrameRules, UnsupportedRuleError

_LOAD, _DYNAMIC, _PROGRAM_HEADERS, _EXCEPTION_FRAMES = 1, 2, 6, 0x6474E550  # PT_… of a program header
_CODE = 1  # PF_X
_PAGE = 4096


@dataclass(frozen=True)
class Segment:
    """A program header: its kind, flags, and place in the file and in memory, in bytes."""

    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int


class CodeFile:
    """An ELF file at the path `path`. Raises OSError, and ValueError when it is no ELF file of 64 bits."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.path = path
        if self._data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no ELF file of 64 bits")
        try:
            (self.entry, self.header_position) = struct.unpack_from("<QQ", self._data, 24)
            (self.header_count,) = struct.unpack_from("<H", self._data, 56)
            self.segments = tuple(self._segment(number) for number in range(self.header_count))
        except (struct.error, OverflowError):
            raise ValueError(f"{path} is damaged: its headers are not in the file") from None

    def _segment(self, number: int) -> Segment:
        kind, flags, offset, address, _, file_size, memory_size, _ = struct.unpack_from(
            "<IIQQQQQQ", self._data, self.header_position + 56 * number
        )
        return Segment(kind, flags, offset, address, file_size, memory_size)

    def offset_of(self, address: int) -> int:
        """The position in the file of a virtual address with code; ValueError for another address."""
        for segment in self.loaded:
            if segment.flags & _CODE and segment.address <= address < segment.address + segment.file_size:
                return address - segment.address + segment.offset
        raise ValueError(f"{self.path} has no code at 0x{address:x}")

    def bias(self, start: int, offset: int) -> int:
        """What is added to the virtual addresses of the file when its byte `offset` is mapped at `start`.

        ValueError when no segment with code has that byte.
        """
        for segment in self.loaded:
            first = segment.offset & -_PAGE
            if segment.flags & _CODE and first <= offset < segment.offset + segment.file_size:
                return start - (segment.address - segment.offset + offset)
        raise ValueError(f"{self.path} has no code at position 0x{offset:x}")

    @property
    def entry_offset(self) -> int:
        """The position in the file of the program's first instruction."""
        return self.offset_of(self.entry)

    @property
    def loaded(self) -> tuple[Segment, ...]:
        """The segments that are mapped into memory."""
        return tuple(segment for segment in self.segments if segment.kind == _LOAD)

    @property
    def dynamic(self) -> Segment | None:
        """The segment of the dynamic linker; None for a static program."""
        return next((segment for segment in self.segments if segment.kind == _DYNAMIC), None)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at a virtual address of the file; IndexError when it does not have them."""
        for segment in self.loaded:
            if segment.address <= address and address + size <= segment.address + segment.file_size:
                start = address - segment.address + segment.offset
                return self._data[start : start + size]
        raise IndexError(f"{self.path} has no {size} bytes at 0x{address:x}")

    def call_frame_rules(self) -> CallFrameRules | None:
        """The call frame rules, for virtual addresses of the file; None when it has none in the usual form."""
        for segment in self.segments:
            if segment.kind == _EXCEPTION_FRAMES:
                try:
                    return CallFrameRules(segment.address, self.read)
                except (UnsupportedRuleError, struct.error, OverflowError, IndexError):
                    return None
        return None
