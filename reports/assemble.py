"""Gathers the report's data from a graph and the recordings behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from analyzer.graph.callgraph import CallGraph
from analyzer.model import Frame, Function, Kind, Recording
from analyzer.show import backtrace, heading
from reports.page import Moment, Page, Rung, ThreadRow, Trace
from reports.story import KIND_WORDS, Samples, chapters, identity


def build_page(graph: CallGraph, recordings: Sequence[Recording], svg: str, svg_missing: str = "") -> Page:
    """The report's data. Without recordings (a graph alone) there are no arguments, sources or backtraces."""
    first = recordings[0] if recordings else None
    samples = Samples(recordings)
    provenance = graph.provenance
    accelerator = provenance.accelerator.upper() or "an unknown accelerator"
    return Page(
        title=f"How QEMU {provenance.qemu_version} starts a {accelerator} guest",
        verdict=_verdict(graph, first),
        complete=provenance.complete,
        problems=tuple(_problems(recordings)),
        facts=tuple(_facts(graph, first)),
        command=_command(first),
        serial=first.outputs.get("serial", "").replace("\r\n", "\n") if first else "",
        messages=first.outputs.get("stderr", "") if first else "",
        timeline=tuple(_timeline(first)) if first else (),
        chapters=tuple(chapters(graph, samples)),
        svg=svg,
        svg_missing=svg_missing,
        details=_details(graph, samples),
        threads=tuple(_threads(recordings)),
        rungs=tuple(_rungs(graph, first)),
        traces=tuple(_traces(recordings)),
        kinds=tuple(_kinds(graph)),
    )


def _verdict(graph: CallGraph, recording: Recording | None) -> str:
    pointers = sum(1 for call in graph.calls if call.kind is Kind.INDIRECT)
    seen = f"{len(graph.nodes)} functions, {len(graph.calls)} calls, {pointers} of them through a pointer"
    if recording is None or recording.end is None:
        return f"{seen}."
    return f"{seen}. {recording.end.reason[:1].upper()}{recording.end.reason[1:]}."


def _problems(recordings: Sequence[Recording]) -> Iterator[str]:
    for recording in recordings:
        if recording.end is None:
            yield "This recording was cut short: it has no end. What follows is what was recorded until then."
        elif recording.end.outcome == "interrupted":
            yield "This recording was interrupted. What follows is what was recorded until then."
        for milestone in recording.not_reached:
            if milestone.found:
                yield f"Never reached: {milestone.title} ({', '.join(milestone.found)})."
            else:
                yield f"Not in this program: {milestone.title} (none of {', '.join(milestone.missing)})."
        yield from recording.notes


def _facts(graph: CallGraph, recording: Recording | None) -> Iterator[tuple[str, str]]:
    provenance = graph.provenance
    yield "QEMU", provenance.qemu_version
    yield "Build-id", provenance.build_id or "none"
    yield "Accelerator", _accelerator(graph, recording)
    yield "Guest", provenance.guest
    if recording is not None:
        yield "Exit", _exit(recording)
        yield "gdb", recording.header.gdb_version
        yield "Host", recording.header.host
        yield "Recorded", recording.header.created
    for name, value in provenance.build.items():
        yield f"Build: {name}", str(value)
    yield "Made by", provenance.tool


def _accelerator(graph: CallGraph, recording: Recording | None) -> str:
    if recording is not None and recording.accelerator is not None:
        return f"{recording.accelerator.name} (QEMU says: {recording.accelerator.evidence})"
    return graph.provenance.accelerator or "unknown"


def _exit(recording: Recording) -> str:
    if recording.exit is None:
        return "did not end by itself"
    if recording.exit.signal:
        return f"killed by signal {recording.exit.signal}"
    return f"status {recording.exit.status}"


def _command(recording: Recording | None) -> str:
    return " ".join(recording.header.command) if recording else ""


def _timeline(recording: Recording) -> Iterator[Moment]:
    first: dict[str, tuple[float, str]] = {}
    for stop in recording.stops:
        for name in stop.milestones:
            first.setdefault(name, (stop.time, stop.function))
    for milestone in recording.milestones:
        time, function = first.get(milestone.name, (None, ", ".join(milestone.found)))
        when = "" if time is None else f"{time:.3f} s"
        yield Moment(milestone.title, milestone.name, when, milestone.request or function, milestone.required)


def _details(graph: CallGraph, samples: Samples) -> dict[str, Any]:
    """What the panel beside the graph shows, by identity; `id` is the node's id in the SVG."""
    details = {}
    for number, node in enumerate(graph.nodes):
        details[identity(node.function)] = {
            "id": f"f{number}",
            "name": node.function.name,
            "file": node.file or node.function.where,
            "threads": list(node.threads),
            "milestones": list(node.milestones),
            "frames": node.frames,
            "arguments": samples.arguments.get(node.function, []),
            "callers": [_neighbour(c.caller, c.kind, c.hits, ()) for c in graph.callers(node.function)],
            "callees": [
                _neighbour(c.callee, c.kind, c.hits, [
                    {"place": f"{s.file}:{s.line}", "instruction": s.instruction,
                     "source": [vars(line) for line in samples.source(s.file, s.line)]}
                    for s in c.sites
                ])
                for c in graph.callees(node.function)
            ],
        }  # fmt: skip
    return details


def _neighbour(function: Function, kind: Kind, hits: int, sites: Sequence[Any]) -> dict[str, Any]:
    return {
        "identity": identity(function), "name": function.name, "kind": kind.value,
        "words": KIND_WORDS[kind], "hits": hits, "sites": list(sites),
    }  # fmt: skip


def _threads(recordings: Sequence[Recording]) -> Iterator[ThreadRow]:
    for recording in recordings[:1]:
        stops = Counter(stop.thread for stop in recording.stops)
        creators = {stop.number: stop for stop in recording.stops if stop.reason == "thread-create"}
        for thread in sorted(recording.threads, key=lambda t: t.number):
            creation = creators.pop(thread.created_by, None) if thread.created_by is not None else None
            creator = _creator(creation.frames[1:]) if creation else ""
            start = thread.start.name if thread.start else "main" if thread.number == 1 else "not recorded"
            yield ThreadRow(f"{thread.label} (gdb's {thread.number})", start, creator, stops[thread.number])
        for creation in creators.values():
            start = creation.starts.name if creation.starts else "??"
            yield ThreadRow("not stopped in", start, _creator(creation.frames[1:]), 0)


def _creator(frames: Sequence[Frame]) -> str:
    return " ← ".join(frame.function.name for frame in frames[:3])


def _rungs(graph: CallGraph, recording: Recording | None) -> Iterator[Rung]:
    if recording is None:
        for call in graph.ioctls:
            yield Rung(call.request, "", call.file, call.thread, call.returns, call.function.name)
        return
    for stop in recording.stops:
        if stop.ioctl is not None:
            caller = stop.frames[1].function.name if len(stop.frames) > 1 else ""
            returned = "" if stop.ioctl.returned is None else str(stop.ioctl.returned)
            label = recording.thread(stop.thread).label
            yield Rung(stop.ioctl.request, str(stop.ioctl.fd), stop.ioctl.file, label, returned, caller)


def _traces(recordings: Sequence[Recording]) -> Iterator[Trace]:
    for recording in recordings:
        for stop in recording.stops:
            yield Trace(heading(stop, recording).removeprefix("== "), backtrace(stop, recording))


def _kinds(graph: CallGraph) -> Iterator[tuple[str, str, int]]:
    for kind in Kind:
        count = sum(call.kind is kind for call in graph.calls)
        if count:
            yield kind.value, KIND_WORDS[kind], count
