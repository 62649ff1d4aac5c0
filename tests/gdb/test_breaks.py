"""Functions that globs of --break select, and the calls that --break-calls-of records, in small programs."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from analyzer.adapters.gdb import Gdb
from analyzer.model.frames import Stop
from analyzer.model.recording import Recording
from analyzer.recording.break_functions import select_calls, select_functions
from gdbscripts.call_kinds import CallKind
from gdbscripts.plan import PlannedMilestone
from tests.conftest import need_tool
from tests.gdb.conftest import PROGRAMS, directive

CALLS_OF = PROGRAMS / "calls_of.c"
TWINS = PROGRAMS / "twins" / "main.c"
INLINED = PROGRAMS / "inlined_stop.c"
BUILDS = [
    pytest.param((), "", id="gcc -O2"),
    pytest.param(("-O0",), "", id="gcc -O0"),
    pytest.param(("-no-pie",), "", id="gcc, without -fPIE"),
    pytest.param(("-flto",), "", id="gcc, link-time optimisation"),
    pytest.param(("-Wl,-z,lazy",), "", id="gcc, lazy binding"),
    pytest.param(("-fno-plt",), "", id="gcc -fno-plt"),
    pytest.param(("-fcf-protection=full",), "", id="gcc, control-flow protection"),
    pytest.param(("-mindirect-branch=thunk",), "", id="gcc, retpolines"),
]


def steps_of(program: Path, *breaks: str, limit: int = 0) -> list[PlannedMilestone]:
    return [step for selection in select_functions(breaks, limit, (), program) for step in selection.steps]


def hits(recording: Recording) -> Counter[str]:
    found: Counter[str] = Counter()
    for stop in recording.stops:
        for name in stop.milestones:
            found[name.removeprefix("break ")] += stop.count
    return found


def callers(recording: Recording) -> Counter[tuple[str, ...]]:
    """How often each function was hit, by the names of the stack, innermost first, up to main."""
    found: Counter[tuple[str, ...]] = Counter()
    for stop in recording.stops:
        names = [frame.function.name for frame in stop.frames]
        found[tuple(names[: names.index("main") + 1])] += stop.count
    return found


@pytest.mark.parametrize(("flags", "compiler"), BUILDS)
def test_a_glob_records_what_a_breakpoint_on_each_name_records(flags, compiler, build, record):
    program = build(CALLS_OF, *flags, compiler=compiler)
    functions = ("plain", "put_line", "by_pointer", "traced", "rare", "failed", "gate", "library", "last", "small")
    by_glob = record(program, steps=steps_of(program, "p[lu]*", "by_*", "traced", "rare*", "[fgls]*"))
    by_name = record(program, steps=[PlannedMilestone(f"break {f}", f, False, [f], limit=0) for f in functions])
    assert callers(by_glob) == callers(by_name)
    assert hits(by_glob) == hits(by_name)
    assert hits(by_glob)["plain"] == 14
    arguments = {stop.function: stop.arguments[0] for stop in by_name.stops}
    for stop in by_glob.stops:
        assert [name for name, _ in stop.arguments[0]] == [name for name, _ in arguments[stop.function]]


def test_static_functions_of_one_name_are_recorded_by_name_all_and_by_file_one(build, record):
    program = build(TWINS)
    assert hits(record(program, steps=steps_of(program, "wor*"))) == {"work": 2}
    recording = record(program, steps=steps_of(program, "file:twins/other.c:work"))
    assert hits(recording) == {"other.c:work": 1}
    assert [f.function.name for f in recording.stops[0].frames][:3] == ["work", "second", "main"]
    whole_file = record(program, steps=steps_of(program, "file:twins/main.c"))
    assert hits(whole_file) == {"main": 1, "first": 1, "leaf": 2, "main.c:work": 1}


def test_a_function_that_exists_inlined_only_is_recorded(build, record):
    program = build(INLINED)
    recording = record(program, steps=steps_of(program, "inn*"))
    (stop,) = recording.stops
    assert [frame.function.name for frame in stop.frames][:3] == ["inner", "outer", "main"]
    assert stop.frames[1].call is CallKind.INLINE


def test_functions_of_a_stripped_program_come_from_its_debug_file(build, record, tmp_path):
    whole = build(CALLS_OF)
    stripped, debug = tmp_path / "stripped", tmp_path / "stripped.debug"
    subprocess.run([need_tool("objcopy"), "--only-keep-debug", str(whole), str(debug)], check=True)
    subprocess.run([need_tool("strip"), "-o", str(stripped), str(whole)], check=True)
    command = [need_tool("objcopy"), f"--add-gnu-debuglink={debug}", str(stripped)]
    subprocess.run(command, check=True, cwd=tmp_path)
    steps = steps_of(debug, "file:calls_of.c")
    assert hits(record(stripped, steps=steps)) == hits(record(whole, steps=steps_of(whole, "file:calls_of.c")))


def test_clones_that_the_compiler_makes_belong_to_their_function(tmp_path, record):
    source = tmp_path / "clones.c"
    source.write_text("""
        volatile int v;
        static __attribute__((noinline)) int scaled(int x, int by) { v = x * by; return v; }
        int main(void) { return scaled(v, 3) + scaled(v + 1, 3) > 100; }
    """)
    program = tmp_path / "clones"
    subprocess.run([need_tool("gcc"), "-g", "-O2", "-fipa-cp", "-o", str(program), str(source)], check=True)
    (step,) = steps_of(program, "scal*")
    assert (
        "scaled.constprop"
        in subprocess.run(["nm", str(program)], capture_output=True, text=True, check=True).stdout
    )
    assert step.functions == ["scaled"]
    assert hits(record(program, steps=[step])) == {"scaled": 2}


@pytest.mark.parametrize(
    ("flags", "compiler"),
    [pytest.param((), "", id="gcc -O2"), pytest.param(("-O0",), "", id="gcc -O0"),
     pytest.param((), "clang", id="clang -O2"), pytest.param(("-O0",), "clang", id="clang -O0")],
)  # fmt: skip
def test_the_breakpoints_are_where_gdb_sets_its_own(flags, compiler, build, record, tmp_path):
    """gdb skips the prologue of optimised code of clang, whose arguments are known at the entry as well."""
    program = build(PROGRAMS / "recursion.c", *flags, compiler=compiler)
    functions = [step.functions[0] for step in steps_of(program, "*")]
    steps = steps_of(program, "*")
    with Gdb(program) as gdb:
        gdb.console("break *&main")
        gdb.command("-exec-run")
        assert gdb.wait_stopped(30)
        gdb.console(f"python import json, gdbscripts.load_address as a; out = open({str(tmp_path / 'o')!r}, 'w')")
        gdb.console("python offset = a.load_offset(gdb.selected_inferior().pid)")
        gdb.console(
            f"python json.dump([{{a.after_prologue(x + offset) for x in s}} == "
            f"{{l.address for l in gdb.Breakpoint(f).locations}} for f, s in "
            f"{[(step.functions[0], step.addresses) for step in steps]!r}], out); out.close()"
        )
    assert functions
    if compiler != "clang" or "-O0" in flags:
        assert all(json.loads((tmp_path / "o").read_text()))


def recorded_calls(recording: Recording, caller: str) -> Counter[tuple[str, str, str]]:
    found: Counter[tuple[str, str, str]] = Counter()
    for stop in recording.stops:
        assert stop.milestones == (f"break calls of {caller}",)
        found[caller, stop.frames[0].function.name, kind_of_last_call(stop, caller)] += stop.count
    return found


def kind_of_last_call(stop: Stop, caller: str) -> str:
    """How `caller` calls the innermost function: itself, or as a frame that left by a tail call."""
    outer = stop.frames[1]
    if outer.function.name == caller and outer.call is not None:
        return str(outer.call.value)
    assert outer.elided and outer.elided[-1].function.name == caller, stop
    return str(outer.call.value)


@pytest.mark.parametrize(("flags", "compiler"), BUILDS)
@pytest.mark.parametrize("caller", ["traced", "gate", "library", "around", "small"])
def test_the_calls_of_a_function_are_those_the_program_states(caller, flags, compiler, build, record):
    program = build(CALLS_OF, *flags, compiler=compiler)
    (selection,) = select_calls([caller], 0, program)
    recording = record(program, steps=selection.steps)
    found = recorded_calls(recording, caller)
    expected: Counter[tuple[str, str, str]] = Counter()
    for line in directive(CALLS_OF, "calls"):
        name, callee, kind, count = line.split()
        if name == caller:
            kind = "direct" if kind == "tail" and "-O0" in flags else kind
            expected[name, callee, kind] += int(count)
    if caller == "gate":  # twenty of its calls are made in a loop, with one stack
        assert len(recording.stops) == 4
    if caller == "library":  # the C library calls the function behind atoi otherwise
        assert sum(found.values()) == expected.total()
    else:
        assert found == expected


def test_a_limit_that_cuts_hits_says_so_and_one_that_does_not_says_nothing(build, record):
    program = build(CALLS_OF)
    cut = record(program, steps=steps_of(program, "gate*", "traced", limit=4))
    assert hits(cut) == {"gate": 4, "traced": 4}
    (note,) = cut.notes
    assert "--break-limit 4: the first 4 hits of gate are recorded, and at least one more hit" in note
    whole = record(program, steps=steps_of(program, "traced", "rar*", limit=24))
    assert hits(whole) == {"traced": 4, "rare": 24}  # it is called 24 times
    assert whole.notes == ()


def test_the_calls_of_a_function_have_a_limit_too(build, record):
    program = build(CALLS_OF)
    (selection,) = select_calls(["gate"], 5, program)
    recording = record(program, steps=selection.steps)
    assert hits(recording) == {"calls of gate": 5}
    assert "hits of calls of gate are recorded, and at least one more" in recording.notes[0]


def test_more_stacks_than_are_kept_are_said_once(build, record):
    program = build(CALLS_OF)
    few = "python import gdbscripts.recorder; gdbscripts.recorder.MAX_STACKS = 2"
    recording = record(program, steps=steps_of(program, "plai*"), prepare=[few])
    assert hits(recording)["plain"] == 14  # none is lost
    (note,) = recording.notes
    assert "different stacks are kept in memory" in note
