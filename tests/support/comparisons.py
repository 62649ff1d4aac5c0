"""Graphs to compare, from lines of the notation of `tests.support.notation`."""

from __future__ import annotations

from dataclasses import replace

from analyzer.diff.change import NamedGraph
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import shipped_history
from analyzer.graph.call_graph import GraphIoctl, GraphPointer, GraphPointerOrigin
from analyzer.graph.merge import graph_of
from analyzer.model.frames import Function
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind
from tests.support.notation import recording

NAMES = shipped_history()


def source(*lines, name="NEW", ioctls=(), slots=None, thread="main thread", **provenance):
    """A graph of these stacks.

    `ioctls` are requests in their order, each `REQUEST` or `REQUEST on THREAD` or `REQUEST of FILE`.
    `slots` gives functions the pointer that led to them: `{"b": "Ops.go by init"}`; `Ops.go by init of OTHER` when
    init stored it in another place first, `Ops.go by init, init` when init wrote the name as well.
    """
    graph = graph_of(recording(*lines))
    graph.chains = tuple(
        replace(chain, thread=thread, steps=tuple(with_slot(step, slots or {}) for step in chain.steps))
        for chain in graph.chains
    )
    graph.ioctls = tuple(map(_ioctl, ioctls))
    graph.provenance = replace(graph.provenance, **{"build_id": "", **provenance})
    return NamedGraph(name, graph)


def two_milestones(first, second):
    """A graph with two milestones: what `first` leads to, and later what `second` leads to."""
    one, other = source(first).graph, source(second).graph
    one.chains += tuple(replace(chain, milestone="later", title="Later", position=1) for chain in other.chains)
    return NamedGraph("NEW", one)


def outside(*lines, **options):
    """A graph of stacks that lead to no milestone, and of one chain."""
    made = source("main > goal", *lines, **options)
    made.graph.chains = tuple(
        chain for chain in made.graph.chains if [step.function.name for step in chain.steps] == ["main", "goal"]
    )
    return made


def changes(old, new, **options):
    """What changed, each as `kind subject`, sorted."""
    diff = compare(as_source(old), as_source(new), NAMES, **options)
    return sorted(f"{change.kind} {change.subject}" for change in diff.changes)


def as_source(lines):
    """A line, several, or a source already."""
    if isinstance(lines, NamedGraph):
        return lines
    return source(lines) if isinstance(lines, str) else source(*lines)


def with_slot(step, slots):
    """The step, with the pointer that led to it if `slots` has one, as in `source`."""
    words = slots.get(step.function.name)
    if words is None:
        return step
    name, _, setter = words.partition(" by ")
    outcome = PointerOutcome.EXPLAINED if setter else PointerOutcome.UNKNOWN
    setter, _, writer = setter.partition(", ")
    setter, _, place = setter.partition(" of ")
    set_by = (GraphPointerOrigin(PointerOriginKind.STORED, place or name, setter, "x.c", 1),) if setter else ()
    set_by += (GraphPointerOrigin(PointerOriginKind.WRITTEN, "", writer, "x.c", 1),) if writer else ()
    return replace(step, pointer=GraphPointer(SlotKind.MEMBER, name, outcome, "", set_by))


def _ioctl(words):
    request, _, thread = words.partition(" on ")
    request, _, file = request.partition(" of ")
    return GraphIoctl(request, file or "anon_inode:kvm-vm", thread or "main thread", "", Function("f", "f"))
