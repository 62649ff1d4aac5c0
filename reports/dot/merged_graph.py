"""The merged graph as DOT text: gone, new and changed are told apart by line, sign and word."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

import graphviz

from analyzer.diff.change import Diff
from analyzer.diff.merged_graph import CHANGED, NO_NAMES, MergedCall, MergedNode, merge_graphs
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Call, CallGraph
from analyzer.model.call_kinds import CALL_KINDS
from analyzer.model.frames import Function
from analyzer.text import visible
from gdbscripts.enums import SlotKind
from reports.diff_marks import MARK_OF, DiffMark
from reports.dot.call_graph import EDGE_STYLES, dot_text, draw_in_folders, empty_drawing, kind_label

_MAX_LINK_LENGTH = 300  # characters; dot's lexer gives up on lines of 16 KiB
_REMOVED, _ADDED, _CHANGED = (mark.sign for mark in (DiffMark.REMOVED, DiffMark.ADDED, DiffMark.CHANGED))
_LEGEND = (
    f"{_REMOVED} dashed: gone     {_ADDED} bold: new     {_CHANGED} double frame, both words: changed     "
    "dotted: another machine version or compiler's choice     thin: the same"
)
_CHANGE_LABELS = {kind: f"{MARK_OF[kind].sign} {kind.value}" for kind in CHANGED}
_NODE_STYLES_BY_STATE = {
    "gone": {"style": "rounded,dashed,filled", "color": "#a8480a", "fontcolor": "#a8480a"},
    "new": {"style": "rounded,bold,filled", "color": "#1f5fbf", "penwidth": "2.6"},
    "changed": {"peripheries": "2", "color": "#7a3fb0"},
    "note": {"style": "rounded,dotted,filled", "color": "gray35", "penwidth": "1.6"},
    "same": {"color": "gray65", "fontcolor": "gray30"},
}
_EDGE_STYLES_BY_STATE = {
    "gone": {"style": "dashed", "color": "#a8480a", "fontcolor": "#a8480a"},
    "new": {"style": "bold", "color": "#1f5fbf", "fontcolor": "#1f5fbf", "penwidth": "2.2"},
    "changed": {"style": "solid", "color": "#7a3fb0:invis:#7a3fb0", "fontcolor": "#7a3fb0"},
    "note": {"style": "dotted", "color": "gray35", "penwidth": "1.6"},
    "same": {"style": "solid", "color": "gray65", "fontcolor": "gray45", "penwidth": "0.8"},
}


def merged_dot(old: CallGraph, new: CallGraph, diff: Diff, names: SymbolHistory = NO_NAMES) -> str:
    """DOT text of both graphs in one. Ids as in `formats.to_dot`; the class of a node or an edge is what became
    of it: gone, new, changed, note, same. A node links to `#f=NAME@WHERE`, as the page of the comparison does."""
    merged = merge_graphs(old, new, diff, names)
    dot = empty_drawing()
    dot.attr("graph", label=dot_text(_LEGEND, len(_LEGEND)), labelloc="b", fontsize="11")
    draw_in_folders(
        dot,
        [(merged_node.node, number) for number, merged_node in enumerate(merged.nodes)],
        lambda box, number: _draw_node(box, merged.nodes[number], f"f{number}"),
    )
    for number, call in enumerate(merged.calls):
        _draw_edge(dot, call, f"e{number}")
    return str(dot.source)


def _draw_node(dot: graphviz.Digraph, merged: MergedNode, identifier: str) -> None:
    node, state = merged.node, merged.state
    milestone = " milestone" if node.milestones else ""
    dot.node(
        identifier,
        label=graphviz.nohtml("\\n".join(_node_lines(merged, state))),
        id=identifier,
        tooltip=dot_text(f"{node.function.name} in {node.file or node.function.where}: {state}"),
        URL=_link(node.function),
        **{"class": f"fn {state}{milestone}", **_NODE_STYLES_BY_STATE[state]},
    )


def _link(function: Function) -> str:
    link = "#f=" + quote(visible(f"{function.name}@{function.where}"), safe="")
    return link if len(link) <= _MAX_LINK_LENGTH else ""


def _node_lines(merged: MergedNode, state: str) -> list[str]:
    node = merged.node
    name = dot_text(node.function.name)
    if merged.old and merged.new and merged.old.function.name != merged.new.function.name:
        name = f"{dot_text(merged.old.function.name)} →\\n{name}"
    sign = {"gone": f"{_REMOVED} ", "new": f"{_ADDED} "}.get(state, "")
    labels = ", ".join(label for kind, label in _CHANGE_LABELS.items() if kind in merged.kinds)
    word = {"gone": "gone", "new": "new", "changed": labels}.get(state, "")
    file = dot_text(PurePosixPath(node.file).name or node.function.where)
    return [sign + name, f"{file}, {word}" if word else file]


def _draw_edge(dot: graphviz.Digraph, call: MergedCall, identifier: str) -> None:
    state = call.state
    shown = call.new or call.old
    assert shown is not None
    dot.edge(
        f"f{call.caller}",
        f"f{call.callee}",
        id=identifier,
        tooltip=dot_text(f"{shown.caller} to {shown.callee}: {state}"),
        label=_edge_label(call, state),
        arrowhead=EDGE_STYLES[shown.kind].get("arrowhead", "normal"),
        **{"class": state, **_EDGE_STYLES_BY_STATE[state]},
    )


def _edge_label(call: MergedCall, state: str) -> str:
    old_label, new_label = (_call_label(side) for side in (call.old, call.new))
    if state == "gone":
        return f"{_REMOVED} {old_label or 'gone'}"
    if state == "new":
        return f"{_ADDED} {new_label}".rstrip()
    if state == "same":
        return new_label
    if not call.old or not call.new:
        return new_label or old_label
    if old_label == new_label:
        return f"{_CHANGED} {new_label}, set in another way"
    old_label = old_label or CALL_KINDS[call.old.kind].label
    new_label = new_label or CALL_KINDS[call.new.kind].label
    sign = "" if state == "note" else f"{_CHANGED} "
    return f"{sign}{old_label} →\\n{new_label}"


def _call_label(call: Call | None) -> str:
    """The pointer's place, else the word for the kind; "" for a plain call."""
    if call is None:
        return ""
    slots = dict.fromkeys(p.name for p in call.pointers if p.name and p.kind is not SlotKind.ARGUMENT)
    return dot_text(", ".join(slots)) if slots else kind_label(call.kind)
