"""Two graphs drawn as one."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analyzer.diff.change import Change, ChangeKind
from analyzer.diff.merged_graph import merge_graphs
from analyzer.graph.call_graph import Node
from analyzer.model.frames import Function
from reports.dot.merged_graph import merged_dot
from tests.support.graphs import graph
from tests.support.verdicts import chain, same, verdict


def diff(rows="", **options):
    return verdict(chain("goal", rows, **options)).diff


def nodes(old, new, found):
    return {node.node.function.name: node.state for node in merge_graphs(old, new, found).nodes}


def calls(old, new, found):
    both = merge_graphs(old, new, found)
    names = [node.node.function.name for node in both.nodes]
    return [f"{names[call.caller]} {call.state} {names[call.callee]}" for call in both.calls]


def test_a_graph_with_itself_is_all_the_same():
    one = graph("main > a", "a *> b", "a > b")
    found = diff(same("main", "a", "b"))
    assert set(nodes(one, one, found).values()) == {"same"}
    assert [call.state for call in merge_graphs(one, one, found).calls] == ["same"] * 3


def test_what_is_on_one_side_only_is_gone_or_new():
    old, new = graph("main > a", "main > b"), graph("main > a", "a > c")
    assert nodes(old, new, diff()) == {"main": "same", "a": "same", "b": "gone", "c": "new"}
    assert calls(old, new, diff()) == ["a new c", "main same a", "main gone b"]


def test_a_renamed_function_is_one_node_with_both_names_and_its_calls_stay():
    old, new = graph("main > a", "a > b"), graph("main > z", "z > b")
    found = diff(same("main") + "~ > a | > z\n" + same("b"))
    assert nodes(old, new, found) == {"main": "same", "z": "changed", "b": "same"}
    assert calls(old, new, found) == ["main same z", "z same b"]
    assert "a →\\nz" in merged_dot(old, new, found)


def test_a_call_of_which_a_backtrace_does_not_tell_whether_it_is_direct_is_the_same():
    pasted, recorded = graph("main .> a", "a .> b"), graph("main > a", "a *> b")
    found = diff(same("main", "a", "b"))
    for old, new in ((pasted, recorded), (recorded, pasted)):
        assert calls(old, new, found) == ["a same b", "main same a"]


def test_a_call_of_which_one_recording_does_not_know_the_kind_is_a_note():
    unknown, known = graph("main ?> a"), graph("main *> a")
    found = diff(same("main", "a"))
    assert calls(unknown, known, found) == calls(known, unknown, found) == ["main note a"]
    pasted = replace(found, old=replace(found.old, provenance=replace(found.old.provenance, scenario="import")))
    assert calls(unknown, known, pasted) == ["main same a"]


def test_another_machine_version_is_a_note():
    old, new = graph("main > pc_v1"), graph("main > pc_v2")
    found = diff(same("main") + "# > pc_v1 | > pc_v2\n")
    assert nodes(old, new, found) == {"main": "same", "pc_v2": "note"}
    assert 'label="pc_v1 →' in merged_dot(old, new, found)


def test_the_only_function_of_its_name_is_the_same_in_another_file():
    old, new = graph("main > a@one"), graph("main > a@two")
    assert nodes(old, new, diff()) == {"main": "same", "a": "same"}


def test_no_two_functions_become_one():
    old, new = graph("main > a", "main > b"), graph("main > z")
    found = diff(same("main") + "~ > a | > z\n~ > b | > z\n")
    assert nodes(old, new, found) == {"main": "same", "z": "changed", "b": "gone"}


def test_of_two_functions_of_one_name_none_is_guessed():
    old, new = graph("main > a@one"), graph("main > a@two")
    new.put(Node(Function("a", "three")))
    assert [node.state for node in merge_graphs(old, new, diff()).nodes] == ["gone", "new", "new", "same"]


def test_a_call_that_turned_into_one_through_a_pointer_names_both():
    old, new = graph("main > a"), graph("main *> a")
    assert calls(old, new, diff()) == ["main changed a"]
    assert "~ direct call →\\ncall through a pointer" in merged_dot(old, new, diff())


def test_a_call_inlined_in_one_build_is_a_note():
    old, new = graph("main > a"), graph("main i> a")
    assert calls(old, new, diff()) == ["main note a"]
    assert 'label="direct call →\\ninlined' in merged_dot(old, new, diff())


def test_what_only_the_compiler_took_away_is_not_called_gone():
    old, new = graph("main > a", "a > b"), graph("main t> b")
    found = diff(same("main") + "= > a |\n" + same("b"))
    assert nodes(old, new, found) == {"main": "same", "a": "note", "b": "same"}
    assert calls(old, new, found) == ["a note b", "main note a", "main note b"]


def test_a_function_of_which_the_beginning_is_inlined_does_not_call_itself_anew():
    old, new = graph("main > a"), graph("main i> a", "a > a")
    assert calls(old, new, diff()) == ["a note a", "main note a"]
    assert calls(old, graph("main > a", "a > a"), diff()) == ["a new a", "main same a"]


def test_past_an_optimised_function_goes_one_call_and_no_more():
    old, new = (
        graph("main > a", "a > b", "b > c"),
        graph("main > b", "b > c", "main > c"),
    )
    found = diff(same("main") + "= > a |\n" + same("b", "c"))
    assert calls(old, new, found)[-2:] == ["main note b", "main new c"]


def test_a_function_that_is_optimised_on_one_way_and_removed_on_another_is_gone():
    old, new = graph("main > a", "a > b"), graph("main > b")
    ways = (chain(kind, f"{same('main')}{kind} > a |\n{same('b')}") for kind in "=-")
    found = verdict(*ways).diff
    assert nodes(old, new, found)["a"] == "gone"


def test_beside_a_removed_function_an_optimised_one_does_not_hide_the_difference():
    old, new = graph("main > a", "a > r", "r > b"), graph("main > b")
    found = diff(same("main") + "= > a |\n- > r\n" + same("b"))
    assert calls(old, new, found) == ["a note r", "main note a", "main new b", "r gone b"]


def test_the_hosts_kernel_is_no_difference_between_programs():
    old = graph("main > ioctl")
    new = graph("main > ioctl $> kvm_fn@[kernel]")
    assert nodes(old, new, diff()) == {"main": "same", "ioctl": "same", "kvm_fn": "note"}
    assert calls(old, new, diff()) == ["ioctl note kvm_fn", "main same ioctl"]


def test_a_function_moved_outside_the_chains_is_changed():
    old, new = graph("main > a@one"), graph("main > a@two")
    found = verdict(extra=[Change(ChangeKind.MOVED, "a", "hw/one.c", "hw/two.c")]).diff
    assert nodes(old, new, found) == {"main": "same", "a": "changed"}


def test_a_function_of_which_only_the_name_is_left_stays_in_its_folder():
    old, new = graph("main@ > a@one"), graph("main@ > a@")
    dot = merged_dot(old, new, diff("  > a@one | > a@\n"))
    assert "label=hw" in dot
    assert "one.c" in dot


def test_a_pointer_set_in_another_way_is_a_changed_call():
    found = diff(same("main") + "& *> a\n", slots=({"a": "Ops.go by x"}, {"a": "Ops.go by y"}))
    one = graph("main *> a")
    assert calls(one, one, found) == ["main changed a"]
    assert "set in another way" in merged_dot(one, one, found)


def test_gone_and_new_are_told_apart_by_sign_and_line():
    dot = merged_dot(graph("main > a"), graph("main > b"), diff())
    gone = next(line for line in dot.splitlines() if 'label="- a' in line)
    new = next(line for line in dot.splitlines() if 'label="+ b' in line)
    assert "dashed" in gone and "gone" in gone and 'class="fn gone"' in gone
    assert "bold" in new and 'class="fn new"' in new
    assert "- gone" in dot


def test_a_node_leads_to_its_rows_unless_its_name_is_too_long_for_dot():
    dot = merged_dot(graph("main > a"), graph("main > a"), diff())
    assert 'URL="#f=a%40main"' in dot
    long = "n" * 10_000
    assert max(map(len, merged_dot(graph(f"main > {long}"), graph("main > a"), diff()).splitlines())) < 2000


names = st.sampled_from(["a", "b", "c", "d", "e"])
edges = st.lists(st.tuples(names, st.sampled_from([">", "*>", "i>"]), names), min_size=1, max_size=8)


@given(edges, edges)
def test_nothing_of_either_side_is_lost_and_turned_round_gone_is_new(old_edges, new_edges):
    old, new = (graph(*(" ".join(edge) for edge in edges)) for edges in (old_edges, new_edges))
    there = merge_graphs(old, new, diff()).calls
    assert sum(call.old is not None for call in there) == len(old.calls)
    assert sum(call.new is not None for call in there) == len(new.calls)
    turned = {"gone": "new", "new": "gone"}
    back = sorted(turned.get(call.state, call.state) for call in merge_graphs(new, old, diff()).calls)
    assert sorted(call.state for call in there) == back
    ids = re.findall(r"\bid=(\w+)", merged_dot(old, new, diff()))
    assert len(ids) == len(set(ids)) == len(there) + len(merge_graphs(old, new, diff()).nodes)
