"""Writes a recording in the Trace Event Format, which Perfetto, chrome://tracing and speedscope read.

The format: "Trace Event Format", a document of the Chromium project: `ts` and `dur` in microseconds; phases M
(names), X (an event with a duration), i (an instant).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from analyzer.kvm.exits import decode_exit
from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.model.frames import chain_text
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import call_arrow
from reports.export.samples import Sample, Steps, program_name, samples, shown
from reports.sanitize import truncate_middle
from reports.text.backtraces import heading_sentence

_LONGEST = 4000  # characters of a chain of calls: a viewer shows it in one field
_Event = dict[str, Any]


def to_trace_events(recording: Recording) -> Iterator[str]:
    """Yield the document in pieces, one event a line: names, stops, ioctls, exits and events of the kernel.

    A KVM_RUN whose exit was recorded lasts until the exit; all others are instants: their ends have no times.
    """
    process, threads = _identifiers(recording)
    yield '{"displayTimeUnit": "ns", "otherData": ' + json.dumps(_other_data(recording)) + ', "traceEvents": [\n'
    separator = ""
    for event in _events(recording, threads):
        yield separator + json.dumps({"pid": process, **event})
        separator = ",\n"
    yield "\n]}\n"


def _other_data(recording: Recording) -> dict[str, str]:
    header = recording.header
    return {
        "recorded by": shown(header.tool), "build-id": shown(header.build_id), "guest": shown(header.guest),
        "complete": str(recording.end is not None).lower(),
    }  # fmt: skip


def _identifiers(recording: Recording) -> tuple[int, dict[int, int]]:
    """Return the process id, and each thread's id: the kernel's when all are known, else its number."""
    known = all(thread.tid for thread in recording.threads)
    tids = [thread.tid for thread in recording.threads]
    unique = known and len(set(tids)) == len(tids)
    ids = {thread.number: thread.tid if unique else thread.number for thread in recording.threads}
    return ids.get(1, 1), ids


def _events(recording: Recording, threads: dict[int, int]) -> Iterator[_Event]:
    yield {"ph": "M", "name": "process_name", "tid": 0, "args": {"name": program_name(recording)}}
    for thread in recording.threads:
        name = {"name": shown(thread.label)}
        yield {"ph": "M", "name": "thread_name", "tid": threads[thread.number], "args": name}
    chains: dict[int, tuple[Steps, str]] = {}
    for sample in samples(recording):
        if id(sample.steps) not in chains:
            chains[id(sample.steps)] = (sample.steps, _calls(sample.steps))
        yield _stop(sample, chains[id(sample.steps)][1], recording, threads)
    yield from _ioctls(recording, threads)


def _calls(steps: Steps) -> str:
    calls = " ".join(f"{call_arrow(step.kind)} {step.function.name}" for step in steps)
    return truncate_middle(shown(calls), _LONGEST)


def _stop(sample: Sample, calls: str, recording: Recording, threads: dict[int, int]) -> _Event:
    stop = sample.stop
    milestones = {"milestones": [shown(name) for name in stop.milestones]} if stop.milestones else {}
    return {
        **_instant(_title(sample, recording), "stop", stop.time, threads[stop.thread]),
        "args": {
            "stop": stop.number, "reason": str(stop.reason), "function": shown(stop.function), "count": stop.count,
            "calls": calls, **milestones,
        },
    }  # fmt: skip


def _title(sample: Sample, recording: Recording) -> str:
    return truncate_middle(shown(heading_sentence(sample.stop, recording)), _LONGEST)


def _ioctls(recording: Recording, threads: dict[int, int]) -> Iterator[_Event]:
    exits = {exit_.ioctl: exit_ for exit_ in recording.exits}
    for entry, line in zip(recording.ioctl_log, ioctl_log(recording), strict=True):
        thread = threads[entry.thread]
        args: dict[str, Any] = {
            "ioctl": entry.number, "fd": entry.fd, "file": shown(entry.file), "argument": shown(line.argument),
            "result": shown(line.result),
            "calls": truncate_middle(shown(f"{chain_text(line.chain)} {line.kernel_calls}"), _LONGEST),
            "kernel functions": "observed" if line.observed else "documented",
        }  # fmt: skip
        exit_ = exits.get(entry.number)
        if exit_ is None:
            yield {**_instant(line.request, "ioctl", entry.time, thread), "args": args}
        else:
            decoded = decode_exit(exit_.run, exit_.data)
            args |= {"exit": exit_.number, "exit reason": decoded.reason}
            yield {
                "ph": "X", "name": line.request, "cat": "ioctl", "ts": _microseconds(entry.time), "tid": thread,
                "dur": round(max(exit_.time - entry.time, 0) * 1e6, 3), "args": args,
            }  # fmt: skip
        for event in entry.kernel:
            kernel = {"text": shown(event.text), "count": event.count, "stack": list(map(shown, event.stack))}
            yield {**_instant(shown(event.name), "kernel", event.time, thread), "args": kernel}


def _instant(name: str, category: str, time: float, thread: int) -> _Event:
    return {"ph": "i", "s": "t", "name": name, "cat": category, "ts": _microseconds(time), "tid": thread}


def _microseconds(seconds: float) -> float:
    return round(seconds * 1e6, 3)
