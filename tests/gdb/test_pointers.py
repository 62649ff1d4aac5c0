"""Who set a function pointer: each small program states it, at -O0 and at -O2."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.graph.chains import own_chain
from analyzer.model.pointers import Pointer, PointerOrigin
from analyzer.model.recording import Recording
from tests.gdb.conftest import PROGRAMS, directive
from tests.support.notation import chains

SHAPES = [program for program in sorted((PROGRAMS / "pointers").glob("*.c")) if not directive(program, "none")]
VARIANTS = [
    pytest.param(program, level, id=f"{program.stem} {level}")
    for program in SHAPES
    for level in ("-O0", "-O2")
    if not any("-O" in flags and level not in flags for flags in directive(program, "flags"))
]


def pointer_to_leaf(recording: Recording) -> Pointer:
    """The pointer the program's `leaf` was called through."""
    stop = next(stop for stop in recording.stops if stop.function == "leaf")
    found = [step.pointer for step in own_chain(stop, recording) if step.pointer is not None]
    assert found
    return found[-1]


def as_stated(step: PointerOrigin, program: Path) -> str:
    """The step in the notation of the programs."""
    line = program.read_text().splitlines()[step.line - 1] if step.line else ""
    mark = line.partition("/* ")[2].partition(" */")[0] or str(step.line or "")
    return f"{step.what} {step.name} {step.function or ''} {mark}".rstrip()


@pytest.mark.parametrize(("program", "level"), VARIANTS)
def test_the_slot_and_who_set_it_are_as_the_program_states(program, level, build, record):
    recording = record(build(program, level), ["leaf"], pointers=True)
    pointer = pointer_to_leaf(recording)
    assert recording.notes == ()
    stated_outcome = directive(program, "outcome") or ["explained"]
    assert [f"{pointer.kind} {pointer.slot}".rstrip()] == directive(program, "slot")
    assert [pointer.outcome] == stated_outcome, pointer.reason
    assert not directive(program, "reason") or [pointer.reason] == directive(program, "reason")
    assert [as_stated(step, program) for step in pointer.steps] == directive(program, "by")
    if expected := directive(program, "chain"):
        assert chains(recording, "leaf") == expected


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_the_moment_of_the_store_is_shown_with_a_backtrace_of_its_own(level, build, record):
    recording = record(build(PROGRAMS / "pointers" / "member.c", level), ["leaf"], pointers=True)
    step = pointer_to_leaf(recording).steps[0]
    assert step.stop is not None
    stop = recording.stop(step.stop)
    assert [frame.function.name for frame in stop.frames[:2]] == ["install", "main"]
    assert stop.reason == "store"


def test_a_store_by_another_thread_is_shown_on_that_thread(build, record):
    recording = record(build(PROGRAMS / "pointers" / "thread.c", "-O0"), ["leaf"], pointers=True)
    step = pointer_to_leaf(recording).steps[0]
    assert step.stop is not None
    assert recording.thread(recording.stop(step.stop).thread).number != 1


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_a_call_out_of_a_library_is_left_alone_and_noted(level, build, record):
    recording = record(build(PROGRAMS / "pointers" / "qsort.c", level), ["leaf"], pointers=True)
    assert recording.pointers == {}
    assert recording.stops
    assert recording.notes == ("Pointers through which the library libc calls QEMU are not explained.",)


def setters(recording: Recording) -> list[str]:
    """The functions that stored each pointer, in the order of the stops."""
    found = []
    for stop in recording.stops:
        pointers = [step.pointer for step in own_chain(stop, recording) if step.pointer is not None]
        for pointer in pointers if stop.reason == "milestone" else ():
            stored = [str(step.function) for step in pointer.steps if step.what == "stored"]
            found.append(stored[0] if pointer.outcome == "explained" and stored else pointer.outcome)
    return found


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_a_call_for_another_object_has_an_answer_of_its_own(level, build, record):
    recording = record(build(PROGRAMS / "pointers" / "two_objects.c", level), ["leaf"], pointers=True)
    assert setters(recording) == ["set_first", "set_second"]


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_a_place_that_held_two_pointers_has_two_answers(level, build, record):
    recording = record(build(PROGRAMS / "pointers" / "two_values.c", level), ["leaf", "other"], pointers=True)
    assert setters(recording) == ["set_leaf", "set_other"]


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_what_an_earlier_call_read_is_no_answer(level, build, record):
    recording = record(build(PROGRAMS / "pointers" / "earlier_call.c", level), ["leaf"], pointers=True)
    assert setters(recording) in (["set_first", "set_second"], ["unknown", "unknown"])


def test_what_a_caller_read_for_an_earlier_call_is_no_answer(build, record):
    recording = record(build(PROGRAMS / "pointers" / "stale_caller.c", "-O0"), ["leaf"], pointers=True)
    assert setters(recording)[1] == "unknown"


def test_where_gdb_may_not_use_hardware_watchpoints_the_reason_is_given(build, record):
    program = build(PROGRAMS / "pointers" / "member.c")
    forbid = ["set can-use-hw-watchpoints 0"]
    pointer = pointer_to_leaf(record(program, ["leaf"], pointers=True, before_pointers=forbid))
    assert (pointer.slot, pointer.outcome, pointer.steps) == ("Ops.go", "unknown", ())
    assert "no hardware watchpoint is available" in pointer.reason


def test_where_all_debug_registers_are_taken_the_reason_is_given(build, record):
    program = build(PROGRAMS / "pointers" / "member.c")
    take = [f"watch *(long *) {0x7FFFF0000000 + 8 * number:#x}" for number in range(4)]
    pointer = pointer_to_leaf(record(program, ["leaf"], pointers=True, before_pointers=take))
    assert (pointer.slot, pointer.outcome) == ("Ops.go", "unknown")
    assert "no hardware watchpoint is available" in pointer.reason
