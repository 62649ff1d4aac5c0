"""A separate debug file is found where gdb finds it, and is used only when it belongs to the program."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from analyzer.adapters import debug_files
from analyzer.adapters.debug_files import DebugPlaces, find_debug_files, with_alternate_file
from analyzer.adapters.elf import debug_sections, function_names
from analyzer.errors import AnalyzerError
from tests.conftest import need_tool

SOURCE = "int step_one(int n) { return n + 1; }\nint main(int c, char **v) { (void)v; return step_one(c); }\n"


def run(*command):
    subprocess.run([str(part) for part in command], check=True)


def compile_and_strip(folder: Path, *flags, link=True, source=SOURCE):
    """A stripped program `prog`, and its debug file, which is in a folder where nobody looks."""
    for tool in ("gcc", "objcopy", "strip"):
        need_tool(tool)
    (folder / "away").mkdir(parents=True)
    program, debug = folder / "prog", folder / "away" / "prog.debug"
    (folder / "prog.c").write_text(source)
    run("gcc", "-g", *flags, "-o", program, folder / "prog.c")
    run("objcopy", "--only-keep-debug", program, debug)
    run("strip", program)
    if link:
        run("objcopy", f"--add-gnu-debuglink={debug}", program)
    return program, debug


def build_id_name(program):
    build_id = debug_sections(program).build_id
    return f".build-id/{build_id[:2]}/{build_id[2:]}.debug"


@pytest.fixture(autouse=True)
def usr_lib_debug(tmp_path, monkeypatch):
    folder = tmp_path / "usr-lib-debug"
    monkeypatch.setattr(debug_files, "DEBUG_FOLDER", folder)
    return folder


def moved(debug: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    return debug.rename(to)


WITH_AND_WITHOUT_ID = [("-Wl,--build-id",), ("-Wl,--build-id=none",)]


@pytest.mark.parametrize("flags", WITH_AND_WITHOUT_ID, ids=["build-id", "checksum"])
@pytest.mark.parametrize("where", ["{dir}", "{dir}/.debug", "{debug}{dir}", "{other}{dir}", "{other}"])
def test_a_debug_link_is_followed_where_gdb_follows_it(where, flags, tmp_path, usr_lib_debug):
    program, debug = compile_and_strip(tmp_path / "bin", *flags)
    other = tmp_path / "other"
    folder = Path(where.format(dir=program.parent, debug=usr_lib_debug, other=other))
    debug = moved(debug, folder / debug.name)
    found = find_debug_files(program, DebugPlaces(directories=(other,)))
    assert found.debug_file == debug
    assert found.complete
    assert not found.refused
    assert "step_one" in function_names(found.symbols)


@pytest.mark.parametrize("where", ["usr-lib-debug", "other"])
def test_an_installed_debug_package_is_found_by_the_build_id_alone(where, tmp_path):
    program, debug = compile_and_strip(tmp_path / "bin", link=False)
    debug = moved(debug, tmp_path / where / build_id_name(program))
    found = find_debug_files(program, DebugPlaces(directories=(tmp_path / "other",)))
    assert found.debug_file == debug
    assert list(found.links()) == [build_id_name(program)]


def test_the_cache_of_debuginfod_is_read_but_not_its_mark_of_a_missing_file(tmp_path):
    program, debug = compile_and_strip(tmp_path / "bin", link=False)
    cached = tmp_path / "cache" / debug_sections(program).build_id / "debuginfo"
    cached.parent.mkdir(parents=True)
    cached.touch()
    missed = find_debug_files(program, DebugPlaces(cache=tmp_path / "cache"))
    assert (missed.debug_file, missed.refused) == (None, ())
    debug.rename(cached)
    assert find_debug_files(program, DebugPlaces(cache=tmp_path / "cache")).debug_file == cached


def test_a_program_reached_by_a_symbolic_link_has_its_debug_file_beside_the_real_one(tmp_path):
    program, debug = compile_and_strip(tmp_path / "bin")
    debug = moved(debug, program.with_name(debug.name))
    link = tmp_path / "qemu"
    link.symlink_to(program)
    assert find_debug_files(link).debug_file == debug


def test_a_program_with_debug_information_needs_no_other_file(tmp_path):
    program = tmp_path / "prog"
    (tmp_path / "prog.c").write_text(SOURCE)
    run("gcc", "-g", "-o", program, tmp_path / "prog.c")
    found = find_debug_files(program)
    assert (found.debug_file, found.links()) == (program, {})


def test_the_file_of_another_build_is_refused_with_both_build_ids(tmp_path):
    program, _ = compile_and_strip(tmp_path / "bin")
    other, debug = compile_and_strip(tmp_path / "other", source=SOURCE.replace("+ 1", "+ 2"))
    ids = debug_sections(other).build_id, debug_sections(program).build_id
    moved(debug, program.with_name(debug.name))
    found = find_debug_files(program)
    assert found.debug_file is None
    (sentence,) = found.refused
    assert sentence.endswith(f"belongs to another program: its build-id is {ids[0]}, not {ids[1]}.")


def test_the_right_file_is_found_behind_a_wrong_one_which_is_still_named(tmp_path, usr_lib_debug):
    program, debug = compile_and_strip(tmp_path / "bin")
    wrong = program.with_name(debug.name)
    wrong.write_text("no debug file")
    right = moved(debug, Path(f"{usr_lib_debug}{program.parent}") / debug.name)
    found = find_debug_files(program)
    assert found.debug_file == right
    (sentence,) = found.refused
    assert str(wrong) in sentence
    assert "not an ELF file" in sentence


@pytest.mark.parametrize("flags", WITH_AND_WITHOUT_ID, ids=["build-id", "checksum"])
def test_a_file_with_another_checksum_than_the_debug_link_is_refused(flags, tmp_path):
    program, debug = compile_and_strip(tmp_path / "bin", *flags)
    beside = moved(debug, program.with_name(debug.name))
    with beside.open("ab") as file:
        file.write(b"x")
    found = find_debug_files(program)
    assert found.debug_file is None
    assert "its checksum (CRC) differs" in found.refused[0]


def test_a_file_that_nothing_ties_to_the_program_is_refused(tmp_path):
    program, debug = compile_and_strip(tmp_path / "bin", "-Wl,--build-id=none", link=False)
    moved(debug, program.with_name(debug.name))
    found = find_debug_files(program)
    assert found.debug_file is None
    assert "cannot be checked" in found.refused[0]


def test_a_stripped_file_with_the_right_build_id_is_no_debug_file(tmp_path):
    program, debug = compile_and_strip(tmp_path / "bin", link=False)
    run("strip", debug)
    moved(debug, program.with_name(debug.name))
    assert find_debug_files(program).refused[0].endswith("has no debug information.")


def test_the_file_that_the_user_names_must_belong_to_the_program(tmp_path):
    program, debug = compile_and_strip(tmp_path / "bin")
    _, wrong = compile_and_strip(tmp_path / "other", source=SOURCE.replace("+ 1", "+ 2"))
    assert find_debug_files(program, DebugPlaces(file=debug)).debug_file == debug
    with pytest.raises(AnalyzerError, match="belongs to another program"):
        find_debug_files(program, DebugPlaces(file=wrong))
    with pytest.raises(AnalyzerError, match="no such file"):
        find_debug_files(program, DebugPlaces(file=tmp_path / "nothing"))


def with_alternate_link(folder: Path, path: str):
    """A program whose debug file has a link as dwz writes it, and the file that it links to."""
    program, debug = compile_and_strip(folder, link=False)
    _, alternate = compile_and_strip(folder / "shared", source=SOURCE.replace("+ 1", "+ 2"))
    build_id = debug_sections(alternate).build_id
    (folder / "link").write_bytes(os.fsencode(path) + b"\0" + bytes.fromhex(build_id))
    run("objcopy", "--add-section", f".gnu_debugaltlink={folder / 'link'}", debug)
    debug = moved(debug, program.with_name("prog.debug"))
    return program, alternate


@pytest.mark.parametrize(
    "where", ["bin/dwz/common.debug", "usr-lib-debug/{id}", "other/{id}", "other/.dwz/common.debug"]
)
def test_what_dwz_shared_is_found_by_its_path_and_by_its_build_id(where, tmp_path):
    program, alternate = with_alternate_link(tmp_path / "bin", "dwz/common.debug")
    alternate = moved(alternate, tmp_path / where.format(id=build_id_name(alternate)))
    found = find_debug_files(program, DebugPlaces(directories=(tmp_path / "other",)))
    assert found.alternate == alternate
    assert found.complete
    assert found.links()[build_id_name(alternate)] == alternate


def test_without_what_dwz_shared_the_debug_information_is_not_complete(tmp_path):
    program, alternate = with_alternate_link(tmp_path / "bin", "dwz/common.debug")
    wrong = program.with_name("dwz") / "common.debug"
    wrong.parent.mkdir()
    wrong.write_bytes((tmp_path / "bin" / "prog.debug").read_bytes())
    found = find_debug_files(program)
    assert not found.complete
    assert found.missing_alternate is not None
    assert found.missing_alternate.path == "dwz/common.debug"
    with pytest.raises(AnalyzerError, match="its build-id differs"):
        with_alternate_file(found, wrong)
    assert with_alternate_file(found, alternate).complete
