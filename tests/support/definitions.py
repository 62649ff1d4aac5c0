"""What must hold for the functions of every recording that the tests make: each is one node, with one file.

The program itself says it: its symbol table, and for small programs its DWARF debug information.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from analyzer.model.frames import DefinedFunction, Frame, without_compiler_suffix
from analyzer.model.recording import Recording
from analyzer.recording import reader
from gdbscripts.enums import FrameKind

_CLONE = re.compile(r"\.(?:constprop|part|isra|cold)\b")


def read_recording(path: Path) -> Recording:
    """The recording in `path`, a file or a folder, after all checks that need no DWARF."""
    recording = reader.read_recording(path)
    program = Path(recording.header.qemu)
    check_definitions(recording, program if program.is_file() else None)
    return recording


def check_definitions(recording: Recording, program: Path | None, dwarf: bool = False) -> None:
    """Assert that each function of the recording is one node with one definition file.

    With `program`, its symbol table says which functions are one; with `dwarf` also, its debug information says
    in which file each is defined.
    """
    nodes: dict[object, set[object]] = defaultdict(set)
    for defined in _functions(recording):
        nodes[defined.function].add(defined.file)
        if defined.file:
            nodes[defined.function.name, defined.file].add(defined.function)
    several = {key: values for key, values in nodes.items() if len(values) > 1}
    assert not several, f"one function, several files or nodes: {several}"
    if program is not None:
        _check_symbols(recording, program)
        if dwarf:
            _check_dwarf(recording, program)


def _check_symbols(recording: Recording, program: Path) -> None:
    counts = _symbol_counts(program)
    nodes = defaultdict(set)
    for frame in _frames(recording):
        if not frame.library and frame.kind is not FrameKind.INLINE and counts[frame.function.name] == 1:
            nodes[frame.function.name].add(frame.function)
    several = {name: functions for name, functions in nodes.items() if len(functions) > 1}
    assert not several, f"one symbol, several nodes: {several}"


def _check_dwarf(recording: Recording, program: Path) -> None:
    declared = _declared_files(program)
    for defined in _functions(recording):
        files = declared.get(defined.function.name)
        if files and defined.file:
            assert PurePosixPath(defined.file).name in files, f"{defined} is defined in {sorted(files)}"


def _functions(recording: Recording) -> Iterator[DefinedFunction]:
    """Every function of the program that the recording has, wherever it stands, with its file."""
    for frame in _frames(recording):
        if not frame.library:
            yield DefinedFunction(frame.function, frame.defined_in)
        yield from (elided for elided in frame.elided if not elided.function.where.startswith("["))
    yield from (stop.starts for stop in recording.stops if stop.starts and stop.starts.file)
    for pointer in recording.pointers.values():
        yield from (hop for hop in pointer.tail_calls if hop.file)


def _frames(recording: Recording) -> Iterator[Frame]:
    for owner in (*recording.stops, *recording.ioctl_log):
        yield from (
            frame for frame in owner.stack.frames if not frame.is_unknown and frame.kind is not FrameKind.SIGNAL
        )


@cache
def _symbol_counts(program: Path) -> Counter[str]:
    """How many functions of each name the symbol table has; a clone is not counted beside its original."""
    counts: Counter[str] = Counter()
    clones = set()
    with program.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
            if symbol["st_info"]["type"] == "STT_FUNC":
                plain = without_compiler_suffix(symbol.name)
                if _CLONE.search(symbol.name):
                    clones.add(plain)
                else:
                    counts[plain] += 1
    return counts + Counter(clones - set(counts))


@cache
def _declared_files(program: Path) -> dict[str, set[str]]:
    """Function -> names of the files in which the DWARF debug information declares functions of that name."""
    found = defaultdict(set)
    with program.open("rb") as file:
        elf = ELFFile(file)
        dwarf = elf.get_dwarf_info() if elf.has_dwarf_info() else None
        for unit in dwarf.iter_CUs() if dwarf is not None else ():
            names = _file_names(dwarf, unit)
            for die in unit.iter_DIEs():
                if die.tag == "DW_TAG_subprogram" and "DW_AT_decl_file" in die.attributes and _is_definition(die):
                    found[die.attributes["DW_AT_name"].value.decode()].add(
                        names[die.attributes["DW_AT_decl_file"].value]
                    )
    return dict(found)


def _is_definition(die: DIE) -> bool:
    return "DW_AT_name" in die.attributes and "DW_AT_declaration" not in die.attributes


def _file_names(dwarf: DWARFInfo, unit: object) -> dict[int, str]:
    """File number of the unit's line table -> name; numbers begin at 1 before DWARF 5."""
    program = dwarf.line_program_for_CU(unit)
    entries = program["file_entry"] if program is not None else ()
    first = 0 if program is not None and program["version"] >= 5 else 1
    return {number: PurePosixPath(entry.name.decode()).name for number, entry in enumerate(entries, first)}
