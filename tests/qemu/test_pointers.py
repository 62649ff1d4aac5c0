"""Who set the pointers on the way to the guest, on a real QEMU, against what its sources say."""

from __future__ import annotations

from analyzer.graph.merge import graph_of
from gdbscripts.call_kinds import CallKind
from tests.qemu.conftest import startup
from tests.qemu.pointer_table import TABLE, compare, unexpected


def test_each_slot_and_each_assignment_is_the_one_in_the_sources(run):
    graph = graph_of(run.recording)
    verdicts = list(compare(graph))
    for verdict in verdicts:
        print("found" if verdict.found else f"NOT FOUND {verdict.instead}", verdict.row)
    assert [verdict for verdict in verdicts if not verdict.found] == []
    assert unexpected(graph) == []
    assert len(verdicts) == len(TABLE) == 8


def test_the_line_of_each_assignment_names_the_function_or_the_macro_that_does(run):
    recording = run.recording
    for pointer in recording.pointers.values():
        last = next(step for step in reversed(pointer.steps) if step.line)
        text = recording.sources[last.file]
        near = " ".join(text.get(last.line + more, "") for more in range(3))
        assert pointer.target in near or "DEFINE_" in near or "Ops" in near, (pointer, near)


def test_each_store_has_a_backtrace_that_begins_in_main(run):
    recording = run.recording
    stops = [
        step.stop for pointer in recording.pointers.values() for step in pointer.steps if step.stop is not None
    ]
    assert stops
    for number in stops:
        assert "main" in [frame.function.name for frame in recording.stop(number).frames]


def test_nobody_waits_for_pointers_who_does_not_want_them(qemu, tmp_path):
    run = startup(qemu, tmp_path / "out", "--no-pointers")
    assert (run.status, run.recording.pointers) == (0, {})
    assert any(call.kind is CallKind.INDIRECT for call in graph_of(run.recording).calls)
