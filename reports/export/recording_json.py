"""Writes a recording as one JSON document, for other programs; its JSON Schema is `recording.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from analyzer.graph.merge import provenance_of
from analyzer.kvm.io_accesses import io_accesses
from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.model.frames import DefinedFunction, Frame, Function, Stack, Stop, Thread, distinct_stops
from analyzer.model.kvm import KernelEvent
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CALL_KINDS
from reports.json.accesses import access_object
from reports.json.pointers import pointer_object
from reports.text.pointers import pointer_calls

# History of the format:
# 1  first
SCHEMA = 1


def to_recording_json(recording: Recording) -> Iterator[str]:
    """Yield the document in pieces: one entry of a list a line.

    Frames and stacks are tables: a stop has the number of its stack, and a stack the numbers of its frames,
    innermost first. Times are in seconds since the program was started, sizes in bytes.
    """
    tables = _Tables(recording)
    distinct = replace(recording, stops=tuple(distinct_stops(recording.stops)))
    provenance = json.dumps(vars(provenance_of(recording)))
    yield f'{{"format": "qemu-callchain export", "schema": {SCHEMA},\n"provenance": {provenance}'
    yield f',\n"notes": {json.dumps(list(recording.notes))}'
    yield f',\n"call_kinds": {json.dumps({kind.value: text.label for kind, text in CALL_KINDS.items()})}'
    yield from _list("milestones", _milestones(recording))
    yield from _list("threads", map(_thread, recording.threads))
    yield from _list("frames", map(_frame, tables.frames))
    yield from _list("stacks", tables.stacks)
    yield from _list("stops", (_stop(stop, tables.number(stop.stack)) for stop in recording.stops))
    yield from _list("ioctls", _ioctls(recording, tables))
    yield from _list("accesses", map(access_object, io_accesses(recording)))
    yield f',\n"exits": {json.dumps({str(reason): count for reason, count in recording.exit_counts.items()})}'
    yield from _list("pointers", map(pointer_object, pointer_calls(distinct)))
    yield "\n}\n"


class _Tables:
    """The distinct frames and stacks of a recording, each with a number."""

    def __init__(self, recording: Recording) -> None:
        self.frames: dict[Frame, int] = {}
        self.stacks: list[list[int]] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[Stack] = []  # so that no id is used again
        for stack in (*(stop.stack for stop in recording.stops), *(entry.stack for entry in recording.ioctl_log)):
            self._add(stack)

    def number(self, stack: Stack) -> int:
        """Return the number of a stack in `stacks`."""
        return self._numbers[id(stack)]

    def _add(self, stack: Stack) -> None:
        if id(stack) not in self._numbers:
            self._numbers[id(stack)] = len(self.stacks)
            self.stacks.append([self.frames.setdefault(frame, len(self.frames)) for frame in stack.frames])
            self._kept.append(stack)


def _list(name: str, entries: Iterable[Any]) -> Iterator[str]:
    yield f',\n"{name}": ['
    for number, entry in enumerate(entries):
        yield (",\n " if number else "\n ") + json.dumps(entry)
    yield "]"


def _milestones(recording: Recording) -> Iterator[dict[str, Any]]:
    reached = recording.reached
    for milestone in recording.milestones:
        yield {
            "name": milestone.name, "title": milestone.title, "required": milestone.required,
            "target": milestone.target, "reached": milestone.name in reached,
        }  # fmt: skip


def _thread(thread: Thread) -> dict[str, Any]:
    return {
        "number": thread.number, "tid": thread.tid or None, "name": thread.name, "label": thread.label,
        "created_by": thread.created_by, "start": _function(thread.start) if thread.start else None,
    }  # fmt: skip


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "function": _function(frame.function), "name": frame.name, "kind": frame.kind, "file": frame.file,
        "line": frame.line, "defined_in": frame.defined_in, "library": frame.library,
        "address": hex(frame.pc) if frame.pc else None, "call": frame.call.value, "instruction": frame.instruction,
        "elided": list(map(_defined, frame.elided)),
    }  # fmt: skip


def _stop(stop: Stop, stack: int) -> dict[str, Any]:
    return {
        "number": stop.number, "time": stop.time, "thread": stop.thread, "reason": stop.reason,
        "milestones": list(stop.milestones), "function": stop.function, "stack": stack, "count": stop.count,
        "arguments": [[list(argument) for argument in arguments] for arguments in stop.arguments],
        "ioctl": vars(stop.ioctl) if stop.ioctl else None,
        "starts": _defined(stop.starts) if stop.starts else None,
        "exit": stop.exit, "open_ended": stop.open_ended,
    }  # fmt: skip


def _ioctls(recording: Recording, tables: _Tables) -> Iterator[dict[str, Any]]:
    for entry, line in zip(recording.ioctl_log, ioctl_log(recording), strict=True):
        yield {
            "number": entry.number, "time": entry.time, "thread": entry.thread, "fd": entry.fd, "file": entry.file,
            "descriptor": line.descriptor, "request": line.request, "request_number": entry.request,
            "argument": line.argument, "result": line.result, "returned": entry.returned,
            "stack": tables.number(entry.stack), "kernel": list(line.kernel), "observed": line.observed,
            "events": list(map(_event, entry.kernel)),
        }  # fmt: skip


def _event(event: KernelEvent) -> dict[str, Any]:
    return {
        "time": event.time, "name": event.name, "text": event.text, "stack": list(event.stack),
        "count": event.count,
    }  # fmt: skip


def _function(function: Function) -> dict[str, str]:
    return {"name": function.name, "where": function.where}


def _defined(defined: DefinedFunction) -> dict[str, Any]:
    return {**_function(defined.function), "file": defined.file}
