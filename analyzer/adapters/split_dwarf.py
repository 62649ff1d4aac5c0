"""Whether the debug information that `-gsplit-dwarf` leaves beside a program is there (DWARF 5, section 7.3)."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from analyzer.adapters.elf_bounds import DAMAGED

_MAX_UNITS = 100  # skeleton units follow those of assembler code and of the C library's start files
_NAMES = ("DW_AT_dwo_name", "DW_AT_GNU_dwo_name")  # of DWARF 5, and of gcc's DWARF 4


def missing_split_file(elf: ELFFile, program: Path) -> str:
    """The first .dwo file that the program's debug information names and that is missing, without a .dwp file of
    the program; "" when none is missing, or the debug information is not split."""
    if elf.get_section_by_name(".debug_addr") is None:  # which every program with split debug information has
        return ""
    if program.with_name(program.name + ".dwp").is_file():
        return ""
    try:
        units = islice(elf.get_dwarf_info().iter_CUs(), _MAX_UNITS)
        files = (_split_file(unit.get_top_DIE()) for unit in units)
        first = next((file for file in files if file is not None), None)
    except DAMAGED:  # also a form that pyelftools cannot read: ask gdb
        return ""
    return str(first) if first is not None and not first.is_file() else ""


def _split_file(unit: DIE) -> Path | None:
    """The .dwo file of a skeleton unit; None for another unit."""
    names = [unit.attributes[name].value for name in _NAMES if name in unit.attributes]
    if not names or not isinstance(names[0], bytes):
        return None
    folder = unit.attributes.get("DW_AT_comp_dir")
    return Path((folder.value if folder is not None else b"").decode()) / names[0].decode()
