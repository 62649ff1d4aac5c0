"""Threads of QEMU's pool: which of them makes the next one, and what QEMU does meanwhile, is a race. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TypeVar

from analyzer.errors import AnalyzerError
from analyzer.graph.call_graph import Call, CallGraph, CallSite, GraphIoctl, GraphPointer, Node, Provenance
from analyzer.graph.chains import (
    RecordedStep,
    chain_order,
    chains_of,
    graph_pointer,
    kernel_steps,
    missing_of,
    own_chain,
)
from analyzer.graph.qemu_arguments import arguments_of, machine_of
from analyzer.kvm.requests import name_of
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function, Stop
from analyzer.model.recording import Recording
from gdbscripts.records import STORE

_STARTS = "thread-create"
_THREADS_WITHOUT_CHAINS = (_STARTS, "where", STORE)  # nothing was waited for there
_MAKES_THE_NEXT = "do_spawn_thread"  # util/thread-pool.c


def thread_pool_starts(recording: Recording) -> frozenset[int]:
    """Numbers of the stops that show how a thread of the pool was made, unless something was waited for there.

    Two recordings of one program have other ones, so that a graph of one program is the same without them.
    """
    of_the_pool = {stop.number for stop in recording.stops if _is_of_the_pool(stop)}
    if not of_the_pool:
        return frozenset()
    shown = (stop for stop in recording.stops if stop.reason not in _THREADS_WITHOUT_CHAINS)
    return frozenset(of_the_pool - {made.number for stop in shown for made in _creations(stop, recording)})


def _is_of_the_pool(stop: Stop) -> bool:
    return stop.reason == _STARTS and any(frame.function.name == _MAKES_THE_NEXT for frame in stop.frames)


def _creations(stop: Stop, recording: Recording) -> Iterator[Stop]:
    """Where the stop's thread was made, where the one was made that made it, and so on."""
    seen = {stop.thread}
    creation = recording.creation(recording.thread(stop.thread))
    while creation is not None and creation.thread not in seen:
        yield creation
        seen.add(creation.thread)
        creation = recording.creation(recording.thread(creation.thread))


_OF_THE_HOST = ("seconds", "log")  # of build.json: they differ between builds of the same source
_NO_CHAINS = ("where", STORE)  # where threads stood at the end, and who stored a pointer
_Edge = tuple[Function, Function, CallKind]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def merge(recordings: Sequence[Recording]) -> CallGraph:
    """One graph of all stacks. AnalyzerError when the recordings are not of one build."""
    return combine([graph_of(recording) for recording in recordings])


def graph_of(recording: Recording) -> CallGraph:
    """The graph of one recording."""
    tally, by_chance = _Counts(), thread_pool_starts(recording)
    for stop in recording.stops:
        if stop.reason not in _NO_CHAINS and stop.number not in by_chance:
            tally.add(stop, recording)
    graph = CallGraph(_provenance(recording))
    tally.fill(graph)
    graph.chains = tuple(chains_of(recording))
    graph.missing = tuple(missing_of(recording))
    graph.ioctls = tuple(_ioctls(recording))
    return graph


def combine(graphs: Sequence[CallGraph]) -> CallGraph:
    """One graph that counts what all of them count. AnalyzerError when they are not of one build."""
    _check_same_build(graphs)
    if len(graphs) == 1:
        return graphs[0]
    whole = CallGraph(_common_provenance([graph.provenance for graph in graphs]))
    for nodes in _grouped((node.function, node) for graph in graphs for node in graph.nodes):
        whole.put(_add_nodes(nodes))
    for calls in _grouped(((c.caller, c.callee, c.kind), c) for graph in graphs for c in graph.calls):
        sites = {site for call in calls for site in call.sites}
        slots = {slot for call in calls for slot in call.slots}
        whole.connect(
            replace(
                calls[0],
                hits=sum(call.hits for call in calls),
                sites=tuple(sorted(sites)),
                slots=tuple(sorted(slots)),
            )
        )
    whole.chains = tuple(sorted({chain for graph in graphs for chain in graph.chains}, key=chain_order))
    reached = {chain.milestone for chain in whole.chains}
    missing = {entry.milestone: entry for graph in graphs for entry in graph.missing}
    whole.missing = tuple(missing[name] for name in missing if name not in reached)
    # In the order of the graph that has most of them; equal ones in the order of their text.
    longest_first = sorted((graph.ioctls for graph in graphs), key=lambda calls: (-len(calls), repr(calls)))
    whole.ioctls = tuple(dict.fromkeys(call for calls in longest_first for call in calls))
    return whole


@dataclass
class _Counts:
    """Counts while stacks go by."""

    frames: Counter[Function] = field(default_factory=Counter)
    outermost: Counter[Function] = field(default_factory=Counter)
    innermost: Counter[Function] = field(default_factory=Counter)
    hits: Counter[_Edge] = field(default_factory=Counter)
    sites: dict[_Edge, set[CallSite]] = field(default_factory=lambda: defaultdict(set))
    slots: dict[_Edge, set[GraphPointer]] = field(default_factory=lambda: defaultdict(set))
    files: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    threads: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    milestones: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, stop: Stop, recording: Recording) -> None:
        steps = own_chain(stop, recording)
        if not steps:
            return
        label = recording.thread(stop.thread).label
        self.outermost[steps[0].function] += stop.count
        self.milestones[steps[-1].function].update(stop.milestones)
        steps += kernel_steps(stop, recording)
        self.innermost[steps[-1].function] += stop.count
        for step in steps:
            self.frames[step.function] += stop.count
            self.threads[step.function].add(label)
            if step.file and not (step.frame and step.frame.library):
                self.files[step.function].add(step.file)
        for caller, callee in pairwise(steps):
            self._add_call(
                caller, callee.function, callee.kind or CallKind.UNKNOWN, callee.instruction, stop.count
            )
            if callee.pointer is not None:
                self.slots[caller.function, callee.function, CallKind.INDIRECT].add(graph_pointer(callee.pointer))
        if stop.starts is not None and len(steps) > 1:
            self._add_call(steps[-2], stop.starts, CallKind.THREAD_START, steps[-1].instruction)

    def _add_call(
        self, caller: RecordedStep, callee: Function, kind: CallKind, instruction: str, count: int = 1
    ) -> None:
        edge = (caller.function, callee, kind)
        self.hits[edge] += count
        library = caller.frame is not None and caller.frame.library
        if caller.file and not library:
            self.sites[edge].add(CallSite(caller.file, caller.line, instruction))

    def fill(self, graph: CallGraph) -> None:
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
                )
            )
        for edge in sorted(self.hits):
            sites, slots = tuple(sorted(self.sites[edge])), tuple(sorted(self.slots[edge]))
            graph.connect(Call(*edge, hits=self.hits[edge], sites=sites, slots=slots))


def _check_same_build(graphs: Sequence[CallGraph]) -> None:
    if not graphs:
        raise AnalyzerError("There is nothing to merge.", "Name at least one recording.")
    builds = sorted({graph.provenance.build_id for graph in graphs})
    if len(builds) > 1:
        raise AnalyzerError(
            f"These are of different builds: build-ids {' and '.join(build or '(none)' for build in builds)}.",
            "Make one graph of each build.",
        )


def _grouped(items: Iterable[tuple[_Key, _Value]]) -> Iterable[list[_Value]]:
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
    )


def _provenance(recording: Recording) -> Provenance:
    header = recording.header
    return Provenance(
        tool=header.tool,
        scenario=header.scenario,
        qemu_version=header.qemu_version,
        build_id=header.build_id,
        accelerator=recording.accelerator.name if recording.accelerator else "",
        guest=PurePosixPath(header.guest).name,
        complete=recording.end is not None and recording.end.outcome == "complete",
        machine=machine_of(header.command),
        arguments=arguments_of(header.qemu_arguments),
        build={name: value for name, value in header.build.items() if name not in _OF_THE_HOST},
    )


def _common_provenance(parts: Sequence[Provenance]) -> Provenance:
    def all_of(name: str, between: str = ", ") -> str:
        values = {value for part in parts for value in str(getattr(part, name)).split(between) if value}
        return between.join(sorted(values))

    return Provenance(
        tool=max(part.tool for part in parts),
        scenario=all_of("scenario"),
        qemu_version=all_of("qemu_version"),
        build_id=parts[0].build_id,
        accelerator=all_of("accelerator"),
        guest=all_of("guest"),
        complete=all(part.complete for part in parts),
        machine=all_of("machine"),
        arguments=all_of("arguments", " | "),
        build=min((part.build for part in parts), key=str),
    )


def _ioctls(recording: Recording) -> list[GraphIoctl]:
    """The distinct ioctls, in the order in which they were made first."""
    if recording.ioctl_log:  # threads take turns as they like: each one's are told in its own order
        calls_of_all = sorted(_ioctls_of_log(recording), key=lambda call: _thread_order(call.thread))
        return list(dict.fromkeys(calls_of_all))
    calls: dict[GraphIoctl, None] = {}
    for stop in recording.stops:
        if stop.ioctl is None:
            continue
        caller = stop.frames[1].function if len(stop.frames) > 1 else stop.frames[0].function
        label = recording.thread(stop.thread).label
        gives = _GIVES.get(stop.ioctl.request, "")
        calls.setdefault(GraphIoctl(stop.ioctl.request, stop.ioctl.file, label, gives, caller))
    return list(calls)


def _thread_order(label: str) -> tuple[bool, str]:
    return label != "main thread", label


def _ioctls_of_log(recording: Recording) -> Iterator[GraphIoctl]:
    for entry in recording.ioctl_log:
        if entry.functions:
            request, label = name_of(entry.request), recording.thread(entry.thread).label
            yield GraphIoctl(request, entry.file, label, _GIVES.get(request, ""), entry.functions[-1])


# What the descriptor is that a request returns: the ladder of the KVM API documentation, section 2.
_GIVES = {"KVM_CREATE_VM": "anon_inode:kvm-vm", "KVM_CREATE_VCPU": "anon_inode:kvm-vcpu"}
