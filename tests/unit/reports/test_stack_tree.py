"""The stacks of a recording as a tree: counts, kinds of calls, pointers, and the threads."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from analyzer.errors import UsageError
from analyzer.graph.merge import graph_of
from gdbscripts.enums import StopReason
from reports.json.tree import tree_json
from reports.text.stack_tree import graph_trees, recording_trees, trees_text
from tests.support.exports import example, large
from tests.support.notation import recording


def tree(run, function=""):
    return "".join(trees_text(recording_trees(run, function)))


def test_equal_stacks_are_one_line_with_their_count_and_a_fork_is_indented_most_frequent_first():
    run = recording("main > a > b", "main > a *> c", "main > a *> c", "main > a", "main > d > e")
    assert tree(run).splitlines() == [
        "== main thread",
        "main  5",
        "├─  > a  4 (1 end here)",
        "│  ├─ *> c  2",
        "│  └─  > b  1",
        "└─  > d  1",
        "    > e  1",
        "Key: > direct call; *> call through a pointer; N: stacks through the function; "
        "(N end here): stacks that end in it.",
    ]


def test_a_function_that_is_called_in_two_ways_has_a_line_for_each():
    assert tree(recording("main > a", "main *> a")).splitlines()[1:4] == ["main  2", "├─  > a  1", "└─ *> a  1"]


def test_each_thread_has_a_tree_with_its_creator_its_pointers_and_the_functions_of_the_kernel():
    lines = tree(example()).splitlines()
    assert "│  *> goal  5  through AccelClass.init_machine" in lines
    assert "== CPU 0/KVM, created by main > realize > start > pthread_create" in lines
    assert lines[lines.index("vcpu_fn  1") :][:4] == [
        "vcpu_fn  1",
        "i> kvm_cpu_exec  1",
        " > ioctl  1",
        "$> kvm_vcpu_ioctl  1",
    ]


def nodes_of(run):
    document = json.loads(tree_json(recording_trees(run), graph_of(example()).provenance))
    return [node for thread in document["threads"] for node in thread["nodes"]]


def test_the_counts_are_those_of_the_graph():
    hits, innermost = Counter(), Counter()
    for node in nodes_of(example()):
        hits[node["function"]["name"]] += node["hits"]
        innermost[node["function"]["name"]] += node["innermost"]
    graph = graph_of(example())
    assert hits == {node.function.name: node.frames for node in graph.nodes}
    assert +innermost == {node.function.name: node.innermost for node in graph.nodes if node.innermost}


def test_the_json_names_the_caller_of_each_node_by_its_index():
    nodes = nodes_of(recording("main > a > b", "main *> c"))
    assert [(it["caller"], it["function"]["name"], it["kind"], it["hits"]) for it in nodes] == [
        (None, "main", None, 2),
        (0, "a", "direct", 1),
        (1, "b", "direct", 1),
        (0, "c", "indirect", 1),
    ]


def test_where_threads_stood_at_the_end_is_no_hit_unless_it_is_all_that_there_is():
    run = recording("main > a", "main > b")
    where = replace(run, stops=(run.stops[0], replace(run.stops[1], reason=StopReason.WHERE)))
    assert "b" not in tree(where).partition("Key")[0]
    only = replace(run, stops=tuple(replace(stop, reason=StopReason.WHERE) for stop in run.stops))
    assert "main  2" in tree(only)


def test_one_function_is_selected_as_in_the_backtraces_and_an_unknown_one_is_refused():
    run = recording("main > a > b", "main > c")
    assert tree(run, "c").splitlines()[1:3] == ["main  1", " > c  1"]
    with pytest.raises(UsageError, match="No backtrace of z was recorded"):
        tree(run, "z")


def test_the_tree_of_a_graph_is_that_of_its_chains_without_counts():
    lines = "".join(trees_text(graph_trees(graph_of(example())))).splitlines()
    assert lines[lines.index("== main thread") :][:3] == [
        "== main thread",
        "main",
        "├─  > accel_init",
    ]
    assert "│  *> goal  through AccelClass.init_machine" in lines
    assert "=> vcpu_fn" in lines


def test_a_deep_stack_and_many_hits_are_no_problem():
    assert "main  2000\n" in tree(large(2000, 3, 3000))
