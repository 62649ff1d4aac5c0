"""Merges recordings of one build into one call graph; the order of the inputs does not matter. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TypeVar

from analyzer.errors import AnalyzerError
from analyzer.graph.call_graph import Call, CallGraph, CallSite, GraphIoctl, GraphPointer, Node, Provenance
from analyzer.graph.chains import RecordedStep, graph_pointer, kernel_steps, own_chain
from analyzer.graph.milestone_chains import chains_of, missed_milestones, sort_chains
from analyzer.graph.qemu_arguments import arguments_of, machine_of
from analyzer.kvm.requests import name_of
from analyzer.model.frames import Function, Stop, each_distinct_stop
from analyzer.model.headings import MAIN_THREAD
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import RecordingOutcome, StopReason

# stops that reach no milestone
_REASONS_WITHOUT_MILESTONES = (
    StopReason.THREAD_CREATE,
    StopReason.WHERE,
    StopReason.ATTACH,
    StopReason.SIGNAL,
    StopReason.STORE,
)
_POOL_SPAWN_FUNCTION = "do_spawn_thread"  # of util/thread-pool.c in QEMU: creates the threads of the pool


def thread_pool_starts(recording: Recording) -> frozenset[int]:
    """Return the numbers of the stops at which QEMU's thread pool creates a thread, to leave them out of a graph.

    Which thread of the pool creates the next one is a race: with these stops, two recordings of one program would
    give different graphs. A stop stays in the graph when its thread, or a thread created by that, reaches a
    milestone.
    """
    pool_starts = {stop.number for stop in recording.stops if _is_thread_pool_start(stop)}
    if not pool_starts:
        return frozenset()
    threads = {stop.thread for stop in recording.stops if stop.reason not in _REASONS_WITHOUT_MILESTONES}
    needed = {creation.number for thread in threads for creation in _creation_stops(thread, recording)}
    return frozenset(pool_starts - needed)


def _is_thread_pool_start(stop: Stop) -> bool:
    return stop.reason is StopReason.THREAD_CREATE and any(
        frame.function.name == _POOL_SPAWN_FUNCTION for frame in stop.frames
    )


def _creation_stops(thread: int, recording: Recording) -> Iterator[Stop]:
    """Yield the stop that created thread `thread`, the stop that created the creating thread, and so on."""
    seen = {thread}
    creation = recording.creation(recording.thread(thread))
    while creation is not None and creation.thread not in seen:
        yield creation
        seen.add(creation.thread)
        creation = recording.creation(recording.thread(creation.thread))


_HOST_SPECIFIC_KEYS = ("seconds", "log")  # of the build provenance: they differ between two builds of one source
# the last position of each thread, and the stores of pointers
_REASONS_OUTSIDE_GRAPHS = (StopReason.WHERE, StopReason.SIGNAL, StopReason.STORE)
_Edge = tuple[Function, Function, CallKind]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def merge(recordings: Sequence[Recording]) -> CallGraph:
    """Return one graph of all stacks of the recordings.

    Raises AnalyzerError when there is no recording, or when the recordings are of different builds.
    """
    return combine([graph_of(recording) for recording in recordings])


def graph_of(recording: Recording) -> CallGraph:
    """Return the call graph of one recording: its calls, chains, missed milestones and ioctls."""
    counts, pool_starts = _GraphCounts(), thread_pool_starts(recording)

    def merged(stop: Stop) -> bool:
        return stop.reason not in _REASONS_OUTSIDE_GRAPHS and stop.number not in pool_starts

    for stop in each_distinct_stop(recording.stops, wanted=merged):
        counts.add(stop, recording)
    graph = CallGraph(provenance_of(recording))
    counts.fill(graph)
    chains, shortened = chains_of(recording)
    graph.chains, graph.shortened = tuple(chains), tuple(shortened)
    graph.missing = tuple(missed_milestones(recording))
    graph.ioctls = tuple(_ioctls(recording))
    return graph


def combine(graphs: Sequence[CallGraph]) -> CallGraph:
    """Return one graph with the functions, calls, chains and ioctls of all `graphs`; counts are added.

    Raises AnalyzerError when there is no graph, or when the graphs are of different builds.
    """
    _check_same_build(graphs)
    if len(graphs) == 1:
        return graphs[0]
    combined = CallGraph(_common_provenance([graph.provenance for graph in graphs]))
    for nodes in _group((node.function, node) for graph in graphs for node in graph.nodes):
        combined.put(_add_nodes(nodes))
    for calls in _group(((c.caller, c.callee, c.kind), c) for graph in graphs for c in graph.calls):
        sites = {site for call in calls for site in call.sites}
        pointers = {pointer for call in calls for pointer in call.pointers}
        combined.connect(
            replace(
                calls[0],
                hits=sum(call.hits for call in calls),
                sites=tuple(sorted(sites)),
                pointers=tuple(sorted(pointers)),
            )
        )
    combined.chains = tuple(sort_chains({chain for graph in graphs for chain in graph.chains}))
    combined.shortened = tuple(sorted({title for graph in graphs for title in graph.shortened}))
    reached = {chain.milestone for chain in combined.chains}
    missing = {entry.milestone: entry for graph in graphs for entry in graph.missing}
    combined.missing = tuple(missing[name] for name in missing if name not in reached)
    # The order of the graph with most ioctls counts; the text decides between graphs with equally many.
    longest_first = sorted((graph.ioctls for graph in graphs), key=lambda calls: (-len(calls), repr(calls)))
    combined.ioctls = tuple(dict.fromkeys(call for calls in longest_first for call in calls))
    return combined


@dataclass
class _GraphCounts:
    """Counts the functions and calls of stacks; `fill` puts them into a graph."""

    frames: Counter[Function] = field(default_factory=Counter)
    outermost: Counter[Function] = field(default_factory=Counter)
    innermost: Counter[Function] = field(default_factory=Counter)
    open_ended: Counter[Function] = field(default_factory=Counter)
    hits: Counter[_Edge] = field(default_factory=Counter)
    sites: dict[_Edge, set[CallSite]] = field(default_factory=lambda: defaultdict(set))
    pointers: dict[_Edge, set[GraphPointer]] = field(default_factory=lambda: defaultdict(set))
    files: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    threads: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    milestones: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, stop: Stop, recording: Recording) -> None:
        """Count the functions and calls of a stop's own stack, and of the kernel's stack of its ioctl."""
        steps = own_chain(stop, recording)
        if not steps:
            return
        label = recording.thread(stop.thread).label
        (self.open_ended if stop.open_ended else self.outermost)[steps[0].function] += stop.count
        self.milestones[steps[-1].function].update(stop.milestones)
        steps += kernel_steps(stop, recording)
        self.innermost[steps[-1].function] += stop.count
        for step in steps:
            self.frames[step.function] += stop.count
            self.threads[step.function].add(label)
            if step.defined_in:
                self.files[step.function].add(step.defined_in)
        for caller, callee in pairwise(steps):
            self._add_call(
                caller, callee.function, callee.kind or CallKind.UNKNOWN, callee.instruction, stop.count
            )
            if callee.pointer is not None:
                self.pointers[caller.function, callee.function, CallKind.INDIRECT].add(
                    graph_pointer(callee.pointer)
                )
        if stop.starts is not None and len(steps) > 1:
            self._add_call(steps[-2], stop.starts.function, CallKind.THREAD_START, steps[-1].instruction)
            if stop.starts.file:
                self.files[stop.starts.function].add(stop.starts.file)

    def _add_call(
        self, caller: RecordedStep, callee: Function, kind: CallKind, instruction: str, count: int = 1
    ) -> None:
        edge = (caller.function, callee, kind)
        self.hits[edge] += count
        if caller.file and caller.frame is not None and not caller.frame.library:
            self.sites[edge].add(CallSite(caller.file, caller.line, instruction))

    def fill(self, graph: CallGraph) -> None:
        """Add all counted functions and calls to `graph`."""
        functions = set(self.frames) | {callee for _, callee, _ in self.hits}
        for function in sorted(functions):
            graph.put(
                Node(
                    function=function,
                    file=min(self.files[function], default=""),
                    frames=self.frames[function],
                    outermost=self.outermost[function],
                    innermost=self.innermost[function],
                    threads=tuple(sorted(self.threads[function])),
                    milestones=tuple(sorted(self.milestones[function])),
                    open_ended=self.open_ended[function],
                )
            )
        for edge in sorted(self.hits):
            sites, pointers = tuple(sorted(self.sites[edge])), tuple(sorted(self.pointers[edge]))
            graph.connect(Call(*edge, hits=self.hits[edge], sites=sites, pointers=pointers))


def _check_same_build(graphs: Sequence[CallGraph]) -> None:
    if not graphs:
        raise AnalyzerError("There is nothing to merge.", "Name at least one recording.")
    builds = sorted({graph.provenance.build_id for graph in graphs})
    if len(builds) > 1:
        raise AnalyzerError(
            f"These are of different builds: build-ids {' and '.join(build or '(none)' for build in builds)}.",
            "Make one graph of each build.",
        )


def _group(items: Iterable[tuple[_Key, _Value]]) -> Iterable[list[_Value]]:
    groups: dict[_Key, list[_Value]] = {}
    for key, value in items:
        groups.setdefault(key, []).append(value)
    return groups.values()


def _add_nodes(nodes: Sequence[Node]) -> Node:
    return Node(
        function=nodes[0].function,
        file=min((node.file for node in nodes if node.file), default=""),
        frames=sum(node.frames for node in nodes),
        outermost=sum(node.outermost for node in nodes),
        innermost=sum(node.innermost for node in nodes),
        threads=tuple(sorted({thread for node in nodes for thread in node.threads})),
        milestones=tuple(sorted({milestone for node in nodes for milestone in node.milestones})),
        open_ended=sum(node.open_ended for node in nodes),
    )


def provenance_of(recording: Recording) -> Provenance:
    """Return where the graph of a recording comes from."""
    header = recording.header
    return Provenance(
        tool=header.tool,
        scenario=header.scenario,
        qemu_version=header.qemu_version,
        build_id=header.build_id,
        accelerator=recording.accelerator.name if recording.accelerator else "",
        guest=PurePosixPath(header.guest).name,
        complete=recording.end is not None and recording.end.outcome is RecordingOutcome.COMPLETE,
        machine=machine_of(header.command),
        arguments=arguments_of(header.qemu_arguments),
        build={name: value for name, value in header.build.items() if name not in _HOST_SPECIFIC_KEYS},
    )


def _common_provenance(parts: Sequence[Provenance]) -> Provenance:
    def joined(name: str, between: str = ", ") -> str:
        values = {value for part in parts for value in str(getattr(part, name)).split(between) if value}
        return between.join(sorted(values))

    return Provenance(
        tool=max(part.tool for part in parts),
        scenario=joined("scenario"),
        qemu_version=joined("qemu_version"),
        build_id=parts[0].build_id,
        accelerator=joined("accelerator"),
        guest=joined("guest"),
        complete=all(part.complete for part in parts),
        machine=joined("machine"),
        arguments=joined("arguments", " | "),
        build=min((part.build for part in parts), key=str),
    )


def _ioctls(recording: Recording) -> list[GraphIoctl]:
    """Return the distinct ioctls, each thread's in the order of their first issue, the main thread's first."""
    if recording.ioctl_log:  # the order between threads is a race: the log is sorted by thread
        logged = sorted(_ioctls_of_log(recording), key=lambda ioctl: _thread_order(ioctl.thread))
        return list(dict.fromkeys(logged))
    found: dict[GraphIoctl, None] = {}
    for stop in recording.stops:
        if stop.ioctl is None:
            continue
        caller = stop.frames[1].function if len(stop.frames) > 1 else stop.frames[0].function
        label = recording.thread(stop.thread).label
        returned = _RETURNED_DESCRIPTORS.get(stop.ioctl.request, "")
        found.setdefault(GraphIoctl(stop.ioctl.request, stop.ioctl.file, label, returned, caller))
    return list(found)


def _thread_order(label: str) -> tuple[bool, str]:
    return label != MAIN_THREAD, label


def _ioctls_of_log(recording: Recording) -> Iterator[GraphIoctl]:
    for entry in recording.ioctl_log:
        if entry.functions:
            request, label = name_of(entry.request), recording.thread(entry.thread).label
            yield GraphIoctl(
                request, entry.file, label, _RETURNED_DESCRIPTORS.get(request, ""), entry.functions[-1]
            )


# Request -> what the returned descriptor refers to: the descriptor hierarchy of the KVM API document, section 2.
_RETURNED_DESCRIPTORS = {"KVM_CREATE_VM": "anon_inode:kvm-vm", "KVM_CREATE_VCPU": "anon_inode:kvm-vcpu"}
