"""Graphs made of single calls, and the paths that are found in them."""

from __future__ import annotations

from hypothesis import strategies as st

from analyzer.commands.paths import QueryOptions, parse_query
from analyzer.graph.call_graph import Call, CallGraph, Node, Provenance
from gdbscripts.call_kinds import CallKind, call_arrow
from tests.support.notation import KINDS, located

NAMES = ["a", "b", "c", "d", "e", "f"]
SOME_KINDS = [CallKind.DIRECT, CallKind.INDIRECT, CallKind.TAIL]
EDGES = st.sets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(SOME_KINDS)), min_size=1, max_size=14
)


def query(start="main", goal="goal", via=(), not_via=(), kinds=(), only_kinds=()):
    """What `analyze paths` is asked for."""
    options = QueryOptions(start=start, goal=goal, via=via, not_via=not_via, kinds=kinds, only_kinds=only_kinds)
    return parse_query(options)


def path_text(path):
    """The path in the notation of `tests.support.notation`, and whether it was recorded."""
    first = path.calls[0].caller.name
    text = first + "".join(f" {call_arrow(call.kind)} {call.callee.name}" for call in path.calls)
    return f"{text} (recorded)" if path.recorded else text


def graph(*lines):
    """A graph of the calls on these lines of the notation."""
    words = [line.split() for line in lines]
    return graph_of_edges(
        {
            (caller, callee, KINDS[arrow])
            for chain in words
            for caller, arrow, callee in zip(chain[::2], chain[1::2], chain[2::2], strict=False)
        }
    )


def graph_of_edges(edges):
    """A graph of calls `(caller, callee, kind)`."""
    made = CallGraph(Provenance("test", "", "", "", "", "", True))
    known = {name: located(name) for caller, callee, _ in edges for name in (caller, callee)}
    for function, file in known.values():
        made.put(Node(function, file))
    for caller, callee, kind in sorted(edges):
        made.connect(Call(known[caller][0], known[callee][0], kind, 1))
    return made


def ladder(steps):
    """`steps` diamonds in a row: as many as two to the power of `steps` paths, all of one length."""
    names = [(f"n{n}", f"{side}{n}", f"n{n + 1}") for n in range(steps) for side in ("l", "r")]
    return graph_of_edges(
        {edge for a, b, c in names for edge in ((a, b, CallKind.DIRECT), (b, c, CallKind.DIRECT))}
    )
