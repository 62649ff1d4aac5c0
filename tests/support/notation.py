"""Chains as one line of text, both ways: `main > for_each *> visit`.

`name@stem` is a function of another file than most, `name@[libc]` of a library, `name@` of nobody knows what.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.graph.chains import RecordedStep, whole_chain
from analyzer.model.frames import Frame, Function, Stack, Stop, Thread
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CALL_KINDS, CallKind, call_arrow
from gdbscripts.enums import FrameKind, RecordingOutcome, StopReason
from gdbscripts.records import SCHEMA, EndRecord, HeaderRecord, MilestoneRecord

KINDS = {words.arrow: kind for kind, words in CALL_KINDS.items()}


def as_text(steps: Sequence[RecordedStep]) -> str:
    """The chain of steps in the notation."""
    return "".join(
        (f" {call_arrow(step.kind or CallKind.UNKNOWN)} " if position else "") + step.function.name
        for position, step in enumerate(steps)
    )


def chains(recording: Recording, *functions: str) -> list[str]:
    """The chains to `functions`, in the order in which they happened."""
    return [
        as_text(whole_chain(stop, recording))
        for stop in recording.stops
        if stop.function in functions and stop.reason in (StopReason.MILESTONE, StopReason.BREAK)
    ]


def header(build_id: str = "abcd") -> HeaderRecord:
    """Some header."""
    return HeaderRecord(
        schema=SCHEMA,
        tool="qemu-callchain test",
        created="2026-01-01T00:00:00+00:00",
        scenario="startup",
        command=["qemu"],
        guest="tiny",
        accelerator_asked="kvm",
        qemu="/opt/qemu/qemu-system-x86_64",
        qemu_version="9.9.9",
        build_id=build_id,
        gdb_version="13.1",
        host="Linux",
    )


def recording(*lines: str, build_id: str = "abcd", complete: bool = True) -> Recording:
    """A recording with a stop of milestone `goal` for each line of the notation, all on the main thread."""
    stops = tuple(_stop(number, line) for number, line in enumerate(lines))
    goal = MilestoneRecord("goal", "The goal", True, ["goal"], [], about="It is reached.", target=True)
    end = EndRecord(RecordingOutcome.COMPLETE, "QEMU ended", 1, len(stops)) if complete else None
    return Recording(
        header=header(build_id),
        source_root="/src",
        milestones=(goal,),
        threads=(Thread(1, 100, "qemu"),),
        stops=stops,
        end=end,
    )


def _stop(number: int, line: str) -> Stop:
    frames: list[Frame] = []
    words = line.split()
    for position in range(0, len(words), 2):
        arrow = words[position + 1] if position + 1 < len(words) else ""
        frames.append(frame(words[position], KINDS[arrow] if arrow else CallKind.UNKNOWN, line=10 + position))
    innermost_first = tuple(reversed(frames))
    function = innermost_first[0].function.name
    arguments = ((("value", "1"),),) * len(frames)
    return Stop(
        number, number / 10, 1, StopReason.MILESTONE, ("goal",), function, Stack(innermost_first), arguments
    )


def located(name: str) -> tuple[Function, str]:
    """The function that `name` or `name@stem` stands for, and its file."""
    plain, at, stem = name.partition("@")
    where = stem if at else "main"
    return Function(plain, where), "" if where[:1] in ("", "[") else f"hw/{where}.c"


def frame(name: str, call: CallKind = CallKind.UNKNOWN, line: int = 1, **changes: object) -> Frame:
    """A frame of `name`, or of `name@stem`."""
    function, file = located(name)
    facts: dict[str, object] = {
        "function": function,
        "name": function.name,
        "kind": FrameKind.NORMAL,
        "file": file,
        "line": line,
        "library": "",
        "pc": 0x1000 + line,
        "addressed": True,
        "call": call,
        "instruction": "call 0x555555000000 <x>",
        "elided": (),
        "defined_in": str(changes.get("file", file)),
    }
    return Frame(**{**facts, **changes})  # type: ignore[arg-type]
