"""Writes the backtraces of a recording as a JSON document."""

from __future__ import annotations

from typing import Any

from analyzer.graph.call_graph import Provenance
from analyzer.model.frames import Arguments, Frame, Function, Stop
from analyzer.model.recording import Recording
from reports.json.document import document
from reports.text.backtraces import stops_about

# History of the format:
# 1  first
SCHEMA = 1


def backtraces_json(recording: Recording, provenance: Provenance, function: str = "", each: bool = False) -> str:
    """Return the document with a line end: the stops of `stops_about` as `backtraces`.

    `milestones` has the title of each milestone by its name. Each backtrace has `reason`, `milestones` (names),
    `function`, `ioctl` (null for a stop that is at none), `starts` (start function of the created thread, or
    null), `thread`, `count` of equal stacks, `time` in seconds of the first one, `frames`, innermost first, and
    `created_by`: the frames of the stop that created the thread; where the program crashed, `signal`. Raises
    UsageError as `stops_about`.
    """
    return document(
        "backtraces",
        SCHEMA,
        provenance=vars(provenance),
        notes=list(recording.notes),
        milestones={milestone.name: milestone.title for milestone in recording.milestones},
        backtraces=[_backtrace(stop, recording) for stop in stops_about(recording, function, each)],
    )


def _backtrace(stop: Stop, recording: Recording) -> dict[str, Any]:
    thread = recording.thread(stop.thread)
    creation = recording.creation(thread)
    return {
        "reason": stop.reason,
        "milestones": list(stop.milestones),
        "function": stop.function,
        "ioctl": vars(stop.ioctl) if stop.ioctl else None,
        "starts": _function(stop.starts.function) if stop.starts else None,
        "time": stop.time,
        "thread": thread.label,
        "count": stop.count,
        "frames": _frames(stop),
        **({"signal": stop.signal} if stop.signal else {}),
        **({"open_ended": True} if stop.open_ended else {}),
        "created_by": _frames(creation) if creation else [],
    }


def _frames(stop: Stop) -> list[dict[str, Any]]:
    return [_frame(frame, arguments) for frame, arguments in stop.frames_with_arguments()]


def _frame(frame: Frame, arguments: Arguments) -> dict[str, Any]:
    return {
        "function": _function(frame.function),
        "name": frame.name,
        "kind": frame.kind,
        "file": frame.file,
        "line": frame.line,
        "library": frame.library,
        "address": hex(frame.pc) if frame.pc else None,
        "arguments": [list(argument) for argument in arguments],
    }


def _function(function: Function) -> dict[str, str]:
    return {"name": function.name, "where": function.where}
