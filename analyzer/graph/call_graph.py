"""The call graph: functions, calls, and the chains that lead to the milestones.

The only module that uses networkx.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from analyzer.model.frames import Function
from analyzer.text import xml_text
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind


@dataclass(frozen=True, order=True)
class CallSite:
    """Where a call is made: file relative to the source root, line, and the call instruction without addresses."""

    file: str
    line: int
    instruction: str = ""


@dataclass(frozen=True, order=True)
class GraphPointerOrigin:
    """One step back towards the place where a pointer was set.

    `what` is the kind of the step (stored, copied, written, read, static), `name` is the slot, `function` is the
    function that did it ("" for read and static), `file` and `line` say where.
    """

    what: PointerOriginKind
    name: str
    function: str
    file: str
    line: int


@dataclass(frozen=True, order=True)
class GraphPointer:
    """The pointer of an indirect call: the slot it was loaded from, and the steps that set it, latest first.

    `kind` and `name` describe the slot, such as "member" and "AccelClass.init_machine". `outcome` says whether the
    origin is known; `reason` says why not, and is "" when it is known.
    """

    kind: SlotKind
    name: str
    outcome: PointerOutcome
    reason: str
    set_by: tuple[GraphPointerOrigin, ...]


@dataclass(frozen=True)
class Call:
    """An edge of the call graph.

    `hits` counts the recorded stacks that contain the call; for a thread start it counts the created threads.
    """

    caller: Function
    callee: Function
    kind: CallKind
    hits: int
    sites: tuple[CallSite, ...] = ()
    pointers: tuple[GraphPointer, ...] = ()  # of an indirect call; () when no origin was recorded


@dataclass(frozen=True)
class Node:
    """A function of the call graph.

    `frames` counts the frames of the function in all recorded stacks; `outermost` and `innermost` count the stacks
    in which it is the outermost or the innermost function. `open_ended` counts the stacks that end at the function
    because the backtrace was cut: there it is not outermost, and its callers are unknown.
    """

    function: Function
    file: str = ""
    frames: int = 0
    outermost: int = 0
    innermost: int = 0
    threads: tuple[str, ...] = ()
    milestones: tuple[str, ...] = ()
    open_ended: int = 0


@dataclass(frozen=True)
class ChainStep:
    """One function of a chain, and the call that led to it.

    `kind` is None for the outermost function. `file` and `line` say where this function calls the next one; of a
    function without a frame `file` is `defined_in` and `line` is 0. `instruction` is the call instruction that led
    here, without addresses. `defined_in` is the file that defines the function, "" when unknown.
    """

    function: Function
    kind: CallKind | None
    file: str
    line: int
    instruction: str = ""
    pointer: GraphPointer | None = None  # of the call that led here, when its origin was recorded
    defined_in: str = field(default="", compare=False, repr=False)  # as the function's node has it


@dataclass(frozen=True, slots=True)
class Chain:
    """The calls that lead to a milestone, outermost function first.

    `thread` is the label of the thread that reached the milestone. The callers of the first function of an
    `open_ended` chain are unknown: the backtrace was cut there.
    """

    milestone: str
    title: str
    about: str
    target: bool
    position: int  # of the milestone in the scenario
    thread: str
    steps: tuple[ChainStep, ...]
    open_ended: bool = False


@dataclass(frozen=True)
class MissedMilestone:
    """A milestone that the recording waited for and did not reach.

    `functions` are the functions of the milestone that the program has; when the program has none of them, they
    are all the alternatives that were looked for.
    """

    milestone: str
    title: str
    in_program: bool
    functions: tuple[str, ...]


@dataclass(frozen=True)
class GraphIoctl:
    """An ioctl, without the numbers that change from run to run.

    `file` is what the descriptor refers to, such as "anon_inode:kvm-vm"; `thread` is the label of the calling
    thread.
    """

    request: str
    file: str
    thread: str
    returns: str  # what the returned descriptor refers to, "" when the request returns no descriptor
    function: Function  # the QEMU function that issues the ioctl


@dataclass(frozen=True)
class Provenance:
    """Where a graph comes from. Two recordings of one build, started alike, have equal values."""

    tool: str
    scenario: str
    qemu_version: str
    build_id: str
    accelerator: str
    guest: str
    complete: bool
    build: dict[str, object] = field(default_factory=dict)
    machine: str = ""  # the machine type, "" for QEMU's default
    arguments: str = ""  # the user's arguments for QEMU in one line, as `qemu_arguments.arguments_of` returns them


def start_differences(old: Provenance, new: Provenance) -> tuple[str, ...]:
    """Return the names of the fields in which two recordings were started differently.

    The fields are accelerator, machine, guest and arguments, in this order. An accelerator or a guest that is
    unknown on one side is no difference; an empty machine or empty arguments mean QEMU's defaults. Exchanged sides
    give the same fields.
    """
    differing = []
    for name in ("accelerator", "machine", "guest", "arguments"):
        known = name in ("machine", "arguments") or (getattr(old, name) and getattr(new, name))
        if known and getattr(old, name) != getattr(new, name):
            differing.append(name)
    return tuple(differing)


class CallGraph:
    """Functions and calls of recorded stacks; there is one edge for each (caller, callee, kind)."""

    def __init__(self, provenance: Provenance) -> None:
        self.provenance = provenance
        self.chains: tuple[Chain, ...] = ()
        self.shortened: tuple[str, ...] = ()  # titles of milestones that have more chains than `chains` contains
        self.ioctls: tuple[GraphIoctl, ...] = ()
        self.missing: tuple[MissedMilestone, ...] = ()
        self._graph: nx.MultiDiGraph[Function] = nx.MultiDiGraph()

    def put(self, node: Node) -> None:
        """Add a function, or replace what is stored for it."""
        self._graph.add_node(node.function, data=node)

    def connect(self, call: Call) -> None:
        """Add a call; both functions must have been added with `put` before."""
        self._graph.add_edge(call.caller, call.callee, key=call.kind, data=call)

    @property
    def nodes(self) -> list[Node]:
        """All functions of the graph, sorted by function."""
        return [self._graph.nodes[function]["data"] for function in sorted(self._graph)]

    @property
    def calls(self) -> list[Call]:
        """All calls of the graph, sorted by caller, callee and kind."""
        edges = self._edges(self._graph.edges(data="data"))
        return sorted(edges, key=lambda call: (call.caller, call.callee, call.kind))

    @property
    def size(self) -> int:
        """The number of calls in the graph."""
        return int(self._graph.number_of_edges())

    def node(self, function: Function) -> Node:
        """Return the node of `function`. Raises KeyError when the graph does not contain it."""
        node: Node = self._graph.nodes[function]["data"]
        return node

    def callers(self, function: Function) -> list[Call]:
        """Return the calls of `function`, sorted by caller and kind."""
        edges = self._edges(self._graph.in_edges(function, data="data"))
        return sorted(edges, key=lambda call: (call.caller, call.kind))

    def callees(self, function: Function) -> list[Call]:
        """Return the calls that `function` makes, sorted by callee and kind."""
        edges = self._edges(self._graph.out_edges(function, data="data"))
        return sorted(edges, key=lambda call: (call.callee, call.kind))

    def restricted_to(self, calls: Iterable[Call]) -> CallGraph:
        """Return a graph of `calls` and their functions, with this graph's counts, without chains and ioctls."""
        part = CallGraph(self.provenance)
        for call in calls:
            part.put(self.node(call.caller))
            part.put(self.node(call.callee))
            edge = self._graph.get_edge_data(call.caller, call.callee, call.kind)
            part.connect(edge["data"] if edge else call)
        return part

    def check(self) -> None:
        """Check the invariants of the graph. Raises AssertionError when one does not hold.

        frames of a function = hits of the calls into it + stacks in which it is outermost + stacks cut at it
                             = hits of the calls it makes + stacks in which it is innermost.
        Thread starts do not count here, since a stack does not contain them. Each call has at least one hit.
        """
        for node in self.nodes:
            function = node.function
            hits_in = sum(c.hits for c in self.callers(function) if c.kind is not CallKind.THREAD_START)
            hits_out = sum(c.hits for c in self.callees(function) if c.kind is not CallKind.THREAD_START)
            begun = node.outermost + node.open_ended
            assert hits_in + begun == node.frames, f"{function}: {hits_in} + outermost != {node}"
            assert hits_out + node.innermost == node.frames, f"{function}: {hits_out} + innermost != {node}"
        for call in self.calls:
            assert call.hits > 0, f"{call} has no hits"
            assert call.caller in self._graph and call.callee in self._graph

    def to_graphml(self) -> str:
        """Return the graph as GraphML text; node ids are f0, f1, … in the order of `nodes`, as in the DOT text."""
        plain: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        ids = {node.function: f"f{number}" for number, node in enumerate(self.nodes)}
        for node in self.nodes:
            plain.add_node(
                ids[node.function], name=xml_text(node.function.name), where=xml_text(node.function.where),
                file=xml_text(node.file), frames=node.frames, milestones=xml_text(", ".join(node.milestones)),
                threads=xml_text(", ".join(node.threads)),
            )  # fmt: skip
        for call in self.calls:
            sites = xml_text(", ".join(f"{site.file}:{site.line}" for site in call.sites))
            plain.add_edge(
                ids[call.caller], ids[call.callee], key=call.kind.value, kind=call.kind.value,
                hits=call.hits, sites=sites,
            )  # fmt: skip
        return "\n".join(nx.generate_graphml(plain)) + "\n"

    @staticmethod
    def _edges(view: Iterable[Any]) -> Iterator[Call]:
        """Return the calls of an edge view, which yields (caller, callee, call)."""
        for _, _, call in view:
            yield call
