"""One program built with the options of distributions: the same chain, files, kinds of calls and pointer."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath

import pytest

from analyzer.adapters.elf import read_elf
from analyzer.graph.merge import merge
from tests.conftest import need_tool
from tests.gdb.conftest import PROGRAMS
from tests.gdb.test_pointers import as_stated, pointer_to_leaf
from tests.support.gdb_backtraces import assert_like_bt
from tests.support.notation import chains

PROGRAM = PROGRAMS / "build_options.c"
HARDENED = "-fcf-protection -fstack-clash-protection -D_FORTIFY_SOURCE=3"
OPTIONS = [
    "-O2",
    "-O0",
    "-O2 -flto",
    f"-O2 {HARDENED}",
    f"-O2 -flto {HARDENED} -fno-plt -fzero-call-used-regs=used-gpr",
    "-O2 -gsplit-dwarf",
    "-O2 -gsplit-dwarf -gdwarf-4",
    "-O2 -gz",
    "-O2 -gz=zlib-gnu",
    "-O2 -gdwarf-4",
    "-O2 -gdwarf-5",
    "-O2 -fno-plt",
    "-O2 -no-pie -fno-pie",
    "-O2 -fno-omit-frame-pointer",
    "-O2 -ffunction-sections -Wl,--gc-sections",
    "clang -O2",
    "clang -O0",
    f"clang -O2 {HARDENED}",
    "clang -O2 -gsplit-dwarf",
    "clang -O2 -gdwarf-4 -fno-plt",
]
PLAIN = "main => worker > dispatch *> target i> inlined > hop t> leaf"


def built(options, build):
    compiler = "clang" if options.startswith("clang ") else ""
    return build(PROGRAM, "-pthread", *options.removeprefix("clang ").split(), compiler=compiler)


def assert_like_plain(recording, optimised):
    """The recording has all that one of the plain build has; without optimisation a tail call is a call."""
    assert chains(recording, "leaf") == [PLAIN if optimised else PLAIN.replace("t>", ">")]
    pointer = pointer_to_leaf(recording)
    assert (pointer.outcome, f"{pointer.kind} {pointer.slot}") == ("explained", "member Ops.run"), pointer.reason
    steps = [as_stated(step, PROGRAM) for step in pointer.steps]
    assert steps == ["stored Ops.run install STORE", "passed run main PASS"]
    graph = merge([recording])
    graph.check()
    assert {PurePosixPath(node.file).name for node in graph.nodes if node.function.where[0] != "["} == {
        PROGRAM.name
    }


@pytest.mark.parametrize("options", OPTIONS)
def test_a_program_built_with_these_options_is_recorded_as_the_plain_one(options, build, record, tmp_path):
    program, taken = built(options, build), tmp_path / "bt.txt"
    facts = read_elf(program)
    assert (facts.has_debug_info, facts.has_symbols, facts.missing_split_file) == (True, True, "")
    recording = record(program, ["leaf"], pointers=True)
    assert_like_plain(recording, "-O2" in options)
    assert assert_like_bt(record(program, ["leaf"], take_bt=taken), taken) > 0


@pytest.mark.parametrize("packer", ["dwp", "llvm-dwp"])
def test_split_debug_information_is_read_from_a_package(packer, build, record):
    compiler = "clang" if packer == "llvm-dwp" else ""
    program = build(
        PROGRAM, "-pthread", "-O2", "-gsplit-dwarf", "-gdwarf-4", f"-DPACKED={len(packer)}", compiler=compiler
    )
    package = program.with_name(program.name + ".dwp")
    if not package.exists():
        subprocess.run([need_tool(packer), "-e", program, "-o", package], check=True)
    for part in program.parent.glob("*.dwo"):
        part.unlink()
    assert read_elf(program).missing_split_file == ""
    assert_like_plain(record(program, ["leaf"], pointers=True), optimised=True)


@pytest.mark.parametrize("options", ["-gdwarf-4", "-gdwarf-5", "clang -gdwarf-5"])
def test_split_debug_information_that_is_missing_is_named(options, build):
    program = built(f"{options} -gsplit-dwarf -DALONE", build)
    for part in program.parent.glob("*.dwo"):
        part.unlink()
    assert read_elf(program).missing_split_file.endswith(".dwo")
