"""A function has the file that defines it, whatever file its lines are in; frames keep their lines."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from analyzer.graph.merge import merge
from tests.gdb.conftest import PROGRAMS, directive
from tests.support.gdb_backtraces import assert_like_bt
from tests.support.notation import chains

FOLDER = PROGRAMS / "definitions"
TRACED = [program for program in sorted(FOLDER.rglob("*.c")) if directive(program, "stop")]
LEVELS = pytest.mark.parametrize("flags", [(), ("-O0",)], ids=["own flags", "-O0"])


def name_of(program):
    return " ".join(program.relative_to(FOLDER).with_suffix("").parts)


def stated(program, name):
    """Function -> file, of the directive `name`; "-" is no file."""
    return {function: file.strip("-") for function, file in map(str.split, directive(program, name))}


@LEVELS
@pytest.mark.parametrize("program", TRACED, ids=name_of)
def test_the_file_of_a_function_is_where_it_is_defined(program, flags, build, record):
    recording = record(build(program, *flags), directive(program, "stop"))
    graph = merge([recording])
    graph.check()
    files = {}
    for node in graph.nodes:
        files.setdefault(node.function.name, set()).add(PurePosixPath(node.file).name)
    for function, file in stated(program, "definition").items():
        if function in files:  # -O0 does not inline what it may leave
            assert files[function] == {file}
    identities = {f"{node.function.name}@{node.function.where}" for node in graph.nodes}
    for line in directive(program, "identities"):
        assert set(line.split()) <= identities


@pytest.mark.parametrize("program", TRACED, ids=name_of)
def test_the_functions_are_on_the_chains_that_the_program_states(program, build, record):
    functions = directive(program, "stop")
    recorded = chains(record(build(program), functions), *functions)
    if expected := directive(program, "chain"):
        assert recorded == expected
    assert set(stated(program, "definition")) <= set(" ".join(recorded).split())


@LEVELS
@pytest.mark.parametrize("program", TRACED, ids=name_of)
def test_every_line_is_the_one_gdb_prints(program, flags, build, record, tmp_path):
    taken = tmp_path / "bt.txt"
    recording = record(build(program, *flags), directive(program, "stop"), take_bt=taken)
    assert assert_like_bt(recording, taken) > 0
    lines = {
        (frame.function.name, PurePosixPath(frame.file).name) for stop in recording.stops for frame in stop.frames
    }
    assert set(stated(program, "line").items()) <= lines
