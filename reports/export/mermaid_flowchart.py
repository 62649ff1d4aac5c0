"""Writes a call graph as a Mermaid flowchart, which GitHub, GitLab and many editors draw in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from analyzer.graph.call_graph import Call, CallGraph, Node
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from gdbscripts.enums import SlotKind
from reports.export.mermaid import MOST_ARROWS, MOST_CHARACTERS, label

# Line and head differ, besides the label, for the kinds that a reader looks for first.
_ARROWS = {
    CallKind.INDIRECT: "-.->",
    CallKind.INLINE: "-.-",
    CallKind.THREAD_START: "==>",
    CallKind.SYSCALL: "==>",
    CallKind.UNKNOWN: "-.-x",
}
_WITHOUT_LABEL = (CallKind.DIRECT, CallKind.KERNEL)


def to_flowchart(graph: CallGraph) -> Iterator[str]:
    """Yield the lines of the flowchart: functions as nodes, calls as arrows with kind, slot and hits.

    Mermaid draws at most 500 arrows and 50,000 characters. A larger graph is reduced: the calls on its chains to
    the milestones stay first; a comment says how many calls are left out.
    """
    calls = graph.calls
    if not _fits(graph, calls):
        calls = _chains_first(graph)
    while not _fits(graph, calls):
        calls = calls[: min(MOST_ARROWS, len(calls) * 9 // 10)]
    if len(calls) < graph.size:
        left_out = graph.size - len(calls)
        yield f"%% {left_out} of the {graph.size} calls are left out: Mermaid draws no larger diagram\n"
    yield from _lines(graph, calls)


def calls_left_out(text: str) -> str:
    """Return the sentence about calls left out that a flowchart begins with; "" when it has all calls."""
    first = text.partition("\n")[0]
    return first.removeprefix("%% ") if first.startswith("%% ") else ""


def _fits(graph: CallGraph, calls: list[Call]) -> bool:
    return len(calls) <= MOST_ARROWS and sum(map(len, _lines(graph, calls))) <= MOST_CHARACTERS - 200


def _chains_first(graph: CallGraph) -> list[Call]:
    steps = [chain.steps for chain in graph.chains]
    pairs = {(caller.function, callee.function) for chain in steps for caller, callee in pairwise(chain)}
    return sorted(graph.calls, key=lambda call: (call.caller, call.callee) not in pairs)


def _lines(graph: CallGraph, calls: list[Call]) -> Iterator[str]:
    yield "flowchart TD\n"
    nodes = [graph.node(function) for function in _functions(graph, calls)]
    names = {node.function: f"f{number}" for number, node in enumerate(nodes)}
    for number, folder in enumerate(sorted({_folder(node) for node in nodes})):
        yield f'  subgraph s{number}["{label(folder)}"]\n'
        for node in nodes:
            if _folder(node) == folder:
                opened, closed = ("[[", "]]") if node.milestones else ("[", "]")
                yield f'    {names[node.function]}{opened}"{label(node.function.name)}"{closed}\n'
        yield "  end\n"
    for call in calls:
        text = _arrow_label(call)
        shown_label = f'|"{text}"|' if text else ""
        yield f"  {names[call.caller]} {_ARROWS.get(call.kind, '-->')}{shown_label} {names[call.callee]}\n"


def _functions(graph: CallGraph, calls: list[Call]) -> list[Function]:
    if len(calls) == graph.size:
        return [node.function for node in graph.nodes]
    return sorted({function for call in calls for function in (call.caller, call.callee)})


def _folder(node: Node) -> str:
    if node.function.where.startswith("["):
        return node.function.where.strip("[]")
    return str(PurePosixPath(node.file).parent) if node.file else "?"


def _arrow_label(call: Call) -> str:
    slots = dict.fromkeys(p.name for p in call.pointers if p.name and p.kind is not SlotKind.ARGUMENT)
    kind = "" if call.kind in _WITHOUT_LABEL else CALL_KINDS[call.kind].label
    hits = f"{call.hits} times" if call.hits > 1 else ""
    return ", ".join(label(part) for part in (kind, *slots, hits) if part)
