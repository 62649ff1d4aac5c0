"""Arguments that are computed or kept are those that gdb prints, at every hit of a breakpoint."""

from __future__ import annotations

import pytest

from gdbscripts.plan import PlannedMilestone
from gdbscripts.records import BREAK
from tests.conftest import need_tool
from tests.gdb.conftest import PROGRAMS
from tests.support.gdb_backtraces import assert_like_bt

PROGRAM = PROGRAMS / "active_calls.c"
EACH_HIT = PlannedMilestone(f"{BREAK}leaf", "leaf", False, ["leaf"], limit=0)


def stops_of(recording):
    return [stop for stop in recording.stops if stop.function == "leaf"]


@pytest.mark.parametrize(
    "options",
    ["-O2", "-O0", "-O1", "-Os", "-O2 -fno-omit-frame-pointer", "-O2 -gdwarf-4", "-O2 -no-pie -fno-pie",
     "-O3 -flto", "clang -O2", "clang -O0"],
)  # fmt: skip
def test_the_arguments_at_each_hit_are_those_that_gdb_prints(options, build, record, tmp_path):
    compiler = "clang" if options.startswith("clang") else ""
    if compiler:
        need_tool("clang")
    program, taken = (
        build(PROGRAM, *options.removeprefix("clang ").split(), compiler=compiler),
        tmp_path / "bt.txt",
    )
    recording = record(program, steps=[EACH_HIT], take_bt=taken)
    # signal handlers and the outermost function of a coroutine have no rules
    assert assert_like_bt(recording, taken, least_known=0.8) > 100
    assert sum(stop.count for stop in stops_of(recording)) == 81
    texts = {dict(stop.arguments_of(0))["name"].rpartition(" ")[2] for stop in stops_of(recording)}
    assert {'"first"', '"girst"', '"xxxst"'} <= texts


@pytest.mark.parametrize("options", ["-O0", "-O1", "-O2", "-O2 -fno-optimize-sibling-calls", "clang -O2"])
def test_values_that_follow_from_several_callers_are_those_that_gdb_prints(options, build, record, tmp_path):
    compiler = "clang" if options.startswith("clang") else ""
    if compiler:
        need_tool("clang")
    flags, taken = options.removeprefix("clang ").split(), tmp_path / "bt.txt"
    program = build(PROGRAMS / "many_stacks.c", *flags, compiler=compiler)
    recording = record(program, steps=[EACH_HIT], take_bt=taken)
    assert assert_like_bt(recording, taken, least_known=1) > 20
    assert sum(stop.count for stop in stops_of(recording)) == 128
