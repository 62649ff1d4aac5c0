"""The call sites read from debug information are those that pyelftools decodes, for a program of gcc."""

from __future__ import annotations

import subprocess

import pytest
from elftools.elf.elffile import ELFFile

from gdbscripts.call_sites import NO_SITE, CallSites, CallValue, parse_value
from gdbscripts.dwarf_expressions import Operation

PROGRAM = """
#include <stdlib.h>
__attribute__((noinline)) int leaf(int a, const char *b, long c) { return a + b[0] + (int)c; }
__attribute__((noinline)) int middle(int a, long *p) {
    long slot[4] = {a, *p, 3, 4};
    int sum = leaf(a, "text", 5) + leaf(7, "other", *p) + leaf(a + 1, (char *)slot, slot[1]);
    return sum + leaf(a, "last", slot[2]); }
int main(int argc, char **argv) {
    long x = atol(argv[1]);
    return middle(argc, &x) + (argv[1] ? leaf(1, "", 2) : 0); }
"""


@pytest.fixture
def program(tmp_path):
    source, binary = tmp_path / "program.c", tmp_path / "program"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-g", "-gdwarf-5", "-O2", "-o", binary, source], check=True)
    return binary


def sites_of(binary):
    """(return address, {register: expression}) of each call site that pyelftools finds."""
    with binary.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for entry in unit.iter_DIEs():
                if entry.tag == "DW_TAG_call_site" and "DW_AT_call_origin" in entry.attributes:
                    parameters = {}
                    for child in entry.iter_children():
                        location = bytes(child.attributes["DW_AT_location"].value)
                        if len(location) == 1:
                            parameters[location[0] - 0x50] = bytes(child.attributes["DW_AT_call_value"].value)
                    yield entry.attributes["DW_AT_call_return_pc"].value, parameters


def test_each_call_site_passes_what_pyelftools_decodes(program):
    with program.open("rb") as file:
        sites = CallSites(file)
        expected = dict(sites_of(program))
        assert len(expected) > 5
        assert sum(map(len, expected.values())) > 10
        for address, parameters in expected.items():
            found = sites.parameters_at(address)
            assert found == {register: parse_value(code) for register, code in parameters.items()}


def test_an_address_that_no_call_returns_to_passes_nothing(program):
    address = min(address for address, _ in sites_of(program))
    with program.open("rb") as file:
        sites = CallSites(file)
        assert sites.parameters_at(address + 1) == {}
        assert sites.parameters_at(1) is None


INDIRECT = """
__attribute__((noinline)) int both(int (*function)(int, int), int a) {
    return function(7, a) + function(a, 8) + function(9, 10); }
int add(int a, int b) { return a + b; }
int main(int argc, char **argv) { return both(argc > 1 ? add : (void *)argv, argc); }
"""


def test_the_target_of_an_indirect_call_follows_from_the_caller(program):
    source = program.with_suffix(".c")
    source.write_text(INDIRECT)
    subprocess.run(["gcc", "-g", "-gdwarf-5", "-O2", "-o", program, source], check=True)
    with program.open("rb") as file, program.open("rb") as elf:
        expected = {}
        for unit in ELFFile(elf).get_dwarf_info().iter_CUs():
            for entry in unit.iter_DIEs():
                if entry.tag == "DW_TAG_call_site":
                    target = entry.attributes.get("DW_AT_call_target")
                    expected[entry.attributes["DW_AT_call_return_pc"].value] = target and bytes(target.value)
        sites = CallSites(file)
        assert any(expected.values())
        for address, target in expected.items():
            site = sites.site_at(address)
            assert (site.target if site else None) == (parse_value(target) if target else None)
            assert site != NO_SITE or target is None


@pytest.mark.parametrize("options", ["-gdwarf-4", "-gdwarf-5 -gz", "-g0"])
def test_other_forms_of_debug_information_have_no_answer(options, program):
    source = program.with_suffix(".c")
    subprocess.run(["gcc", *options.split(), "-O2", "-o", program, source], check=True)
    with program.open("rb") as file:
        try:
            sites = CallSites(file)
        except ValueError:
            return
        with program.open("rb") as elf:
            start = ELFFile(elf).get_section_by_name(".symtab").get_symbol_by_name("middle")[0]["st_value"]
        assert {sites.parameters_at(start + offset) for offset in range(1, 60)} == {None}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (b"\x35", CallValue("constant", offset=5)),
        (b"\x09\xff", CallValue("constant", offset=-1)),
        (b"\x73\x08", CallValue("register", 3, 8)),
        (b"\x73\x00\x23\x10", CallValue("register", 3, 16)),
        (b"\x91\x70", CallValue("address", offset=-16)),
        (b"\x91\x70\x06", CallValue("slot", offset=-16)),
        (b"\x91\x70\x94\x04", CallValue("slot", offset=-16, size=4)),
        (
            b"\x91\x70\x06\x23\x01",
            CallValue(
                "expression",
                operations=(Operation("frame", -16), Operation("load", 8), Operation("plus_uconst", 1)),
            ),
        ),
        (b"\xa3\x01\x55", CallValue("entry", 5)),
        (b"\x03\x10\0\0\0\0\0\0\0", CallValue("static", offset=16)),
        (b"\x73\x00\x06", CallValue("expression", operations=(Operation("register", 0, 3), Operation("load", 8)))),
        (b"\xe0", None),
        (b"\x73", None),
        (b"", None),
    ],
)
def test_a_value_is_read_only_in_a_known_form(expression, value):
    assert parse_value(expression) == value
