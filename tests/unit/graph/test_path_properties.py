"""Paths in small random graphs, against all that there are."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.graph.merge import merge
from analyzer.graph.paths import PathFinder
from tests.support.graphs import EDGES, NAMES, graph_of_edges, query
from tests.support.notation import recording

CONDITIONS = st.fixed_dictionaries(
    {
        "start": st.sampled_from(["a", "b", "[ab]", "."]),
        "goal": st.sampled_from(["c", "d", "[cd]", "a", "."]),
        "via": st.lists(st.sampled_from(["b", "e", "[ef]"]), max_size=2),
        "not_via": st.lists(st.sampled_from(["b", "f"]), max_size=1),
        "kinds": st.lists(st.sampled_from(["indirect", "tail", "direct,tail"]), max_size=2),
        "only_kinds": st.lists(st.sampled_from(["direct", "indirect,tail"]), max_size=1),
    }
)


def everything(edges, asked):
    """All that there is, tried one by one: tuples of (caller, callee, kind)."""
    wanted = query(**asked)
    ways = [[edge] for edge in edges if wanted.start.name.fullmatch(edge[0])]
    answer = set()
    while ways:
        way = ways.pop()
        names = [way[0][0], *(callee for _, callee, _ in way)]
        if meets(names, way, wanted):
            answer.add(tuple(way))
        if len(set(names)) == len(names):
            ways += [[*way, edge] for edge in edges if edge[0] == names[-1] and edge[1] not in names[1:]]
    return answer


def meets(names, way, wanted):
    kinds = {kind for _, _, kind in way}
    return (
        wanted.goal.name.fullmatch(names[-1])
        and len(set(names[1:])) == len(names) - 1
        and names[0] not in names[1:-1]
        and all(any(via.name.fullmatch(name) for name in names) for via in wanted.via)
        and not any(via.name.fullmatch(name) for via in wanted.not_via for name in names)
        and all(kinds & some for some in wanted.kinds)
        and (not wanted.only_kinds or kinds <= wanted.only_kinds)
    )


def plain(path):
    return tuple((call.caller.name, call.callee.name, call.kind) for call in path.calls)


@given(EDGES, CONDITIONS)
@settings(max_examples=300)
def test_all_paths_are_those_that_trying_everything_gives(edges, asked):
    finder = PathFinder(graph_of_edges(edges), query(**asked))
    paths = list(map(plain, finder.all()))
    assert not finder.limit_reached
    assert len(set(paths)) == len(paths)
    assert set(paths) == everything(edges, asked)


@given(EDGES, CONDITIONS)
def test_paths_come_shortest_first_and_the_shortest_are_the_beginning(edges, asked):
    graph = graph_of_edges(edges)
    lengths, least = {}, {}
    for path in PathFinder(graph, query(**asked)).all():
        lengths.setdefault(path.ends, []).append(len(path.calls))
    assert all(sorted(of_pair) == of_pair for of_pair in lengths.values())
    for path in PathFinder(graph, query(**asked)).shortest():
        least.setdefault(path.ends, []).append(len(path.calls))
    assert least == {ends: [n for n in of_pair if n == of_pair[0]] for ends, of_pair in lengths.items()}


STACKS = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(" > ".join), min_size=1, max_size=4)


@given(STACKS, st.sampled_from(["a", "."]), st.sampled_from(["c", "."]))
def test_what_is_called_recorded_is_in_one_piece_in_a_recorded_stack_and_nothing_else_is(stacks, start, goal):
    graph = merge([recording(*stacks)])
    pieces = [f" {stack.replace(' > ', ' ')} " for stack in stacks]
    for path in PathFinder(graph, query(start, goal)).all():
        names = " ".join(function.name for function in path.functions)
        assert path.recorded == any(f" {names} " in piece for piece in pieces)
        for caller, callee in pairwise(path.functions):
            assert callee in [call.callee for call in graph.callees(caller)]
