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

_LONGEST_LINK = 300  # characters; dot's lexer gives up on lines of 16 KiB
_REMOVED, _ADDED, _CHANGED = (mark.sign for mark in (DiffMark.REMOVED, DiffMark.ADDED, DiffMark.CHANGED))
_LEGEND = (
    f"{_REMOVED} dashed: gone     {_ADDED} bold: new     {_CHANGED} double frame, both words: changed     "
    "dotted: another machine version or compiler's choice     thin: the same"
)
_CHANGED_WORDS = {kind: f"{MARK_OF[kind].sign} {kind.value}" for kind in CHANGED}
_NODE_STYLES = {
    "gone": {"style": "rounded,dashed,filled", "color": "#a8480a", "fontcolor": "#a8480a"},
    "new": {"style": "rounded,bold,filled", "color": "#1f5fbf", "penwidth": "2.6"},
    "changed": {"peripheries": "2", "color": "#7a3fb0"},
    "note": {"style": "rounded,dotted,filled", "color": "gray35", "penwidth": "1.6"},
    "same": {"color": "gray65", "fontcolor": "gray30"},
}
_EDGE_STATES = {
    "gone": {"style": "dashed", "color": "#a8480a", "fontcolor": "#a8480a"},
    "new": {"style": "bold", "color": "#1f5fbf", "fontcolor": "#1f5fbf", "penwidth": "2.2"},
    "changed": {"style": "solid", "color": "#7a3fb0:invis:#7a3fb0", "fontcolor": "#7a3fb0"},
    "note": {"style": "dotted", "color": "gray35", "penwidth": "1.6"},
    "same": {"style": "solid", "color": "gray65", "fontcolor": "gray45", "penwidth": "0.8"},
}


def merged_dot(old: CallGraph, new: CallGraph, diff: Diff, names: SymbolHistory = NO_NAMES) -> str:
    """DOT text of both graphs in one. Ids as in `formats.to_dot`; the class of a node or an edge is what became
    of it: gone, new, changed, note, same. A node links to `#f=NAME@WHERE`, as the page of the comparison does."""
    both = merge_graphs(old, new, diff, names)
    dot = empty_drawing()
    dot.attr("graph", label=dot_text(_LEGEND, len(_LEGEND)), labelloc="b", fontsize="11")
    draw_in_folders(
        dot,
        [(it.node, number) for number, it in enumerate(both.nodes)],
        lambda box, number: _draw_node(box, both.nodes[number], f"f{number}"),
    )
    for number, call in enumerate(both.calls):
        _draw_edge(dot, call, f"e{number}")
    return str(dot.source)


def _draw_node(dot: graphviz.Digraph, both: MergedNode, identifier: str) -> None:
    node, state = both.node, both.state
    milestone = " milestone" if node.milestones else ""
    dot.node(
        identifier,
        label=graphviz.nohtml("\\n".join(_node_lines(both, state))),
        id=identifier,
        tooltip=dot_text(f"{node.function.name} in {node.file or node.function.where}: {state}"),
        URL=_link(node.function),
        **{"class": f"fn {state}{milestone}", **_NODE_STYLES[state]},
    )


def _link(function: Function) -> str:
    link = "#f=" + quote(visible(f"{function.name}@{function.where}"), safe="")
    return link if len(link) <= _LONGEST_LINK else ""


def _node_lines(both: MergedNode, state: str) -> list[str]:
    node = both.node
    name = dot_text(node.function.name)
    if both.old and both.new and both.old.function.name != both.new.function.name:
        name = f"{dot_text(both.old.function.name)} →\\n{name}"
    sign = {"gone": f"{_REMOVED} ", "new": f"{_ADDED} "}.get(state, "")
    words = ", ".join(words for kind, words in _CHANGED_WORDS.items() if kind in both.kinds)
    word = {"gone": "gone", "new": "new", "changed": words}.get(state, "")
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
        **{"class": state, **_EDGE_STATES[state]},
    )


def _edge_label(call: MergedCall, state: str) -> str:
    before, after = (_words(side) for side in (call.old, call.new))
    if state == "gone":
        return f"{_REMOVED} {before or 'gone'}"
    if state == "new":
        return f"{_ADDED} {after}".rstrip()
    if state == "same":
        return after
    if not call.old or not call.new:
        return after or before
    if before == after:
        return f"{_CHANGED} {after}, set in another way"
    was, now = before or CALL_KINDS[call.old.kind].label, after or CALL_KINDS[call.new.kind].label
    sign = "" if state == "note" else f"{_CHANGED} "
    return f"{sign}{was} →\\n{now}"


def _words(call: Call | None) -> str:
    """The pointer's place, else the word for the kind; "" for a plain call."""
    if call is None:
        return ""
    slots = dict.fromkeys(p.name for p in call.pointers if p.name and p.kind is not SlotKind.ARGUMENT)
    return dot_text(", ".join(slots)) if slots else kind_label(call.kind)
