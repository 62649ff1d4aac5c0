"""A program file, read by all that read programs: sections, symbols, debug information, links to other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analyzer.adapters import elf, symbol_index
from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.debug_files import DebugPlaces, find_debug_files
from analyzer.adapters.dwarf_functions import functions_with_code
from analyzer.adapters.dwarf_units import UnsupportedDwarfError
from analyzer.errors import AnalyzerError
from gdbscripts.call_sites import CallSites

READS = True  # debug files that .gnu_debuglink and .gnu_debugaltlink name


def check(data: bytes, folder: Path) -> None:
    program = folder / "program"
    program.write_bytes(data)
    readers: list[Callable[[Path], object]] = [
        elf.read_elf, elf.debug_sections, elf.build_id_of, elf.function_names, elf.function_symbols,
        elf.exported_functions, lambda path: elf.exported_function(path, "dlopen"), symbol_index.build_id_of,
        lambda path: elf.sections_of(path, [".text", ".debug_info"])[1](0), _debug_files,
    ]  # fmt: skip
    refused = [error for reader in readers if (error := _refused(reader, program)) is not None]
    check_code(program)
    if refused:
        raise refused[0]


def check_code(program: Path) -> None:
    """Read debug information, call sites and call frame rules; each may be refused by its own error."""
    try:
        for function in functions_with_code(program):
            assert function.entries or function.inlined
    except (UnsupportedDwarfError, AnalyzerError) as error:
        assert str(error)
    try:
        with program.open("rb") as file:
            sites = CallSites(file)
            for address in range(0x401000, 0x401400, 5):
                sites.parameters_at(address)
    except ValueError as error:
        assert str(error)
    try:
        code = CodeFile(program)
    except ValueError as error:
        assert str(error)
        return
    rules = code.call_frame_rules()
    for address in range(0x401000, 0x401400, 5) if rules is not None else ():
        rules.rule_at(address)
    for read in (lambda: code.entry_offset, lambda: code.bias(0x401000, 0x1000), lambda: code.dynamic):
        try:
            read()
        except ValueError as error:
            assert str(error)


def _debug_files(program: Path) -> object:
    found = find_debug_files(program, DebugPlaces(directories=(program.parent,), cache=program.parent))
    return found.links() if found.complete else found.symbols


def _refused(reader: Callable[[Path], object], program: Path) -> AnalyzerError | None:
    try:
        reader(program)
    except AnalyzerError as error:
        return error
    return None
