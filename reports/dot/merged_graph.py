"""The merged graph as DOT text: line, sign and word show what is removed, added and changed."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

import graphviz

from analyzer.diff.change import Diff, DiffState
from analyzer.diff.merged_graph import CHANGED, NO_NAMES, MergedCall, MergedNode, merge_graphs
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Call, CallGraph
from analyzer.model.frames import Function
from analyzer.text import visible
from gdbscripts.call_kinds import CALL_KINDS
from gdbscripts.enums import SlotKind
from reports.diff_marks import MARK_OF, DiffMark
from reports.dot.call_graph import EDGE_STYLES, dot_text, draw_in_folders, empty_drawing, kind_label

_LONGEST_LINK = 300  # characters; dot's lexer gives up on lines of 16 KiB
_REMOVED, _ADDED, _CHANGED = (mark.sign for mark in (DiffMark.REMOVED, DiffMark.ADDED, DiffMark.CHANGED))
_LEGEND = (
    f"{_REMOVED} dashed: removed     {_ADDED} bold: added     {_CHANGED} double frame, two labels: changed     "
    "dotted: note (machine version, compiler optimisation)     thin: unchanged"
)
_CHANGE_LABELS = {kind: f"{MARK_OF[kind].sign} {kind.value}" for kind in CHANGED}
_NODE_STYLES = {
    DiffState.REMOVED: {"style": "rounded,dashed,filled", "color": "#a8480a", "fontcolor": "#a8480a"},
    DiffState.ADDED: {"style": "rounded,bold,filled", "color": "#1f5fbf", "penwidth": "2.6"},
    DiffState.CHANGED: {"peripheries": "2", "color": "#7a3fb0"},
    DiffState.NOTE: {"style": "rounded,dotted,filled", "color": "gray35", "penwidth": "1.6"},
    DiffState.UNCHANGED: {"color": "gray65", "fontcolor": "gray30"},
}
_EDGE_STYLES_OF_STATE = {
    DiffState.REMOVED: {"style": "dashed", "color": "#a8480a", "fontcolor": "#a8480a"},
    DiffState.ADDED: {"style": "bold", "color": "#1f5fbf", "fontcolor": "#1f5fbf", "penwidth": "2.2"},
    DiffState.CHANGED: {"style": "solid", "color": "#7a3fb0:invis:#7a3fb0", "fontcolor": "#7a3fb0"},
    DiffState.NOTE: {"style": "dotted", "color": "gray35", "penwidth": "1.6"},
    DiffState.UNCHANGED: {"style": "solid", "color": "gray65", "fontcolor": "gray45", "penwidth": "0.8"},
}


def merged_dot(old: CallGraph, new: CallGraph, diff: Diff, names: SymbolHistory = NO_NAMES) -> str:
    """Return the DOT text of both graphs, merged into one.

    The ids are those of `formats.to_dot`; the class of a node or an edge is its `DiffState`. A node links to
    `#f=NAME@WHERE`, as the comparison page does.
    """
    merged = merge_graphs(old, new, diff, names)
    dot = empty_drawing()
    dot.attr("graph", label=dot_text(_LEGEND, len(_LEGEND)), labelloc="b", fontsize="11")
    draw_in_folders(
        dot,
        [(function.node, number) for number, function in enumerate(merged.nodes)],
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
        label=graphviz.nohtml("\\n".join(_node_lines(merged))),
        id=identifier,
        tooltip=dot_text(f"{node.function.name} in {node.file or node.function.where}: {state}"),
        URL=_link(node.function),
        **{"class": f"fn {state}{milestone}", **_NODE_STYLES[state]},
    )


def _link(function: Function) -> str:
    link = "#f=" + quote(visible(f"{function.name}@{function.where}"), safe="")
    return link if len(link) <= _LONGEST_LINK else ""


def _node_lines(merged: MergedNode) -> list[str]:
    node, state = merged.node, merged.state
    name = dot_text(node.function.name)
    if merged.old and merged.new and merged.old.function.name != merged.new.function.name:
        name = f"{dot_text(merged.old.function.name)} →\\n{name}"
    sign = {DiffState.REMOVED: f"{_REMOVED} ", DiffState.ADDED: f"{_ADDED} "}.get(state, "")
    if state is DiffState.CHANGED:
        label = ", ".join(label for kind, label in _CHANGE_LABELS.items() if kind in merged.kinds)
    else:
        label = state.value if sign else ""
    file = dot_text(PurePosixPath(node.file).name or node.function.where)
    return [sign + name, f"{file}, {label}" if label else file]


def _draw_edge(dot: graphviz.Digraph, call: MergedCall, identifier: str) -> None:
    state = call.state
    shown = call.new or call.old
    assert shown is not None
    dot.edge(
        f"f{call.caller}",
        f"f{call.callee}",
        id=identifier,
        tooltip=dot_text(f"{shown.caller} to {shown.callee}: {state}"),
        label=_edge_label(call),
        arrowhead=EDGE_STYLES[shown.kind].get("arrowhead", "normal"),
        **{"class": state.value, **_EDGE_STYLES_OF_STATE[state]},
    )


def _edge_label(call: MergedCall) -> str:
    old, new = _call_label(call.old), _call_label(call.new)
    if call.state is DiffState.REMOVED:
        return f"{_REMOVED} {old or 'removed'}"
    if call.state is DiffState.ADDED:
        return f"{_ADDED} {new}".rstrip()
    if call.state is DiffState.UNCHANGED:
        return new
    if not call.old or not call.new:
        return new or old
    if old == new:
        return f"{_CHANGED} {new}, other pointer origin"
    sign = "" if call.state is DiffState.NOTE else f"{_CHANGED} "
    return f"{sign}{old or CALL_KINDS[call.old.kind].label} →\\n{new or CALL_KINDS[call.new.kind].label}"


def _call_label(call: Call | None) -> str:
    """Return the pointer slots of an indirect call, else the label of the call kind; "" for a direct call."""
    if call is None:
        return ""
    slots = dict.fromkeys(p.name for p in call.pointers if p.name and p.kind is not SlotKind.ARGUMENT)
    return dot_text(", ".join(slots)) if slots else kind_label(call.kind)
