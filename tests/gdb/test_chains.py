"""The chains written in the small programs are the chains recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.graph.merge import merge
from gdbscripts.call_kinds import CallKind
from tests.gdb.conftest import PROGRAMS, directive
from tests.support.gdb_backtraces import assert_like_bt
from tests.support.notation import chains

TRACED = sorted(p for p in [*PROGRAMS.glob("*.c*"), PROGRAMS / "twins" / "main.c"] if directive(p, "stop"))


def name_of(program: Path) -> str:
    return program.parent.name if program.stem == "main" else program.stem


@pytest.mark.parametrize("program", TRACED, ids=name_of)
def test_the_chains_are_those_the_program_states(program, build, record):
    functions = directive(program, "stop")
    recorded = chains(record(build(program), functions), *functions)
    if expected := directive(program, "chain"):
        assert recorded == expected
    for part in directive(program, "contains"):
        assert part in recorded[0]


@pytest.mark.parametrize("program", TRACED, ids=name_of)
@pytest.mark.parametrize("flags", [(), ("-O0",)], ids=["own flags", "-O0"])
def test_every_frame_is_the_one_gdb_prints(program, flags, build, record, tmp_path):
    taken = tmp_path / "bt.txt"
    recording = record(build(program, *flags), directive(program, "stop"), take_bt=taken)
    assert assert_like_bt(recording, taken) > 0


@pytest.mark.parametrize("program", TRACED, ids=name_of)
def test_the_graph_keeps_its_invariants(program, build, record):
    graph = merge([record(build(program), directive(program, "stop"))])
    graph.check()
    identities = {f"{node.function.name}@{node.function.where}" for node in graph.nodes}
    for line in directive(program, "identities"):
        assert set(line.split()) <= identities


@pytest.mark.parametrize("program", TRACED, ids=name_of)
def test_a_direct_call_in_the_disassembly_goes_to_the_callee(program, build, record):
    recording = record(build(program), directive(program, "stop"))
    checked = 0
    for stop in recording.stops:
        for callee, caller in zip(stop.frames, stop.frames[1:], strict=False):
            target = caller.instruction.partition("<")[2].rpartition(">")[0].partition("@")[0]
            if caller.call is CallKind.DIRECT and not callee.library:  # libc has several names for one address
                assert target.partition("(")[0] == callee.name.partition("(")[0]
                checked += 1
            elif caller.elided and not caller.elided[0].function.where.startswith("["):
                assert target == caller.elided[0].function.name
                checked += 1
            elif caller.call is CallKind.INDIRECT:
                assert "*" in caller.instruction or "thunk" in caller.instruction
                checked += 1
    assert checked
