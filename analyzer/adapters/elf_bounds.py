"""Bounds on what is read of an ELF file that others made, so that a damaged one costs neither time nor memory."""

from __future__ import annotations

import io
import os
import struct
import zlib

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

DAMAGED = (
    ELFError, DWARFError, ConstructError, struct.error, zlib.error, ArithmeticError, AssertionError,
    AttributeError, EOFError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What pyelftools raises for a damaged file."""
LONGEST_NAME = 1 << 14  # bytes of the name of a function or a file
_LONGEST_SECTION_NAME = 1 << 10  # bytes
_MOST_SECTIONS = 0xFF00  # more need an extension of ELF that programs do not use
_MOST_EXPANSION = 1100  # of compressed sections; zlib reaches 1032


class BoundedReader(io.BufferedReader):
    """A file opened for reading; `read` asks for no more bytes than the file has."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self.size = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read `size` bytes, all that are left for a negative number."""
        left = max(0, self.size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def check_bounds(elf: ELFFile, size: int) -> None:
    """Raise ELFError when the headers of the file of `size` bytes name more than the file has."""
    header = elf.header
    count = elf.num_sections()
    tables = (
        (header["e_shoff"], count, header["e_shentsize"]),
        (header["e_phoff"], elf.num_segments(), header["e_phentsize"]),
    )
    too_large = any(offset + number * entry > size for offset, number, entry in tables if number)
    if count > _MOST_SECTIONS or too_large:
        raise ELFError("a table of headers is larger than the file")
    if not count:
        return
    names = elf.get_section(elf.get_shstrndx())
    _check_section(names, size)
    if max(map(len, names.data().split(b"\0"))) > _LONGEST_SECTION_NAME:
        raise ELFError("a section has a long name")
    for number in range(count):
        _check_section(elf.get_section(number), size)


def _check_section(section: object, size: int) -> None:
    header = section.header  # type: ignore[attr-defined]  # pyelftools has no types
    if header["sh_type"] in ("SHT_NOBITS", "SHT_NULL"):
        return
    if header["sh_offset"] + header["sh_size"] > size:
        raise ELFError("a section is larger than the file")
    expanded = section.data_size  # type: ignore[attr-defined]
    if header["sh_flags"] & SH_FLAGS.SHF_COMPRESSED and expanded > header["sh_size"] * _MOST_EXPANSION:
        raise ELFError("a compressed section has more bytes than it can have")
