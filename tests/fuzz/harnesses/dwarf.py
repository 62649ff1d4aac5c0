"""The sections of debug information, in a program whose other parts are sound.

An input is a list of sections: the number of one in SECTIONS (a byte), its size (2 bytes), its bytes.
"""

from __future__ import annotations

from pathlib import Path

from analyzer.adapters.elf import read_elf
from tests.fuzz.harnesses.elf import check_code
from tests.support.elf_writer import elf_file

SECTIONS = (
    ".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_line", ".debug_ranges",
    ".debug_rnglists", ".debug_addr", ".debug_str_offsets", ".debug_aranges", ".eh_frame", ".eh_frame_hdr",
)  # fmt: skip
CODE = 0x401000


def check(data: bytes, folder: Path) -> None:
    program = folder / "program"
    program.write_bytes(elf_file({".text": bytes(0x400), **unpack(data)}, CODE))
    read_elf(program)
    check_code(program)


def pack(sections: dict[str, bytes]) -> bytes:
    """The input for these sections; those of other names, and more than 64 KiB of one, are left out."""
    parts = [(SECTIONS.index(name), content[:0xFFFF]) for name, content in sections.items() if name in SECTIONS]
    return b"".join(bytes([number]) + len(part).to_bytes(2, "little") + part for number, part in parts)


def unpack(data: bytes) -> dict[str, bytes]:
    """The sections in an input."""
    found, position = {}, 0
    while position + 3 <= len(data):
        size = int.from_bytes(data[position + 1 : position + 3], "little")
        found[SECTIONS[data[position] % len(SECTIONS)]] = data[position + 3 : position + 3 + size]
        position += 3 + size
    return found
