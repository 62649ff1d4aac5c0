"""Recordings of one build become one call graph. Pure; the order of the recordings does not matter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath

from analyzer.errors import AnalyzerError
from analyzer.graph.callgraph import (
    Call,
    CallGraph,
    Chain,
    ChainStep,
    IoctlCall,
    Node,
    Provenance,
    Site,
)  # fmt: skip
from analyzer.graph.chain import Step, own_chain, whole_chain, without_addresses
from analyzer.model import Function, Kind, Recording, Stop

_Edge = tuple[Function, Function, Kind]


def merge(recordings: Sequence[Recording]) -> CallGraph:
    """One graph of all stacks. AnalyzerError when the recordings are not of one build."""
    _check_same_build(recordings)
    tally = _Tally()
    for recording in recordings:
        for stop in recording.stops:
            if stop.reason != "where":  # where threads stood at the end is no chain to a milestone
                tally.add(stop, recording)
    graph = CallGraph(_provenance(recordings))
    tally.fill(graph)
    graph.chains = tuple(_chains(recordings))
    graph.ioctls = tuple(_ioctls(recordings))
    return graph


@dataclass
class _Tally:
    """Counts while stacks go by."""

    frames: Counter[Function] = field(default_factory=Counter)
    outermost: Counter[Function] = field(default_factory=Counter)
    innermost: Counter[Function] = field(default_factory=Counter)
    hits: Counter[_Edge] = field(default_factory=Counter)
    sites: dict[_Edge, set[Site]] = field(default_factory=lambda: defaultdict(set))
    files: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    threads: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))
    milestones: dict[Function, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, stop: Stop, recording: Recording) -> None:
        steps = own_chain(stop, recording)
        if not steps:
            return
        label = recording.thread(stop.thread).label
        self.outermost[steps[0].function] += 1
        self.innermost[steps[-1].function] += 1
        self.milestones[steps[-1].function].update(stop.milestones)
        for step in steps:
            self.frames[step.function] += 1
            self.threads[step.function].add(label)
            if step.file and not (step.frame and step.frame.library):
                self.files[step.function].add(step.file)
        for caller, callee in pairwise(steps):
            self._add_call(caller, callee.function, callee.kind or Kind.UNKNOWN, callee.instruction)
        if stop.starts is not None and len(steps) > 1:
            start = _known(stop.starts, self.frames)
            self._add_call(steps[-2], start, Kind.THREAD_START, steps[-1].instruction)

    def _add_call(self, caller: Step, callee: Function, kind: Kind, instruction: str) -> None:
        edge = (caller.function, callee, kind)
        self.hits[edge] += 1
        library = caller.frame is not None and caller.frame.library
        if caller.file and not library:
            self.sites[edge].add(Site(caller.file, caller.line, instruction))

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
            graph.connect(Call(*edge, hits=self.hits[edge], sites=tuple(sorted(self.sites[edge]))))


def _known(start: Function, frames: Iterable[Function]) -> Function:
    """Without debug information a start function has no file: take the function of that name that was seen."""
    if start.where:
        return start
    return next((function for function in sorted(frames) if function.name == start.name), start)


def _check_same_build(recordings: Sequence[Recording]) -> None:
    if not recordings:
        raise AnalyzerError("There is nothing to merge.", "Name at least one recording.")
    builds = sorted({recording.header.build_id for recording in recordings})
    if len(builds) > 1:
        raise AnalyzerError(
            f"These recordings are of different builds: build-ids {' and '.join(builds)}.",
            "Make one graph of each build.",
        )


def _provenance(recordings: Sequence[Recording]) -> Provenance:
    headers = [recording.header for recording in recordings]
    names = {recording.accelerator.name for recording in recordings if recording.accelerator}
    return Provenance(
        tool=max(header.tool for header in headers),
        scenario=", ".join(sorted({header.scenario for header in headers})),
        qemu_version=headers[0].qemu_version,
        build_id=headers[0].build_id,
        accelerator=", ".join(sorted(names)),
        guest=", ".join(sorted({PurePosixPath(header.guest).name for header in headers})),
        complete=all(recording.end and recording.end.outcome == "complete" for recording in recordings),
        build=min((header.build for header in headers), key=str),
    )


def _chains(recordings: Sequence[Recording]) -> list[Chain]:
    """The distinct chains to each milestone, in the order of the milestones."""
    found: dict[tuple[str, tuple[ChainStep, ...]], Chain] = {}
    order: dict[str, int] = {}
    for recording in recordings:
        about = {milestone.name: milestone for milestone in recording.milestones}
        for position, name in enumerate(about):
            order.setdefault(name, position)
        for stop in recording.stops:
            for name in stop.milestones:
                milestone = about[name]
                steps = tuple(chain_step(step) for step in whole_chain(stop, recording))
                label = recording.thread(stop.thread).label
                chain = Chain(name, milestone.title, milestone.about, milestone.target, label, steps)
                known = found.get((name, steps))
                if known is None or label < known.thread:
                    found[name, steps] = chain
    return sorted(found.values(), key=lambda c: (order[c.milestone], c.milestone, repr(c.steps)))


def chain_step(step: Step) -> ChainStep:
    """The step as a graph keeps it: without the frame, and without a library's files."""
    in_library = step.frame is not None and step.frame.library
    file, line = ("", 0) if in_library else (step.file, step.line)
    return ChainStep(step.function, step.kind, file, line, without_addresses(step.instruction))


def _ioctls(recordings: Sequence[Recording]) -> list[IoctlCall]:
    """The distinct ioctls, in the order in which the first recording that has them saw them."""
    calls: dict[IoctlCall, None] = {}
    for recording in sorted(recordings, key=lambda r: len(r.stops), reverse=True):
        for stop in recording.stops:
            if stop.ioctl is None:
                continue
            caller = stop.frames[1].function if len(stop.frames) > 1 else stop.frames[0].function
            label = recording.thread(stop.thread).label
            gives = _GIVES.get(stop.ioctl.request, "")
            calls.setdefault(IoctlCall(stop.ioctl.request, stop.ioctl.file, label, gives, caller))
    return list(calls)


# What the descriptor is that a request returns: the ladder of the KVM API documentation, section 2.
_GIVES = {"KVM_CREATE_VM": "anon_inode:kvm-vm", "KVM_CREATE_VCPU": "anon_inode:kvm-vcpu"}
