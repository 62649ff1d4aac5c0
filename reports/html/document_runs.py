"""The runs in the page's document: command, outputs, facts and milestones of each recording."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from analyzer.graph.call_graph import CallGraph
from analyzer.model.recording import Recording
from analyzer.text import number_of, some_of
from gdbscripts.records import IMPORT, MilestoneRecord
from reports.html.document_builder import DocumentBuilder
from reports.html.document_graph import NONE
from reports.html.ioctls import kernel_note
from reports.html.translate import t
from reports.text.run_times import run_times_text

_NAMES_OF_GLOB = 5  # functions named of those that a glob of --break selected


def add_run(builder: DocumentBuilder, run: int, runs: int, recording: Recording) -> None:
    """Add a recording and its facts; `run` is its position among `runs` recordings."""
    builder.add(
        "runs", name=t("Run {number} of {runs}", number=run + 1, runs=runs) if runs > 1 else "",
        command=shlex.join(recording.header.command),
        serial_output=recording.outputs.get("serial", "").replace("\r\n", "\n"),
        qemu_messages=recording.outputs.get("stderr", ""),
        kernel_note=kernel_note(recording) if recording.ioctl_log else "",
        end=recording.end.reason if recording.end else "",
        times=run_times_text(recording.end),
        traced=recording.kernel is not None and recording.kernel.recorded,
    )  # fmt: skip
    for name, value in _facts_of_run(recording):
        builder.add("facts", run=run, name=name, value=value)


def add_facts(builder: DocumentBuilder, graph: CallGraph) -> None:
    """Add the facts that all runs have in common."""
    for name, value in _facts(graph):
        builder.add("facts", run=NONE, name=name, value=value)


def add_milestones(
    builder: DocumentBuilder, run: int, recording: Recording, stops: dict[tuple[int, int], int]
) -> None:
    """Add the milestones of a recording in their order, one row for all functions of a glob of --break.

    `stops` has the rows of stops by (run, number).
    """
    first: dict[str, tuple[float, str, int]] = {}
    for stop in recording.stops:
        for name in stop.milestones:
            first.setdefault(name, (stop.time, stop.function, stops.get((run, stop.number), NONE)))
    globs = dict.fromkeys(milestone.pattern for milestone in recording.milestones if milestone.pattern)
    for milestone in recording.milestones:
        if milestone.pattern:
            continue
        time, function, stop_row = first.get(milestone.name, (None, ", ".join(milestone.found), NONE))
        builder.add(
            "milestones", run=run, name=milestone.name, title=t(milestone.title),
            time=None if time is None else round(time, 6), function=milestone.request or function,
            required=milestone.required, passed=milestone.passed, stop=stop_row,
        )  # fmt: skip
    for pattern in globs:
        _add_glob(builder, run, pattern, [m for m in recording.milestones if m.pattern == pattern], first)


def _add_glob(
    builder: DocumentBuilder,
    run: int,
    pattern: str,
    milestones: Sequence[MilestoneRecord],
    first: dict[str, tuple[float, str, int]],
) -> None:
    """Add one row for all functions that a glob of --break selected: they may be hundreds.

    `first` has time, function and row of the first stop of each milestone that was reached.
    """
    hit = sorted(first[milestone.name] for milestone in milestones if milestone.name in first)
    title = t(
        "{hit} of {functions} that {pattern} matches",
        hit=len(hit),
        functions=number_of(len(milestones), "function"),
        pattern=pattern,
    )
    builder.add(
        "milestones", run=run, name="", title=title, time=round(hit[0][0], 6) if hit else None,
        function=some_of((function for _, function, _ in hit), _NAMES_OF_GLOB), required=False, passed=False,
        stop=hit[0][2] if hit else NONE,
    )  # fmt: skip


def _facts(graph: CallGraph) -> Iterator[tuple[str, str]]:
    provenance = graph.provenance
    if provenance.scenario == IMPORT:
        if "program" not in provenance.build:
            yield t("QEMU"), provenance.qemu_version or t("unknown")
        yield from ((name.capitalize(), str(value)) for name, value in provenance.build.items())
        yield t("Tool"), provenance.tool
        return
    yield t("QEMU"), provenance.qemu_version
    yield t("Build-id"), provenance.build_id
    yield t("Accelerator"), provenance.accelerator or t("unknown")
    yield t("Guest"), provenance.guest
    for name, value in provenance.build.items():
        yield t("Build: {name}", name=name), str(value)
    yield t("Tool"), provenance.tool


def _facts_of_run(recording: Recording) -> Iterator[tuple[str, str]]:
    header = recording.header
    if header.scenario == IMPORT:
        if header.host:
            yield t("Host"), header.host
        return
    if recording.accelerator is not None:
        yield (
            t("Accelerator"),
            t(
                "{name} (QEMU reports: {evidence})",
                name=recording.accelerator.name,
                evidence=recording.accelerator.evidence,
            ),
        )
    yield t("Exit"), _exit(recording)
    if times := run_times_text(recording.end):
        yield t("Run time"), times
    yield t("gdb"), header.gdb_version
    yield t("Host"), header.host
    if "seconds" in header.build:  # it differs between builds of the same source
        yield t("Build time"), t("{seconds} s", seconds=header.build["seconds"])
    if "log" in header.build:
        yield t("Build log"), str(header.build["log"])
    yield t("Recorded at"), header.created


def _exit(recording: Recording) -> str:
    if recording.exit is None:
        return t("did not exit")
    if recording.exit.status is None and not recording.exit.signal:
        return t("terminated by gdb")
    if recording.exit.signal:
        return t("killed by signal {signal}", signal=recording.exit.signal)
    return t("status {status}", status=recording.exit.status)
