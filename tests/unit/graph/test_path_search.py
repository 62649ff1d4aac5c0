"""What a search costs: counted, not timed."""

from __future__ import annotations

from itertools import islice

from analyzer.graph.merge import merge
from analyzer.graph.path_search import PathConditions, PathSearch, StepBudget, UsableCalls
from analyzer.graph.paths import PathFinder
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind
from tests.support.graphs import graph_of_edges, ladder, path_text, query
from tests.support.notation import recording


def everywhere(_call):
    return True


def test_the_first_paths_of_more_than_anyone_can_count_are_there_at_once():
    finder = PathFinder(ladder(200), query("n0", "n200"), step_limit=10_000)
    assert len(list(islice(finder.all(), 5))) == 5


def test_a_search_that_takes_too_long_is_cut_off_and_says_so():
    finder = PathFinder(ladder(40), query("n0", "n40"), step_limit=10_000)
    paths = list(finder.all())
    assert finder.limit_reached
    assert 0 < sum(len(path.calls) for path in paths) <= 10_000


def test_a_chain_without_a_goal_costs_nothing():
    way = " > ".join(f"x{n}" for n in range(20))
    graph = merge([recording(" > ".join(f"f{n}" for n in range(300)), f"f1 > {way} > goal")])
    finder = PathFinder(graph, query("f.*"), step_limit=100)  # pieces of the long chain, as long as this, are 6000
    assert path_text(next(finder.all())) == f"f1 > {way} > goal (recorded)"


def test_the_shortest_path_in_a_big_graph_looks_at_each_call_at_most_once_from_either_end():
    size = 50_000
    edges = {(f"n{n}", f"n{n + 1}", CallKind.DIRECT) for n in range(size)}
    edges |= {(f"n{n}", f"n{n // 2}", CallKind.DIRECT) for n in range(1, size)}  # as many that lead back
    graph = graph_of_edges(edges)
    steps = StepBudget(10 * size)
    net = UsableCalls(graph, everywhere)
    start, goal = Function("n0", "main"), Function(f"n{size}", "main")
    search = PathSearch(net, [goal], PathConditions(), steps)
    assert steps.taken <= len(edges)
    before = steps.taken
    path = next(search.shortest(start))
    assert len(path) == size
    assert steps.taken - before <= len(edges) + len(path) + 1


def test_only_functions_are_entered_from_which_a_goal_is_still_near_enough():
    edges = {("main", "a", CallKind.DIRECT), ("a", "goal", CallKind.DIRECT), ("main", "n0", CallKind.DIRECT)}
    edges |= {(f"n{n}", f"n{n + 1}", CallKind.DIRECT) for n in range(1000)}
    steps = StepBudget(100)
    search = PathSearch(
        UsableCalls(graph_of_edges(edges), everywhere), [Function("goal", "main")], PathConditions(), steps
    )
    assert len(list(search.paths([Function("main", "main")]))) == 1
    assert steps.taken < 20
