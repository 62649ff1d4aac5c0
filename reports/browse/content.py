"""What `analyze browse` shows of an input, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from analyzer.graph.call_graph import Call, CallGraph, Chain, ChainStep, GraphPointer
from analyzer.graph.chains import own_chain
from analyzer.kvm.ioctl_log import IoctlLogLine, ioctl_log
from analyzer.model.frames import Arguments, Function
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CALL_KINDS, CallKind, call_arrow

MOST_CHAINS = 200  # chains shown; the other functions are found in the graph
_ARGUMENT_LISTS = 3  # different argument lists kept for a function


@dataclass(frozen=True)
class Selection:
    """What is selected: a function, and of the row that selects it the place and the pointer.

    `place_is` says what the function does at `file`:`line`.
    """

    function: Function
    file: str = ""
    line: int = 0
    place_is: str = ""
    sentence: str = ""  # how the function is called
    pointer: GraphPointer | None = None  # that it is called through


@dataclass(frozen=True)
class Row:
    """A row of a chain or of a list of calls: the arrow of the call, and what the row selects."""

    arrow: str
    hits: int  # 0 in a chain
    selection: Selection


@dataclass(frozen=True)
class ChainRows:
    """A chain to a milestone, outermost function first."""

    title: str
    about: str
    thread: str
    rows: tuple[Row, ...]


class Content:
    """An input prepared for browsing. Lookups by function return "" or () for an unknown one."""

    def __init__(self, name: str, graph: CallGraph, recording: Recording | None) -> None:
        self.name = name
        self.graph = graph
        self._recording = recording

    @cached_property
    def chains(self) -> list[ChainRows]:
        """The chains to the target milestones, or to all when there is no target; at most MOST_CHAINS."""
        return [_chain_rows(chain) for chain in self._shown_chains[:MOST_CHAINS]]

    @property
    def omitted_chains(self) -> int:
        """The number of chains that `chains` leaves out."""
        return max(0, len(self._shown_chains) - MOST_CHAINS)

    @cached_property
    def _shown_chains(self) -> list[Chain]:
        return [chain for chain in self.graph.chains if chain.target] or list(self.graph.chains)

    @cached_property
    def functions(self) -> list[tuple[Selection, int]]:
        """Each function with its number of frames, most frames first."""
        nodes = sorted(self.graph.nodes, key=lambda node: (-node.frames, node.function))
        return [(Selection(node.function, node.file), node.frames) for node in nodes]

    @cached_property
    def ioctls(self) -> list[IoctlLogLine]:
        """The ioctl log; empty when the ioctls were not recorded."""
        return list(ioctl_log(self._recording)) if self._recording else []

    def callers(self, function: Function) -> list[Row]:
        """The functions that call `function`, most hits first."""
        calls = self.graph.callers(function)
        return [_call_row(call, call.caller) for call in sorted(calls, key=lambda call: -call.hits)]

    def callees(self, function: Function) -> list[Row]:
        """The functions that `function` calls, most hits first."""
        calls = self.graph.callees(function)
        return [_call_row(call, call.callee) for call in sorted(calls, key=lambda call: -call.hits)]

    def source(self, file: str, line: int) -> list[tuple[int, str]]:
        """The recorded lines around `file`:`line` without gaps, as (number, text); [] without them."""
        lines = self._recording.sources.get(file, {}) if self._recording else {}
        if line not in lines:
            return []
        first = last = line
        while first - 1 in lines:
            first -= 1
        while last + 1 in lines:
            last += 1
        return [(number, lines[number]) for number in range(first, last + 1)]

    def arguments(self, function: Function) -> list[Arguments]:
        """The first different argument lists with which the function was recorded."""
        return self._arguments.get(function, [])

    @cached_property
    def _arguments(self) -> dict[Function, list[Arguments]]:
        found: dict[Function, list[Arguments]] = {}
        for function, arguments in self._argument_lists():
            lists = found.setdefault(function, [])
            if arguments and len(lists) < _ARGUMENT_LISTS and arguments not in lists:
                lists.append(arguments)
        return found

    def _argument_lists(self) -> Iterator[tuple[Function, Arguments]]:
        recording = self._recording
        for stop in recording.stops if recording else ():
            for step in own_chain(stop, recording) if recording and stop.arguments else ():
                yield step.function, step.arguments


def _chain_rows(chain: Chain) -> ChainRows:
    return ChainRows(chain.title, chain.about, chain.thread, tuple(map(_step_row, chain.steps)))


def _step_row(step: ChainStep) -> Row:
    place_is = "calls the next function here" if step.line else "is defined here"
    selection = Selection(step.function, step.file, step.line, place_is, _sentence(step.kind), step.pointer)
    return Row(call_arrow(step.kind), 0, selection)


def _call_row(call: Call, other: Function) -> Row:
    site = min(call.sites, default=None)
    pointer = call.pointers[0] if call.pointers else None
    sentence = f"{call.caller} {CALL_KINDS[call.kind].sentence} {call.callee}"
    selection = Selection(
        other, site.file if site else "", site.line if site else 0, "is where the call is made", sentence, pointer
    )
    return Row(call_arrow(call.kind), call.hits, selection)


def _sentence(kind: CallKind | None) -> str:
    return f"its caller {CALL_KINDS[kind].sentence}" if kind else "is the outermost function"
