"""What a recording or a graph contains, in tables: the data of `analyze summary`, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.graph.call_graph import CallGraph, Chain, Provenance
from analyzer.kvm.number_names import exit_reason
from analyzer.kvm.requests import descriptor_class, name_of
from analyzer.model.recording import Recording
from analyzer.text import number_of
from gdbscripts.call_kinds import CALL_KINDS
from gdbscripts.enums import PointerOutcome
from reports.json.document import document
from reports.text.pointers import pointer_calls_of_graph
from reports.text.run_times import run_times_text

# History of the format:
# 1  first
SCHEMA = 1
Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A table of a summary: its title, the names of its columns, its rows. An empty table is not shown."""

    name: str  # in JSON
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Summary:
    """What an input contains. `facts` are pairs of a name and a value; `notes` are sentences for the reader."""

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def summarize(graph: CallGraph, recording: Recording | None) -> Summary:
    """Return the summary of a graph and of the recording that it was made of; None for a stored graph.

    Without a recording the tables of threads and exits are empty, and times and counts are unknown.
    """
    provenance = graph.provenance
    tables = [_milestones(graph, recording), _kinds(graph), _ioctls(graph, recording)]
    if recording is not None:
        tables += [_threads(recording), _exits(recording)]
    return Summary(
        title=f"QEMU {provenance.qemu_version}" if provenance.qemu_version else provenance.scenario,
        facts=tuple((name, value) for name, value in _facts(graph, recording) if value),
        tables=tuple(table for table in tables if table.rows),
        notes=recording.notes if recording else (),
    )


def summary_json(summary: Summary, provenance: Provenance) -> str:
    """Return the summary as a JSON document with a line end: `facts`, `notes`; each table is a list of objects."""
    tables = {
        table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in summary.tables
    }
    return document(
        "summary", SCHEMA, provenance=vars(provenance), title=summary.title, facts=dict(summary.facts),
        notes=list(summary.notes), tables=tables,
    )  # fmt: skip


def _facts(graph: CallGraph, recording: Recording | None) -> Iterable[tuple[str, str]]:
    provenance = graph.provenance
    yield "scenario", provenance.scenario
    yield "accelerator", provenance.accelerator
    yield "machine", provenance.machine
    yield "guest", provenance.guest
    yield "arguments", provenance.arguments
    yield "build-id", provenance.build_id
    if recording is not None:
        yield "recorded", recording.header.created
        yield "host", recording.header.host
        yield "gdb", recording.header.gdb_version
        yield "outcome", f"{recording.end.outcome}" if recording.end else "cut short"
        yield "run time", run_times_text(recording.end)
        stops = sum(stop.count for stop in recording.stops)
        distinct = len({id(stop.stack) for stop in recording.stops})
        yield "stacks", f"{number_of(stops, 'stack')}, {distinct} distinct"
    yield "graph", f"{number_of(len(graph.nodes), 'function')}, {number_of(graph.size, 'call')}"
    outcomes = Counter(call.pointer.outcome for call in pointer_calls_of_graph(graph))
    if outcomes:
        yield "pointers", f"{outcomes[PointerOutcome.EXPLAINED]} of {outcomes.total()} explained"
    missing = [entry.title for entry in graph.missing]
    yield "not reached", "; ".join(missing)


def _milestones(graph: CallGraph, recording: Recording | None) -> Table:
    """The milestones in their order, with the time of the first stop, and the length of the first chain to it."""
    first: dict[str, tuple[float, str]] = {}  # milestone -> time and thread of the first stop at it
    for stop in recording.stops if recording else ():
        for name in stop.milestones:
            first.setdefault(name, (stop.time, recording.thread(stop.thread).label if recording else ""))
    chains: dict[str, Chain] = {}
    for chain in graph.chains:
        if chain.milestone not in first or first[chain.milestone][1] == chain.thread:
            chains.setdefault(chain.milestone, chain)
    rows = tuple(
        (
            first[name][0] if name in first else None,
            chain.title, chain.thread, chain.steps[-1].function.name, len(chain.steps),
        )
        for name, chain in chains.items()
    )  # fmt: skip
    return Table("milestones", "Chains", ("time", "milestone", "thread", "function", "length"), rows)


def _kinds(graph: CallGraph) -> Table:
    counts: Counter[object] = Counter(call.kind for call in graph.calls)
    hits: Counter[object] = Counter()
    for call in graph.calls:
        hits[call.kind] += call.hits
    rows = tuple((text.label, counts[kind], hits[kind]) for kind, text in CALL_KINDS.items() if counts[kind])
    return Table("kinds", "Kinds of calls", ("kind", "calls", "hits"), rows)


def _threads(recording: Recording) -> Table:
    stops: Counter[int] = Counter()
    for stop in recording.stops:
        stops[stop.thread] += stop.count
    ioctls = Counter(entry.thread for entry in recording.ioctl_log)
    rows = tuple((it.label, it.tid or None, stops[it.number], ioctls[it.number]) for it in recording.threads)
    return Table("threads", "Threads", ("thread", "tid", "stacks", "ioctls"), rows)


def _ioctls(graph: CallGraph, recording: Recording | None) -> Table:
    """The requests, most frequent first; of a graph each distinct ioctl counts once."""
    if recording is not None and recording.ioctl_log:
        made = Counter((descriptor_class(entry.file), name_of(entry.request)) for entry in recording.ioctl_log)
    else:
        made = Counter((descriptor_class(entry.file), entry.request) for entry in graph.ioctls)
    rows = tuple((descriptor, request, count) for (descriptor, request), count in made.most_common())
    return Table("ioctls", "Ioctls", ("descriptor", "request", "count"), rows)


def _exits(recording: Recording) -> Table:
    most_first = sorted(recording.exit_counts.items(), key=lambda item: -item[1])
    rows = tuple((exit_reason(reason), count) for reason, count in most_first)
    return Table("exits", "Exits of KVM_RUN", ("reason", "count"), rows)
