"""Graphs made of single calls, and the paths that are found in them."""

from __future__ import annotations

from hypothesis import strategies as st

from analyzer.graph.callgraph import Call, CallGraph, Node, Provenance
from analyzer.model import Function, Kind
from analyzer.querying import make_query
from tests.notation import ARROWS

NAMES = ["a", "b", "c", "d", "e", "f"]
KINDS = [Kind.DIRECT, Kind.INDIRECT, Kind.TAIL]
EDGES = st.sets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(KINDS)), min_size=1, max_size=14
)


def query(start="main", goal="goal", via=(), not_via=(), kinds=(), only_kinds=()):
    """What `analyze paths` is asked for."""
    return make_query(start, goal, via, not_via, kinds, only_kinds)


def path_text(path):
    """The path in the notation of `tests.notation`, and whether it was recorded."""
    first = path.calls[0].caller.name
    text = first + "".join(f"{ARROWS[call.kind]}{call.callee.name}" for call in path.calls)
    return f"{text} (recorded)" if path.recorded else text


def graph_of_edges(edges):
    """A graph of calls `(caller, callee, kind)`."""
    graph = CallGraph(Provenance("test", "", "", "", "", "", True))
    for name in {name for caller, callee, _ in edges for name in (caller, callee)}:
        graph.put(Node(Function(name, "main")))
    for caller, callee, kind in sorted(edges):
        graph.connect(Call(Function(caller, "main"), Function(callee, "main"), kind, 1))
    return graph


def ladder(steps):
    """`steps` diamonds in a row: as many as two to the power of `steps` paths, all of one length."""
    names = [(f"n{n}", f"{side}{n}", f"n{n + 1}") for n in range(steps) for side in ("l", "r")]
    return graph_of_edges({edge for a, b, c in names for edge in ((a, b, Kind.DIRECT), (b, c, Kind.DIRECT))})
