"""Damaged programs: what the headers claim is compared with what the file has."""

from __future__ import annotations

import struct

import pytest

from analyzer.adapters import elf
from analyzer.adapters.dwarf_functions import functions_with_code
from analyzer.adapters.dwarf_units import UnsupportedDwarfError
from analyzer.adapters.symbol_index import build_id_of
from analyzer.errors import AnalyzerError
from tests.support.elf_writer import elf_file

CODE = 0x401000
SECTION_TABLE, SECTION_COUNT, PROGRAM_TABLE = 40, 60, 32  # positions in the header of the file
FLAGS, PLACE, SIZE, KIND = 8, 24, 32, 4  # in that of a section


@pytest.fixture
def program(tmp_path):
    def write(**changes):
        data = bytearray(elf_file({".text": bytes(64), ".debug_info": b"\0" * 64, ".debug_abbrev": b"\0"}, CODE))
        (table,) = struct.unpack_from("<Q", data, SECTION_TABLE)
        for name, value in changes.items():
            header = table + 64 * 2  # of .debug_info
            at = {"size": header + SIZE, "place": header + PLACE, "flags": header + FLAGS, "kind": header + KIND}
            position = at.get(name, {"table": SECTION_TABLE, "programs": PROGRAM_TABLE}.get(name))
            struct.pack_into("<I" if name == "kind" else "<Q", data, position, value)
        (tmp_path / "program").write_bytes(data)
        return tmp_path / "program"

    return write


def test_a_sound_program_is_read(program):
    assert elf.read_elf(program()).has_debug_info


@pytest.mark.threat(
    "A damaged program makes the analyzer crash, hang or fill the memory",
    source="the program, its libraries and their debug files",
    defence="headers are compared with the size of the file; all reads "
    "and names together are bounded; the file is refused with a sentence",
)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 1 << 40}, "a section is larger than the file"),
        ({"place": 1 << 62}, "a section is larger than the file"),
        ({"table": 1 << 40}, "a table of headers is larger than the file"),
        ({"programs": 1 << 62}, "a table of headers is larger than the file"),
    ],
    ids=str,
)
def test_what_is_not_in_the_file_is_said(changes, reason, program):
    for read in (elf.read_elf, elf.debug_sections, elf.function_names, elf.build_id_of):
        with pytest.raises(AnalyzerError, match=reason):
            read(program(**changes))


@pytest.mark.threat("A damaged program makes the analyzer crash, hang or fill the memory")
def test_a_section_without_bytes_costs_no_memory(program):
    """SHT_NOBITS, as in the debug file of a program, of any size."""
    path = program(kind=8, size=1 << 40)
    assert elf.sections_of(path, [".debug_info"])[0] == {".debug_info": b""}
    with pytest.raises(UnsupportedDwarfError):
        functions_with_code(path)


@pytest.mark.parametrize("place", [1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_a_program_without_its_program_headers_has_no_build_id(place, program):
    assert build_id_of(program(programs=place)) == ""
