"""The functions of a program, with all places of their code: as pyelftools reads them, entry by entry."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from analyzer.adapters import dwarf_functions
from analyzer.adapters.dwarf_functions import functions_with_code
from analyzer.adapters.dwarf_units import UnsupportedDwarfError
from analyzer.adapters.elf import function_symbols
from tests.conftest import need_tool

SOURCES = {
    "main.c": """
#include "shared.h"
__attribute__((noinline)) static int twin(int x) { return sink(x) + 1; }
static inline int once(int x) { return twin(x) + doubled(x); }
__attribute__((noinline)) int cloned(int x, int unused) {
    for (int i = 0; i < x; i++) if (sink(i)) return i; return x; }
__attribute__((noinline)) int hot(int x) {
    if (x > 100) { failed(x); sink(2); failed(3); }
    return doubled(x) + once(x); }
int main(int argc, char **argv) { (void)argv; return hot(argc) + other(argc) + cloned(argc, 3) + doubled(argc); }
""",
    "other.c": """
#include "shared.h"
volatile int v;
__attribute__((noinline)) static int twin(int x) { return x * v; }
__attribute__((noinline)) int sink(int x) { v = x; return v; }
__attribute__((cold, noinline)) void failed(int x) { v = x; }
int other(int x) { return twin(x) + twin(x + 1) + doubled(x); }
""",
    "shared.h": """
int sink(int); int other(int);
__attribute__((cold)) void failed(int);
static inline int doubled(int x) { return sink(x) * 2; }
""",
}
BUILDS = [
    pytest.param(["gcc", "-O0"], id="gcc -O0"),
    pytest.param(["gcc", "-O2"], id="gcc -O2"),
    pytest.param(["gcc", "-O2", "-gdwarf-4"], id="gcc, DWARF 4"),
    pytest.param(["gcc", "-O2", "-flto"], id="gcc, link-time optimisation"),
    pytest.param(["gcc", "-O2", "-gz"], id="gcc, compressed sections"),
    pytest.param(["gcc", "-O2", "-ffunction-sections", "-Wl,--gc-sections"], id="gcc, sections left out"),
    pytest.param(["clang", "-O2"], id="clang -O2"),
    pytest.param(["clang", "-O2", "-gdwarf-4"], id="clang, DWARF 4"),
]


def build(folder: Path, compiler: str, *flags: str) -> Path:
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    program = folder / "program"
    command = [
        need_tool(compiler),
        "-g",
        *flags,
        "-o",
        str(program),
        str(folder / "main.c"),
        str(folder / "other.c"),
    ]
    subprocess.run(command, check=True, cwd=folder)
    return program


def origin(die: DIE) -> DIE:
    while "DW_AT_abstract_origin" in die.attributes or "DW_AT_specification" in die.attributes:
        name = "DW_AT_abstract_origin" if "DW_AT_abstract_origin" in die.attributes else "DW_AT_specification"
        die = die.get_DIE_from_attribute(name)
    return die


def first_address(die: DIE) -> int | None:
    """The first address of the code of an entry, of forms that gcc and clang write."""
    dwarf, cu = die.dwarfinfo, die.cu
    if "DW_AT_low_pc" in die.attributes:
        size = die.attributes["DW_AT_high_pc"].value
        return int(die.attributes["DW_AT_low_pc"].value) if size else None
    if "DW_AT_ranges" not in die.attributes:
        return None
    entries = dwarf.range_lists().get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, cu)
    base = cu.get_top_DIE().attributes
    low = base["DW_AT_low_pc"].value if "DW_AT_low_pc" in base else 0
    for entry in entries:
        if hasattr(entry, "base_address"):
            low = entry.base_address
        elif entry.begin_offset != entry.end_offset:
            return int(entry.begin_offset + (0 if getattr(entry, "is_absolute", False) else low))
    return None


def expected(program: Path) -> dict[str, tuple[set[int], set[int]]]:
    """Name -> (entries, addresses of inlined copies), read with pyelftools."""
    found: dict[str, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    with program.open("rb") as file:
        elf = ELFFile(file)
        text = elf.get_section_by_name(".text")
        code = range(text["sh_addr"], text["sh_addr"] + text["sh_size"])
        for cu in elf.get_dwarf_info().iter_CUs():
            for die in cu.iter_DIEs():
                if die.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
                    address = first_address(die)
                    name = origin(die).attributes.get("DW_AT_name")
                    if address in code and name is not None:
                        found[name.value.decode()][die.tag == "DW_TAG_inlined_subroutine"].add(address)
    return found


@pytest.mark.parametrize("flags", BUILDS)
def test_all_code_of_all_functions_is_found(tmp_path, flags):
    program = build(tmp_path, *flags)
    found: dict[str, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for function in functions_with_code(program):
        found[function.name][0].update(function.entries)
        found[function.name][1].update(copy.address for copy in function.inlined)
    assert found == expected(program)
    assert {"main", "hot", "sink", "other", "twin", "doubled"} <= set(found)


@pytest.mark.parametrize("flags", BUILDS)
def test_two_functions_of_one_name_are_told_apart_by_their_files(tmp_path, flags):
    program = build(tmp_path, *flags)
    twins = [function for function in functions_with_code(program) if function.name == "twin"]
    assert [function.file for function in twins] == [str(tmp_path / "main.c"), str(tmp_path / "other.c")]
    files = {function.name: Path(function.file).name for function in functions_with_code(program)}
    assert (files["doubled"], files["hot"], files["sink"]) == ("shared.h", "main.c", "other.c")


def test_an_inlined_copy_tells_which_function_it_is_inlined_into(tmp_path):
    program = build(tmp_path, "gcc", "-O2")
    functions = {function.name: function for function in functions_with_code(program)}
    assert not functions["once"].entries
    assert {copy.caller for copy in functions["once"].inlined} == {"hot"}
    assert {"hot", "once", "other"} <= {copy.caller for copy in functions["doubled"].inlined}


def test_entries_are_addresses_of_symbols_and_cold_code_is_none(tmp_path):
    program = build(tmp_path, "gcc", "-O2")
    symbols = dict(function_symbols(program))
    assert "hot.cold" in symbols
    entries = {address for function in functions_with_code(program) for address in function.entries}
    assert entries <= {address for _, address in function_symbols(program)}
    assert symbols["hot.cold"] not in entries


def test_only_functions_that_are_asked_for_are_read(tmp_path):
    program = build(tmp_path, "gcc", "-O2")
    assert {function.name for function in functions_with_code(program, lambda name: name == "twin")} == {"twin"}


def test_a_file_without_or_with_damaged_debug_information_is_said(tmp_path):
    program = build(tmp_path, "gcc", "-O0")
    stripped = tmp_path / "stripped"
    subprocess.run([need_tool("strip"), "-o", str(stripped), str(program)], check=True)
    with pytest.raises(UnsupportedDwarfError, match="no debug information"):
        functions_with_code(stripped)


def test_damaged_debug_information_is_no_crash(tmp_path, monkeypatch):
    program = build(tmp_path, "gcc", "-O0")
    original = dwarf_functions.sections_of
    for size in range(5, 200, 7):

        def cut(path, names, size=size):
            contents, is_code = original(path, names)
            return {**contents, ".debug_info": contents[".debug_info"][:size]}, is_code

        monkeypatch.setattr(dwarf_functions, "sections_of", cut)
        with pytest.raises(UnsupportedDwarfError):
            functions_with_code(program)
