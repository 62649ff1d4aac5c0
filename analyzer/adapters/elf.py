"""Reads build-id, debug information and symbols of an ELF file, with pyelftools."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

from analyzer.adapters.split_dwarf import missing_split_file
from analyzer.errors import AnalyzerError

_MACHINES = {"EM_X86_64": "x86-64"}  # machines whose call instructions gdbscripts can decode
_DEBUG_FOLDER = Path("/usr/lib/debug")


class ProgramNotFoundError(AnalyzerError):
    """The path names no file, or something that is not a file."""


@dataclass(frozen=True)
class ElfFacts:
    """Facts of one program file.

    `build_id` is the note `.note.gnu.build-id` in hexadecimal; without one, `sha256-` and the digest of the file.
    Debug information and symbols count when they are in the program or in its separate debug file.
    """

    build_id: str
    has_debug_info: bool
    has_symbols: bool
    missing_split_file: str = ""  # a .dwo file that -gsplit-dwarf left elsewhere and that is not there


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
        build_id = _build_id(elf)
        debug = bool(elf.get_section_by_name(".debug_info") or elf.get_section_by_name(".zdebug_info"))
        symbols = elf.get_section_by_name(".symtab") is not None
        missing = missing_split_file(elf, path)
    separate = _separate_debug_file(path, build_id)
    found = separate is not None
    return ElfFacts(build_id or _digest(path), debug or found, symbols or found, "" if found else missing)


def build_id_of(path: Path) -> str:
    """The build-id in hexadecimal, "" when the linker wrote none. AnalyzerError when `path` is no ELF file."""
    with _open(path) as elf:
        return _build_id(elf)


def function_names(path: Path) -> set[str]:
    """Names of all functions in the symbol table, with compiler suffixes such as `.constprop.0`.

    Read from the separate debug file where there is one. Takes a second for QEMU. AnalyzerError as `read_elf`.
    """
    with _open(path) as elf:
        separate = _separate_debug_file(path, _build_id(elf))
    with _open(separate or path) as elf:
        table = elf.get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            return set()
        return {symbol.name for symbol in table.iter_symbols() if symbol["st_info"]["type"] == "STT_FUNC"}


@contextmanager
def _open(path: Path) -> Iterator[ELFFile]:
    if path.exists() and not path.is_file():
        raise ProgramNotFoundError(f"{path} is not a file.", "Give the path of a qemu-system-x86_64.")
    try:
        with path.open("rb") as file:
            yield ELFFile(file)
    except ELFError:
        raise AnalyzerError(f"{path} is not a program (not an ELF file).", _script_hint(path)) from None
    except FileNotFoundError:
        raise ProgramNotFoundError(f"{path}: no such file.", "Give the path of a qemu-system-x86_64.") from None
    except OSError as error:
        raise AnalyzerError(f"{path} cannot be read: {error.strerror}.") from None


def _script_hint(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(2) == b"#!":
            return "It is a script: give the program it starts."
    return "Give the path of a qemu-system-x86_64."


def _build_id(elf: ELFFile) -> str:
    section = elf.get_section_by_name(".note.gnu.build-id")
    if not isinstance(section, NoteSection):
        return ""
    return next((str(note["n_desc"]) for note in section.iter_notes()), "")


def _digest(path: Path) -> str:
    return "sha256-" + hashlib.sha256(path.read_bytes()).hexdigest()


def _separate_debug_file(path: Path, build_id: str) -> Path | None:
    """The separate debug file that gdb would use, or None.

    The places are those of gdb's manual, "Debugging Information in Separate Files".
    """
    name = path.name + ".debug"
    below = _DEBUG_FOLDER / path.parent.resolve().relative_to("/")
    candidates = [path.with_name(name), path.parent / ".debug" / name, below / name]
    if build_id:
        candidates.append(_DEBUG_FOLDER / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
