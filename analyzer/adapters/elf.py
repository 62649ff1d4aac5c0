"""Reads build-id, debug information and symbols of one ELF file, with pyelftools.

Where the debug information of a stripped program is, `debug_files` finds.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.hash import GNUHashSection
from elftools.elf.sections import NoteSection, Section, SymbolTableSection

from analyzer.adapters.elf_bounds import DAMAGED, LONGEST_NAME, BoundedReader, check_bounds
from analyzer.adapters.split_dwarf import missing_split_file
from analyzer.errors import AnalyzerError

_FUNCTION_SYMBOLS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
_MACHINES = {"EM_X86_64": "x86-64"}  # machines whose call instructions gdbscripts can decode


class ProgramNotFoundError(AnalyzerError):
    """The path names no file, or something that is not a file."""


@dataclass(frozen=True)
class DebugLink:
    """The section `.gnu_debuglink`: the name of the separate debug file, without folder, and its CRC-32."""

    name: str
    crc: int


@dataclass(frozen=True)
class AlternateLink:
    """The section `.gnu_debugaltlink` that dwz writes: path and build-id of a file with shared debug information.

    A relative path is relative to the folder of the file that has the section.
    """

    path: str
    build_id: str


@dataclass(frozen=True)
class DebugSections:
    """What one ELF file has of debug information and symbols, and its links to other files.

    `build_id` is the note `.note.gnu.build-id` in hexadecimal, "" without one.
    """

    build_id: str
    has_debug_info: bool
    has_symbols: bool
    debug_link: DebugLink | None = None
    alternate: AlternateLink | None = None


@dataclass(frozen=True)
class ElfFacts:
    """Facts of one program file: `build_id` is that of its sections, else `sha256-` and the digest of the file."""

    build_id: str
    sections: DebugSections = field(repr=False)
    missing_split_file: str = ""  # a .dwo file that -gsplit-dwarf left elsewhere and that is not there

    @property
    def has_debug_info(self) -> bool:
        """Whether the program itself has debug information."""
        return self.sections.has_debug_info

    @property
    def has_symbols(self) -> bool:
        """Whether the program itself has a symbol table."""
        return self.sections.has_symbols


def read_elf(path: Path) -> ElfFacts:
    """Facts of the program at `path`.

    Raises ProgramNotFoundError, or AnalyzerError when it is no readable ELF file for x86-64.
    """
    with _open(path) as elf:
        machine = elf["e_machine"]
        if machine not in _MACHINES:
            name = str(machine).replace("EM_", "").replace("_", "-").lower()
            raise AnalyzerError(
                f"{path} is a program for {name}, not for x86-64.",
                "Give a QEMU that was built for this host.",
            )
        sections = _debug_sections(elf)
        missing = missing_split_file(elf, path)
    return ElfFacts(sections.build_id or _digest(path), sections, missing)


def debug_sections(path: Path) -> DebugSections:
    """The debug information, symbols and links of an ELF file for any machine; errors as `read_elf`."""
    with _open(path) as elf:
        return _debug_sections(elf)


def build_id_of(path: Path) -> str:
    """The build-id in hexadecimal, "" when the linker wrote none. AnalyzerError when `path` is no ELF file."""
    with _open(path) as elf:
        return _build_id(elf)


def function_names(path: Path) -> set[str]:
    """Names of all functions in the symbol table, with compiler suffixes such as `.constprop.0`.

    Those that it calls in a library are among them. The symbols of a stripped program are in its separate debug
    file. AnalyzerError as `read_elf`.
    """
    return {name for name, _ in _functions(path, ".symtab", undefined=True)}


def function_symbols(path: Path) -> list[tuple[str, int]]:
    """Name and address of each function of the program in the symbol table, with compiler suffixes.

    Errors as `read_elf`; [] for a program without a symbol table.
    """
    return _functions(path, ".symtab")


def exported_functions(path: Path) -> set[str]:
    """Names of the functions that a library exports. Errors as `read_elf`."""
    return {name for name, _ in _functions(path, ".dynsym")}


def _functions(path: Path, section_name: str, undefined: bool = False) -> list[tuple[str, int]]:
    """Name and address of each function in a symbol table, with `undefined` also of those in other files.

    Reads the table as a whole: an object of pyelftools for each of QEMU's 46,000 symbols takes a second.
    """
    with _open(path) as elf:
        table = _section(elf, section_name)
        if not isinstance(table, SymbolTableSection):
            return []
        names = table.stringtable.data()
        found = []
        for name, info, _, section, address, _ in struct.iter_unpack("<IBBHQQ", table.data()):
            if info & 15 in _FUNCTION_SYMBOLS and (undefined or (section and address)):
                end = names.index(b"\0", name, name + LONGEST_NAME)
                found.append((names[name:end].decode(errors="replace"), address))
        return found


def sections_of(path: Path, names: Sequence[str]) -> tuple[dict[str, bytes], Callable[[int], bool]]:
    """The contents of sections, uncompressed, b"" for a missing one; and whether an address is in machine code.

    Errors as `read_elf`.
    """
    with _open(path) as elf:
        code = _joined((s["sh_addr"], s["sh_addr"] + s["sh_size"]) for s in elf.iter_sections() if _has_code(s))
        found = {name: _section(elf, name) for name in names}
        contents = {name: b"" if section is None else bytes(section.data()) for name, section in found.items()}
    starts = [start for start, _ in code]
    return contents, lambda address: any(address < end for _, end in code[: bisect_right(starts, address)][-1:])


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges (start, end) in order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _has_code(section: Section) -> bool:
    return bool(section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR and section["sh_addr"])


def exported_function(path: Path, name: str) -> int:
    """The virtual address of a function that a shared library exports; 0 for none. AnalyzerError as `read_elf`."""
    with _open(path) as elf:
        table = _section(elf, ".gnu.hash")
        symbol = table.get_symbol(name) if isinstance(table, GNUHashSection) else None
        if symbol is None or symbol["st_shndx"] == "SHN_UNDEF":
            return 0
        return int(symbol["st_value"])


@contextmanager
def _open(path: Path) -> Iterator[ELFFile]:
    if path.exists() and not path.is_file():
        raise ProgramNotFoundError(f"{path} is not a file.", "Give the path of a qemu-system-x86_64.")
    try:
        with BoundedReader(io.FileIO(path)) as file:
            try:
                elf = ELFFile(file)
            except DAMAGED:
                raise AnalyzerError(f"{path} is not a program (not an ELF file).", _script_hint(path)) from None
            check_bounds(elf, file.size)
            yield elf
    except DAMAGED as error:
        reason = str(error) if isinstance(error, ELFError) else ""
        raise AnalyzerError(
            f"{path} is damaged: {reason or 'its headers, symbols or debug information cannot be read'}.",
            "Give the file as the linker or the distribution made it.",
        ) from None
    except FileNotFoundError:
        raise ProgramNotFoundError(f"{path}: no such file.", "Give the path of a qemu-system-x86_64.") from None
    except OSError as error:
        raise AnalyzerError(f"{path} cannot be read: {error.strerror}.") from None


def _section(elf: ELFFile, name: str) -> Section | None:
    """The section called `name`; None for none, and for one of which the file has no bytes (SHT_NOBITS)."""
    section = elf.get_section_by_name(name)
    return None if section is None or section["sh_type"] == "SHT_NOBITS" else section


def _script_hint(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(2) == b"#!":
            return "It is a script: give the program it starts. startup and io follow one with --follow-exec."
    return "Give the path of a qemu-system-x86_64."


def _debug_sections(elf: ELFFile) -> DebugSections:
    names = (".debug_info", ".zdebug_info")
    return DebugSections(
        build_id=_build_id(elf),
        has_debug_info=any(elf.get_section_by_name(name) for name in names),
        has_symbols=elf.get_section_by_name(".symtab") is not None,
        debug_link=_debug_link(elf),
        alternate=_alternate_link(elf),
    )


def _debug_link(elf: ELFFile) -> DebugLink | None:
    """The layout is that of gdb's manual, "Debugging Information in Separate Files"."""
    section = _section(elf, ".gnu_debuglink")
    if section is None:
        return None
    name, _, _ = section.data().partition(b"\0")
    crc = section.data()[-4:]  # after the name, its zero byte, and padding to a multiple of four bytes
    return DebugLink(os.fsdecode(name), int.from_bytes(crc, "little" if elf.little_endian else "big"))


def _alternate_link(elf: ELFFile) -> AlternateLink | None:
    section = _section(elf, ".gnu_debugaltlink")
    if section is None:
        return None
    path, _, build_id = section.data().partition(b"\0")
    return AlternateLink(os.fsdecode(path), build_id.hex())


def _build_id(elf: ELFFile) -> str:
    section = _section(elf, ".note.gnu.build-id")
    if not isinstance(section, NoteSection):
        return ""
    return next((str(note["n_desc"]) for note in section.iter_notes()), "")


def _digest(path: Path) -> str:
    return "sha256-" + hashlib.sha256(path.read_bytes()).hexdigest()
