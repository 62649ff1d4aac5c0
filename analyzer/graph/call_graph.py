"""The call graph: functions, calls, and the chains that lead to the milestones. Owns networkx."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind


@dataclass(frozen=True, order=True)
class CallSite:
    """Where a call is made: relative file, line, and the instruction without addresses."""

    file: str
    line: int
    instruction: str = ""


@dataclass(frozen=True, order=True)
class GraphPointerOrigin:
    """A step back to where a pointer was set, as in `model.PointerStep`; `function` is "" for read and static."""

    what: PointerOriginKind
    name: str
    function: str
    file: str
    line: int


@dataclass(frozen=True, order=True)
class GraphPointer:
    """Where an indirect call took its pointer from, and how that was set; as in `model.Pointer`."""

    kind: SlotKind
    name: str
    outcome: PointerOutcome
    reason: str
    set_by: tuple[GraphPointerOrigin, ...]


@dataclass(frozen=True)
class Call:
    """An edge. `hits` counts recorded stacks through it; threads created, for a thread start."""

    caller: Function
    callee: Function
    kind: CallKind
    hits: int
    sites: tuple[CallSite, ...] = ()
    slots: tuple[GraphPointer, ...] = ()  # of an indirect call, as far as they were looked for


@dataclass(frozen=True)
class Node:
    """What is known of a function. `frames` counts its appearances, `outermost` and `innermost` its ends."""

    function: Function
    file: str = ""
    frames: int = 0
    outermost: int = 0
    innermost: int = 0
    threads: tuple[str, ...] = ()
    milestones: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChainStep:
    """A step of a chain as it is kept in a graph: see `chain.Step`."""

    function: Function
    kind: CallKind | None
    file: str
    line: int
    instruction: str = ""
    slot: GraphPointer | None = None  # what the call that led here took its pointer from, when that was looked for


@dataclass(frozen=True)
class Chain:
    """How the program came to a milestone; `thread` is the label of the thread that reached it."""

    milestone: str
    title: str
    about: str
    target: bool
    position: int  # of the milestone in the scenario
    thread: str
    steps: tuple[ChainStep, ...]


@dataclass(frozen=True)
class MissedMilestone:
    """A milestone that was waited for and not reached; `functions` are those of it that the program has, or, when
    it has none, those it might have had."""

    milestone: str
    title: str
    in_program: bool
    functions: tuple[str, ...]


@dataclass(frozen=True)
class GraphIoctl:
    """An ioctl, without numbers that change from run to run: `file` says what the descriptor is."""

    request: str
    file: str
    thread: str
    returns: str  # what the descriptor it returned is, "" when it returned none
    function: Function  # the QEMU function that made it


@dataclass(frozen=True)
class Provenance:
    """Where a graph comes from; the same for two recordings of one build on different days."""

    tool: str
    scenario: str
    qemu_version: str
    build_id: str
    accelerator: str
    guest: str
    complete: bool
    build: dict[str, object] = field(default_factory=dict)
    machine: str = ""  # type of the virtual machine, "" for QEMU's own default
    arguments: str = ""  # the user's own for QEMU, as `command.arguments_of` has them


def start_differences(old: Provenance, new: Provenance) -> tuple[str, ...]:
    """In which fields two recordings were started differently: accelerator, machine, guest, arguments.

    An accelerator or a guest that one side does not know is no difference; an empty machine or empty arguments are
    QEMU's defaults.
    """
    differing = []
    for name in ("accelerator", "machine", "guest", "arguments"):
        known = name in ("machine", "arguments") or (getattr(old, name) and getattr(new, name))
        if known and getattr(old, name) != getattr(new, name):
            differing.append(name)
    return tuple(differing)


class CallGraph:
    """Functions and calls as a networkx MultiDiGraph; an edge is one (caller, callee, kind)."""

    def __init__(self, provenance: Provenance) -> None:
        self.provenance = provenance
        self.chains: tuple[Chain, ...] = ()
        self.ioctls: tuple[GraphIoctl, ...] = ()
        self.missing: tuple[MissedMilestone, ...] = ()
        self._graph: nx.MultiDiGraph[Function] = nx.MultiDiGraph()

    def put(self, node: Node) -> None:
        """Add a function."""
        self._graph.add_node(node.function, data=node)

    def connect(self, call: Call) -> None:
        """Add a call between functions that were put."""
        self._graph.add_edge(call.caller, call.callee, key=call.kind, data=call)

    @property
    def nodes(self) -> list[Node]:
        """All functions, sorted."""
        return [self._graph.nodes[function]["data"] for function in sorted(self._graph)]

    @property
    def calls(self) -> list[Call]:
        """All calls, sorted."""
        edges = self._edges(self._graph.edges(data="data"))
        return sorted(edges, key=lambda call: (call.caller, call.callee, call.kind))

    @property
    def size(self) -> int:
        """How many calls there are."""
        return int(self._graph.number_of_edges())

    def node(self, function: Function) -> Node:
        """What is known of `function`; KeyError when it is not in the graph."""
        node: Node = self._graph.nodes[function]["data"]
        return node

    def callers(self, function: Function) -> list[Call]:
        """Calls that lead into `function`, sorted by caller."""
        edges = self._edges(self._graph.in_edges(function, data="data"))
        return sorted(edges, key=lambda call: (call.caller, call.kind))

    def callees(self, function: Function) -> list[Call]:
        """Calls that leave `function`, sorted by callee."""
        edges = self._edges(self._graph.out_edges(function, data="data"))
        return sorted(edges, key=lambda call: (call.callee, call.kind))

    def restricted_to(self, calls: Iterable[Call]) -> CallGraph:
        """A graph of these calls and the functions at their ends, counted as here; without chains and ioctls."""
        part = CallGraph(self.provenance)
        for call in calls:
            part.put(self.node(call.caller))
            part.put(self.node(call.callee))
            known = self._graph.get_edge_data(call.caller, call.callee, call.kind)
            part.connect(known["data"] if known else call)
        return part

    def check(self) -> None:
        """State what must hold; AssertionError otherwise.

        Frames seen of a function = stacks that came to it by a call + stacks it is outermost in
                                  = stacks that left it by a call + stacks it is innermost in.
        """
        for node in self.nodes:
            function = node.function
            came = sum(c.hits for c in self.callers(function) if c.kind is not CallKind.THREAD_START)
            left = sum(c.hits for c in self.callees(function) if c.kind is not CallKind.THREAD_START)
            assert came + node.outermost == node.frames, f"{function}: {came} + outermost != {node}"
            assert left + node.innermost == node.frames, f"{function}: {left} + innermost != {node}"
        for call in self.calls:
            assert call.hits > 0, f"{call} was never seen"
            assert call.caller in self._graph and call.callee in self._graph

    def to_graphml(self) -> str:
        """GraphML text, as other graph tools read it; ids as in the DOT text."""
        plain: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        ids = {node.function: f"f{number}" for number, node in enumerate(self.nodes)}
        for node in self.nodes:
            plain.add_node(
                ids[node.function], name=node.function.name, where=node.function.where, file=node.file,
                frames=node.frames, milestones=", ".join(node.milestones), threads=", ".join(node.threads),
            )  # fmt: skip
        for call in self.calls:
            sites = ", ".join(f"{site.file}:{site.line}" for site in call.sites)
            plain.add_edge(
                ids[call.caller], ids[call.callee], key=call.kind.value, kind=call.kind.value,
                hits=call.hits, sites=sites,
            )  # fmt: skip
        return "\n".join(nx.generate_graphml(plain)) + "\n"

    @staticmethod
    def _edges(view: Iterable[Any]) -> Iterator[Call]:
        """networkx yields (caller, callee, data)."""
        for _, _, call in view:
            yield call
