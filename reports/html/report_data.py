"""Collects the report page's data from a graph and the recordings that it was merged from."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from analyzer.graph.call_graph import Call, CallGraph, Provenance
from analyzer.kvm.requests import name_of
from analyzer.model.frames import Frame, Function, Stop
from analyzer.model.recording import Recording
from analyzer.text import number_of, some_of, visible
from gdbscripts.call_kinds import CALL_KINDS, CallKind, call_arrow
from gdbscripts.enums import RecordingOutcome, StopReason
from gdbscripts.records import ATTACHED, ATTACHED_IO, IMPORT, MilestoneRecord
from reports.html.io_timeline import exit_counts, io_access_rows
from reports.html.ioctls import descriptor_hierarchy, ioctl_log_rows, kernel_note
from reports.html.pointers import PointerStories
from reports.html.report_page import BacktraceText, IoctlRow, ReportPage, RunSection, ThreadRow, TimelineEntry
from reports.html.story import Samples, chapters, identity
from reports.text.backtraces import backtrace, heading, stops_about
from reports.text.pointers import slot_text
from reports.text.run_times import run_times_text

_BACKTRACE_LIMIT = 500  # backtraces shown of a recording
_NAMES_OF_GLOB = 5  # functions named of those that a glob of --break selected
_BACKTRACE_TEXT_LIMIT = 300_000  # characters of them; at least one is shown
_MOST_SITES_WITH_SOURCE = 500  # call sites that are shown with the lines around the call; of more, with its line


def build_page(
    graph: CallGraph, recordings: Sequence[Recording], svg: str, svg_missing: str = "", notes: Sequence[str] = ()
) -> ReportPage:
    """Return the report page's data; without recordings there are no arguments, sources or backtraces.

    `svg` is the drawing of the graph, "" with the reason in `svg_missing`. `notes` are sentences on what the
    inputs lack.
    """
    samples = Samples(recordings)
    pointers = PointerStories(graph, recordings)
    provenance = graph.provenance
    guest = f"a {provenance.accelerator.upper()} guest" if provenance.accelerator else "a guest"
    return ReportPage(
        title=_title(provenance, guest),
        summary=_summary(graph, recordings),
        complete=provenance.complete,
        problems=(*notes, *_problems(recordings), *_unexplained(pointers), *_shortened(graph)),
        facts=tuple(_facts(graph)),
        chapters=tuple(chapters(graph, samples, pointers)),
        svg=svg,
        svg_missing=svg_missing,
        function_details=_function_details(graph, samples),
        ioctls=() if recordings else tuple(_ioctls_of_graph(graph)),
        runs=tuple(_runs(recordings)),
        call_kinds=tuple(_call_kinds(graph)),
        imported=provenance.scenario == IMPORT,
    )


def _title(provenance: Provenance, guest: str) -> str:
    if provenance.scenario == IMPORT:
        program = f"QEMU {provenance.qemu_version}" if provenance.qemu_version else provenance.build.get("program")
        of_program = f"{program}, " if program else ""
        return f"Backtraces of {of_program}{provenance.build.get('imported from', 'several texts')}"
    if provenance.scenario == ATTACHED:
        return f"How QEMU {provenance.qemu_version}, already running, runs {guest}"
    if provenance.scenario == ATTACHED_IO:
        return f"How QEMU {provenance.qemu_version}, already running, serves the I/O of {guest}"
    if provenance.scenario == "io":
        return f"How QEMU {provenance.qemu_version} serves the I/O of {guest}"
    return f"How QEMU {provenance.qemu_version} starts {guest}"


def _summary(graph: CallGraph, recordings: Sequence[Recording]) -> str:
    counts = f"{len(graph.nodes)} functions, {len(graph.calls)} calls"
    if graph.provenance.scenario == IMPORT:
        return f"{counts}. A backtrace does not show which of them are calls through a pointer."
    indirect = sum(1 for call in graph.calls if call.kind is CallKind.INDIRECT)
    ends = dict.fromkeys(recording.end.reason for recording in recordings if recording.end)
    reasons = (reason[:1].upper() + reason[1:] for reason in ends if reason)
    return ". ".join([f"{counts}, {indirect} of them through a pointer", *reasons]) + "."


def _runs(recordings: Sequence[Recording]) -> Iterator[RunSection]:
    for number, recording in enumerate(recordings, 1):
        stops = _shown_stops(recording)
        backtraces = _backtraces(stops, recording)
        yield RunSection(
            name=f"Run {number} of {len(recordings)}" if len(recordings) > 1 else "",
            facts=tuple(_facts_of_run(recording)),
            command=shlex.join(recording.header.command),
            serial_output=visible(recording.outputs.get("serial", "").replace("\r\n", "\n")),
            qemu_messages=visible(recording.outputs.get("stderr", "")),
            timeline=tuple(_timeline(recording)),
            threads=tuple(_threads(recording)),
            ioctls=() if recording.ioctl_log else tuple(_ioctls(recording)),
            descriptors=tuple(descriptor_hierarchy(recording)),
            ioctl_log=tuple(ioctl_log_rows(recording)),
            kernel_note=kernel_note(recording) if recording.ioctl_log else "",
            request_counts=tuple(Counter(name_of(entry.request) for entry in recording.ioctl_log).most_common()),
            backtraces=backtraces,
            omitted_backtraces=len(stops) - len(backtraces),
            io_accesses=tuple(io_access_rows(recording)) if recording.exits else (),
            exit_counts=exit_counts(recording),
        )


def _problems(recordings: Sequence[Recording]) -> Iterator[str]:
    for number, recording in enumerate(recordings, 1):
        run = f"Run {number}: " if len(recordings) > 1 else ""
        yield from (run + problem for problem in _problems_of(recording))


def _problems_of(recording: Recording) -> Iterator[str]:
    if recording.end is None:
        yield "Incomplete recording: the end record is missing. The report shows what was recorded before."
    elif recording.end.outcome is RecordingOutcome.INTERRUPTED:
        yield "Incomplete recording: it was interrupted. The report shows what was recorded before."
    for milestone in recording.not_reached:
        if milestone.found:
            yield f"Never reached: {milestone.title} ({milestone.request or ', '.join(milestone.found)})."
        else:
            yield f"Not in this program: {milestone.title} (none of {', '.join(milestone.missing)})."
    yield from recording.notes


def _unexplained(pointers: PointerStories) -> Iterator[str]:
    for caller, callee, slot in pointers.unexplained:
        yield f"The origin of the pointer from {caller} to {callee} is {slot.outcome}: {slot.reason}."


def _shortened(graph: CallGraph) -> Iterator[str]:
    for title in graph.shortened:
        yield f"{title}: the graph has the shortest chains to it only. All functions and calls are in the graph."


def _facts(graph: CallGraph) -> Iterator[tuple[str, str]]:
    provenance = graph.provenance
    if provenance.scenario == IMPORT:
        if "program" not in provenance.build:
            yield "QEMU", provenance.qemu_version or "unknown"
        yield from ((name.capitalize(), str(value)) for name, value in provenance.build.items())
        yield "Tool", provenance.tool
        return
    yield "QEMU", provenance.qemu_version
    yield "Build-id", provenance.build_id
    yield "Accelerator", provenance.accelerator or "unknown"
    yield "Guest", provenance.guest
    for name, value in provenance.build.items():
        yield f"Build: {name}", str(value)
    yield "Tool", provenance.tool


def _facts_of_run(recording: Recording) -> Iterator[tuple[str, str]]:
    header = recording.header
    if header.scenario == IMPORT:
        if header.host:
            yield "Host", header.host
        return
    if recording.accelerator is not None:
        yield "Accelerator", f"{recording.accelerator.name} (QEMU reports: {recording.accelerator.evidence})"
    yield "Exit", _exit(recording)
    if times := run_times_text(recording.end):
        yield "Run time", times
    yield "gdb", header.gdb_version
    yield "Host", header.host
    if "seconds" in header.build:  # it differs between builds of the same source
        yield "Build time", f"{header.build['seconds']} s"
    if "log" in header.build:
        yield "Build log", str(header.build["log"])
    yield "Recorded at", header.created


def _exit(recording: Recording) -> str:
    if recording.exit is None:
        return "did not exit"
    if recording.exit.status is None and not recording.exit.signal:
        return "terminated by gdb"
    if recording.exit.signal:
        return f"killed by signal {recording.exit.signal}"
    return f"status {recording.exit.status}"


def _timeline(recording: Recording) -> Iterator[TimelineEntry]:
    first: dict[str, tuple[float, str]] = {}
    for stop in recording.stops:
        for name in stop.milestones:
            first.setdefault(name, (stop.time, stop.function))
    globs = dict.fromkeys(milestone.pattern for milestone in recording.milestones if milestone.pattern)
    for milestone in recording.milestones:
        if milestone.pattern:
            continue
        time, function = first.get(milestone.name, (None, ", ".join(milestone.found)))
        when = "" if time is None else f"{time:.3f} s"
        yield TimelineEntry(
            milestone.title, milestone.name, when, milestone.request or function, milestone.required,
            milestone.passed,
        )  # fmt: skip

    for pattern in globs:
        yield _row_of_glob(pattern, [m for m in recording.milestones if m.pattern == pattern], first)


def _row_of_glob(
    pattern: str, milestones: Sequence[MilestoneRecord], first: dict[str, tuple[float, str]]
) -> TimelineEntry:
    """Return one row for all functions that a glob of --break selected: they may be hundreds.

    `first` has time and function of the first stop of each milestone that was reached.
    """
    hit = sorted(first[milestone.name] for milestone in milestones if milestone.name in first)
    names = some_of((function for _, function in hit), _NAMES_OF_GLOB)
    title = f"{len(hit)} of {number_of(len(milestones), 'function')} that {pattern} matches"
    return TimelineEntry(title, pattern, f"{hit[0][0]:.3f} s" if hit else "", names, required=False)


def _function_details(graph: CallGraph, samples: Samples) -> dict[str, Any]:
    """Return what the panel beside the graph shows, by identity; `id` is the node's id in the SVG."""
    details = {}
    around = 2 if sum(len(call.sites) for call in graph.calls) <= _MOST_SITES_WITH_SOURCE else 0
    for number, node in enumerate(graph.nodes):
        details[identity(node.function)] = {
            "id": f"f{number}",
            "name": node.function.name,
            "file": node.file or node.function.where,
            "threads": list(node.threads),
            "milestones": list(node.milestones),
            "frames": node.frames,
            "arguments": samples.arguments.get(node.function, []),
            "callers": [_neighbour(c.caller, c, ()) for c in graph.callers(node.function)],
            "callees": [
                _neighbour(c.callee, c, [
                    {"place": f"{s.file}:{s.line}", "instruction": s.instruction,
                     "source": [vars(line) for line in samples.source(s.file, s.line, around)]}
                    for s in c.sites
                ])
                for c in graph.callees(node.function)
            ],
        }  # fmt: skip
    return details


def _neighbour(function: Function, call: Call, sites: Sequence[Any]) -> dict[str, Any]:
    slots = dict.fromkeys(slot_text(slot) for slot in call.pointers)
    sentence = CALL_KINDS[call.kind].sentence + (f", {', '.join(slots)}" if slots else "")
    return {
        "identity": identity(function), "name": function.name, "kind": call.kind.value,
        "arrow": call_arrow(call.kind),
        "sentence": sentence, "hits": call.hits, "sites": list(sites),
    }  # fmt: skip


def _threads(recording: Recording) -> Iterator[ThreadRow]:
    stops = Counter(stop.thread for stop in recording.stops)
    creators = {stop.number: stop for stop in recording.stops if stop.reason is StopReason.THREAD_CREATE}
    for thread in sorted(recording.threads, key=lambda t: t.number):
        creation = creators.pop(thread.created_by, None) if thread.created_by is not None else None
        creator = _creator(creation.frames[1:]) if creation else ""
        start = thread.start.name if thread.start else "main" if thread.number == 1 else "not recorded"
        imported = recording.header.scenario == IMPORT
        label = thread.label if imported else f"{thread.label} (gdb thread {thread.number})"
        attached = recording.header.scenario in (ATTACHED, ATTACHED_IO)
        unknown = "unknown" if (imported or attached) and thread.number != 1 else "the operating system"
        yield ThreadRow(label, start, creator or unknown, stops[thread.number])
    for creation in creators.values():
        start = creation.starts.function.name if creation.starts else "??"
        yield ThreadRow("no backtrace", start, _creator(creation.frames[1:]), 0)


def _creator(frames: Sequence[Frame]) -> str:
    return " ← ".join(frame.function.name for frame in frames[:3])


def _ioctls_of_graph(graph: CallGraph) -> Iterator[IoctlRow]:
    for call in graph.ioctls:
        yield IoctlRow(call.request, "", call.file, call.thread, call.returns, call.function.name)


def _ioctls(recording: Recording) -> Iterator[IoctlRow]:
    for stop in recording.stops:
        if stop.ioctl is not None:
            caller = stop.frames[1].function.name if len(stop.frames) > 1 else ""
            returned = "" if stop.ioctl.returned is None else str(stop.ioctl.returned)
            label = recording.thread(stop.thread).label
            fd = str(stop.ioctl.fd) if stop.ioctl.fd >= 0 else ""
            yield IoctlRow(stop.ioctl.request, fd, stop.ioctl.file, label, returned, caller)


def _shown_stops(recording: Recording) -> list[Stop]:
    """Return the stops with distinct stacks; of the guest's I/O also those of equal functions and lines once."""
    chains = set()
    shown = []
    for stop in stops_about(recording):
        chain = tuple((frame.function, frame.line) for frame in stop.frames)
        if stop.reason is not StopReason.IO or chain not in chains:
            shown.append(stop)
        chains.add(chain)
    return shown


def _backtraces(stops: Sequence[Stop], recording: Recording) -> tuple[BacktraceText, ...]:
    """Return the first backtraces, within the limits of their number and text."""
    texts: list[BacktraceText] = []
    length = 0
    for stop in stops[:_BACKTRACE_LIMIT]:
        text = backtrace(stop, recording)
        length += len(text)
        if texts and length > _BACKTRACE_TEXT_LIMIT:
            break
        texts.append(BacktraceText(heading(stop, recording).removeprefix("== "), text))
    return tuple(texts)


def _call_kinds(graph: CallGraph) -> Iterator[tuple[str, str, str, int]]:
    for kind in CallKind:
        count = sum(call.kind is kind for call in graph.calls)
        if count:
            yield kind.value, call_arrow(kind), CALL_KINDS[kind].sentence, count
