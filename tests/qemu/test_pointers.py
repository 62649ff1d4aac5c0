"""Who set the pointers on the way to the guest, on a real QEMU, against what its sources say."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

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


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of origins that is empty at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CALLCHAIN_NO_POINTER_CACHE")
    return tmp_path / "cache" / "qemu-callchain" / "pointers"


def explained(run):
    """The pointers of a recording; each step with its stop's stack and arguments instead of the number."""
    recording = run.recording
    return {
        call: replace(
            pointer,
            steps=tuple(
                (replace(step, stop=None), step.stop is not None and shown(recording.stop(step.stop)))
                for step in pointer.steps
            ),
        )
        for call, pointer in recording.pointers.items()
    }


def shown(stop):
    """What is known of a stop except its number and time."""
    return repr([(frame.function, frame.file, frame.line, frame.pc) for frame in stop.frames]), stop.thread


def marked(run):
    """The callees of pointers that are taken over from an earlier recording."""
    lines = (run.folder / "recording.jsonl").read_text().splitlines()
    return {record["callee"] for record in map(json.loads, lines) if record.get("earlier")}


def test_a_second_recording_takes_the_origins_over_and_they_are_the_same(qemu, tmp_path, cache):
    first, second = (startup(qemu, tmp_path / name, "--no-kernel") for name in ("first", "second"))
    assert marked(first) == set() and len(marked(second)) == 8
    assert explained(first) == explained(second)
    assert [note for note in second.recording.notes if "earlier recording" in note] != []
    end, text = second.recording.end, (second.folder / "recording.jsonl").read_text()
    assert (end.frames, end.stops) == (text.count('{"record": "frame"'), text.count('{"record": "stop"'))
    again = startup(qemu, tmp_path / "again", "--no-kernel", "--no-pointer-cache")
    assert marked(again) == set() and explained(again) == explained(first)


@pytest.mark.parametrize("poison", ["target", "value", "slot", "stack", "damage"])
def test_a_wrong_origin_is_noticed_and_found_again(poison, qemu, tmp_path, cache):
    first = startup(qemu, tmp_path / "first", "--no-kernel", "--no-ioctls")
    (file,) = cache.iterdir()
    data = json.loads(file.read_text())
    for origin in data["origins"]:
        if origin["pointer"].count('"callee": "kvm_init"'):
            if poison == "target":
                origin["pointer"] = origin["pointer"].replace(
                    '"target": "kvm_init"', '"target": "tcg_init_machine"'
                )
            elif poison == "value":
                origin["pointer"] = re.sub(r'"value": (\d+)', '"value": 93825000000000', origin["pointer"])
            elif poison == "slot":
                origin["pointer"] = re.sub(r'"address": (\d+)', '"address": 93825011972000', origin["pointer"])
            elif poison == "stack":
                origin["site"]["return_addresses"][-1] += 1
    file.write_text(json.dumps(data) if poison != "damage" else file.read_text()[:-100])
    second = startup(qemu, tmp_path / "second", "--no-kernel", "--no-ioctls")
    assert explained(second) == explained(first)
    assert "kvm_init" not in marked(second) and len(marked(second)) == (0 if poison == "damage" else 7)
    third = startup(qemu, tmp_path / "third", "--no-kernel", "--no-ioctls")
    assert len(marked(third)) == 8 and explained(third) == explained(first)


def test_another_command_line_or_accelerator_has_origins_of_its_own(qemu, tmp_path, cache):
    startup(qemu, tmp_path / "first", "--no-kernel", "--no-ioctls")
    smp = startup(qemu, tmp_path / "smp", "--no-kernel", "--no-ioctls", qemu_arguments=["-smp", "2"])
    tcg = startup(qemu, tmp_path / "tcg", "--no-kernel", "--no-ioctls", "--accel", "tcg")
    assert marked(smp) == marked(tcg) == set()
    assert len(list(cache.iterdir())) == 3


def test_two_recordings_at_the_same_time_leave_origins_that_can_be_used(qemu, tmp_path, cache):
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda n: startup(qemu, tmp_path / n, "--no-kernel", "--no-ioctls"), ("a", "b")))
    after = startup(qemu, tmp_path / "after", "--no-kernel", "--no-ioctls")
    assert [explained(run) for run in runs] == [explained(after)] * 2
    assert len(marked(after)) == 8
