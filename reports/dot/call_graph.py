"""Writes a call graph as Graphviz DOT text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import TypeVar

import graphviz

from analyzer.graph.call_graph import Call, CallGraph, Node
from analyzer.model.frames import Function
from analyzer.text import visible
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from gdbscripts.enums import SlotKind

_Drawn = TypeVar("_Drawn")
MAX_LABEL_LENGTH = 60  # characters; dot's lexer rejects lines of 16 KiB
# Line, arrow head and label distinguish the kinds; colour alone never does.
_KINDS_WITHOUT_LABEL = (CallKind.DIRECT, CallKind.CALL, CallKind.KERNEL)
EDGE_STYLES = {
    CallKind.DIRECT: {},
    CallKind.CALL: {"arrowhead": "onormal", "class": "call"},
    CallKind.INDIRECT: {"style": "dashed", "arrowhead": "empty", "class": "indirect"},
    CallKind.TAIL: {"arrowhead": "normalnormal", "class": "tail"},
    CallKind.INLINE: {"style": "dotted", "arrowhead": "none", "class": "inline"},
    CallKind.THREAD_START: {"style": "bold", "arrowhead": "diamond", "class": "thread"},
    CallKind.SIGNAL: {"arrowhead": "vee", "class": "signal"},
    CallKind.SYSCALL: {"style": "bold", "arrowhead": "inv", "class": "syscall"},
    CallKind.KERNEL: {"arrowhead": "open", "class": "kernel"},
    CallKind.DOCUMENTED: {"style": "dotted", "arrowhead": "inv", "class": "documented"},
    CallKind.UNKNOWN: {"style": "dotted", "arrowhead": "odot", "class": "unknown"},
}


def to_dot(graph: CallGraph) -> str:
    """Return the graph as DOT text, with source folders as clusters.

    Nodes have the ids `f0`, `f1` … and edges `e0`, `e1` … in the order of the graph, which is sorted.
    """
    dot = empty_drawing()
    ids = {node.function: f"f{number}" for number, node in enumerate(graph.nodes)}
    nodes = [(node, node) for node in graph.nodes]
    draw_in_folders(dot, nodes, lambda box, node: _draw_node(box, node, ids[node.function]))
    for number, call in enumerate(graph.calls):
        _draw_edge(dot, call, ids, f"e{number}")
    return str(dot.source)


def empty_drawing() -> graphviz.Digraph:
    """Return a drawing without nodes, with the layout and fonts of all drawings."""
    dot = graphviz.Digraph("calls")
    dot.attr(
        "graph",
        rankdir="TB",
        newrank="true",  # one ranking for all folders, so that main is on top
        fontname="Helvetica,Arial,sans-serif",
        nodesep="0.25",
        ranksep="0.45",
        bgcolor="transparent",
    )
    dot.attr(
        "node",
        shape="box",
        style="rounded,filled",
        fillcolor="white",
        fontname="Helvetica,Arial,sans-serif",
        fontsize="12",
        margin="0.14,0.06",
    )
    dot.attr("edge", fontname="Helvetica,Arial,sans-serif", fontsize="9")
    return dot


def draw_in_folders(
    dot: graphviz.Digraph, nodes: Iterable[tuple[Node, _Drawn]], draw: Callable[[graphviz.Digraph, _Drawn], None]
) -> None:
    """Call `draw` for the value of each node, with the cluster of the node's source folder.

    `nodes` are pairs of a node and the value that `draw` gets; folders are drawn in alphabetical order.
    """
    folders: dict[str, list[_Drawn]] = defaultdict(list)
    for node, drawn in nodes:
        folders[_folder(node)].append(drawn)
    for number, folder in enumerate(sorted(folders)):
        with dot.subgraph(name=f"cluster_{number}") as box:
            box.attr(label=dot_text(folder), style="rounded", color="gray70", fontcolor="gray40", fontsize="11")
            for drawn in folders[folder]:
                draw(box, drawn)


def _folder(node: Node) -> str:
    if node.function.where.startswith("["):
        return node.function.where.strip("[]")
    return str(PurePosixPath(node.file).parent) if node.file else "?"


def _draw_node(dot: graphviz.Digraph, node: Node, identifier: str) -> None:
    style = {"class": "fn"}
    if node.milestones:
        style = {"class": "fn milestone", "penwidth": "2.2"}
    label = f"{dot_text(node.function.name)}\\n{dot_text(PurePosixPath(node.file).name or node.function.where)}"
    tooltip = dot_text(f"{node.function.name} in {node.file or node.function.where}")
    dot.node(identifier, label=graphviz.nohtml(label), id=identifier, tooltip=tooltip, **style)


def _draw_edge(dot: graphviz.Digraph, call: Call, ids: dict[Function, str], identifier: str) -> None:
    line = f":{call.sites[0].line}" if call.sites and call.sites[0].line else ""  # a baseline keeps no lines
    site = f", {call.sites[0].file}{line}" if call.sites else ""
    tooltip = dot_text(f"{call.caller} to {call.callee}: {call.kind}, {call.hits} recorded{site}")
    style = dict(EDGE_STYLES[call.kind])
    slots = dict.fromkeys(p.name for p in call.pointers if p.name and p.kind is not SlotKind.ARGUMENT)
    if label := dot_text(", ".join(slots)) or kind_label(call.kind):
        style["label"] = label
    dot.edge(ids[call.caller], ids[call.callee], id=identifier, tooltip=tooltip, **style)


def kind_label(kind: CallKind) -> str:
    """Return the label of an edge of this kind; "" for kinds that the line style identifies."""
    return "" if kind in _KINDS_WITHOUT_LABEL else CALL_KINDS[kind].label


def dot_text(text: str, max_length: int = MAX_LABEL_LENGTH) -> str:
    """Return `text` as a DOT label: cut to `max_length` characters; escaped, so that the SVG is well-formed."""
    shortened = text if len(text) <= max_length else text[: max_length - 1] + "…"
    escaped: str = graphviz.escape(visible(shortened))
    return escaped  # graphviz does not parse this type as an HTML label, whatever the text begins with
