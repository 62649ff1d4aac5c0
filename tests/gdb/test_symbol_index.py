"""gdb writes the index of a program into the cache, and reads it in the next run: with the same results."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from analyzer.adapters import symbol_index
from analyzer.adapters.gdb import Gdb, GdbError
from tests.conftest import need_tool
from tests.gdb.conftest import PROGRAMS

FUNCTIONS = ("main", "inner", "middle", "outer", "printf", "_start")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(symbol_index.OFF_VARIABLE, raising=False)
    monkeypatch.setattr(symbol_index, "_SMALLEST_PROGRAM", 0)
    return tmp_path / "cache" / "qemu-callchain" / "gdb-index"


@pytest.fixture
def program(build, tmp_path):
    built = build(PROGRAMS / "inlined.c", "-O2", "-Wl,--build-id")
    return Path(shutil.copy(built, tmp_path / "program"))


def run(program: Path, debug: Path | None = None) -> tuple[str, str]:
    """What gdb says about some functions of the program, and how it has read its symbols."""
    with Gdb(program) as gdb:
        assert gdb.facts
        if debug is not None:
            build_id = symbol_index.build_id_of(program)
            gdb.use_debug_files({f".build-id/{build_id[:2]}/{build_id[2:]}.debug": debug})
        gdb.log.clear()
        gdb.console("maint print objfiles program")
        how = "index" if ".gdb_index: version" in "".join(gdb.log) else "symbols"
        gdb.log.clear()
        gdb.console("break main")
        gdb.command("-exec-run")
        assert gdb.wait_stopped(30)
        for command in ("bt", "info scope main", *(f"info line {name}" for name in FUNCTIONS), "ptype main"):
            with suppress(GdbError):  # a function that this program does not have
                gdb.console(command)
        said = "".join(gdb.log)
        assert gdb.note_symbol_files() == []
    return said, how


def only_index(cache: Path, program: Path) -> Path:
    (file,) = cache.glob(f"*/{symbol_index.build_id_of(program)}.gdb-index")
    return file


def test_the_second_run_reads_the_index_and_says_the_same(program, cache):
    first, second = run(program), run(program)
    assert [first[1], second[1]] == ["symbols", "index"]
    assert first[0] == second[0] and "main" in first[0]


@pytest.mark.parametrize("damage", ["zeros", "cut", "of another program"])
def test_a_damaged_index_is_read_by_no_gdb_and_written_again(damage, program, cache, build, tmp_path):
    first = run(program)
    file = only_index(cache, program)
    content = file.read_bytes()
    if damage == "zeros":
        file.write_bytes(content[:40] + bytes(len(content) - 40))
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        other = Path(shutil.copy(build(PROGRAMS / "recursion.c", "-Wl,--build-id"), tmp_path / "other"))
        run(other)
        shutil.copy(only_index(cache, other), file)
    assert run(program) == first
    assert file.read_bytes() == content
    assert run(program) == (first[0], "index")


def test_without_build_id_or_with_the_variable_no_index_is_written(build, program, cache, monkeypatch):
    without = build(PROGRAMS / "inlined.c", "-O2", "-Wl,--build-id=none")
    run(without)
    monkeypatch.setenv(symbol_index.OFF_VARIABLE, "1")
    run(program)
    assert not list(cache.glob("*/*.gdb-index"))


def test_another_debug_file_with_the_same_build_id_is_read_without_the_index(program, cache, tmp_path):
    for tool in ("objcopy", "strip"):
        need_tool(tool)
    debug, stripped = tmp_path / "program.dbg", tmp_path / "stripped" / "program"
    stripped.parent.mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", str(program), str(debug)], check=True)
    subprocess.run(["strip", "-o", str(stripped), str(program)], check=True)
    first, second = run(stripped, debug), run(stripped, debug)
    assert first[0] == second[0]
    assert "index" in (run(stripped, debug)[1])
    index = only_index(cache, program)
    assert index.exists()
    copy = Path(shutil.copy(debug, tmp_path / "copy.dbg"))
    assert run(stripped, copy)[0] == first[0]
    assert not index.exists() or index.stat().st_mtime_ns > debug.stat().st_mtime_ns


@pytest.mark.parametrize("flags", [("-gsplit-dwarf",), ("-flto", "-O2"), ("-gz",), ("-gdwarf-4",)])
def test_programs_of_other_compilations_say_the_same_with_an_index(flags, build, tmp_path, cache):
    program = build(PROGRAMS / "inlined.c", *flags, "-Wl,--build-id")
    first, second = run(program), run(program)
    assert first[0] == second[0]


def test_a_program_of_clang_says_the_same_with_an_index(build, cache):
    need_tool("clang")
    program = build(PROGRAMS / "inlined.c", "-O2", "-Wl,--build-id", compiler="clang")
    first, second = run(program), run(program)
    assert first[0] == second[0]


def test_debug_information_that_dwz_shares_says_the_same_with_an_index(build, tmp_path, cache):
    need_tool("dwz")
    programs = []
    for name in ("inlined.c", "tail_call.c"):
        copy = tmp_path / name.removesuffix(".c")
        shutil.copy(build(PROGRAMS / name, "-O2", "-Wl,--build-id"), copy)
        programs.append(copy)
    subprocess.run(["dwz", "-m", str(tmp_path / "shared.dwz"), *map(str, programs)], check=True)
    for program in programs:
        first, second = run(program), run(program)
        assert first[0] == second[0]
