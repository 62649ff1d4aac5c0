"""Two call graphs merged into one, and its drawing."""

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
    merged = merge_graphs(old, new, found)
    names = [node.node.function.name for node in merged.nodes]
    return [f"{names[call.caller]} {call.state} {names[call.callee]}" for call in merged.calls]


def test_a_graph_compared_with_itself_is_unchanged():
    one = graph("main > a", "a *> b", "a > b")
    found = diff(same("main", "a", "b"))
    assert set(nodes(one, one, found).values()) == {"unchanged"}
    assert [call.state for call in merge_graphs(one, one, found).calls] == ["unchanged"] * 3


def test_a_function_or_call_of_one_side_is_removed_or_added():
    old, new = graph("main > a", "main > b"), graph("main > a", "a > c")
    assert nodes(old, new, diff()) == {"main": "unchanged", "a": "unchanged", "b": "removed", "c": "added"}
    assert calls(old, new, diff()) == ["a added c", "main unchanged a", "main removed b"]


def test_a_renamed_function_is_one_node_with_both_names_and_unchanged_calls():
    old, new = graph("main > a", "a > b"), graph("main > z", "z > b")
    found = diff(same("main") + "~ > a | > z\n" + same("b"))
    assert nodes(old, new, found) == {"main": "unchanged", "z": "changed", "b": "unchanged"}
    assert calls(old, new, found) == ["main unchanged z", "z unchanged b"]
    assert "a →\\nz" in merged_dot(old, new, found)


def test_a_call_of_an_imported_backtrace_is_unchanged_whether_direct_or_indirect():
    imported, recorded = graph("main .> a", "a .> b"), graph("main > a", "a *> b")
    found = diff(same("main", "a", "b"))
    for old, new in ((imported, recorded), (recorded, imported)):
        assert calls(old, new, found) == ["a unchanged b", "main unchanged a"]


def test_a_call_whose_kind_one_recording_does_not_know_is_a_note():
    unknown, known = graph("main ?> a"), graph("main *> a")
    found = diff(same("main", "a"))
    assert calls(unknown, known, found) == calls(known, unknown, found) == ["main note a"]
    imported = replace(found, old=replace(found.old, provenance=replace(found.old.provenance, scenario="import")))
    assert calls(unknown, known, imported) == ["main unchanged a"]


def test_another_machine_version_is_a_note():
    old, new = graph("main > pc_v1"), graph("main > pc_v2")
    found = diff(same("main") + "# > pc_v1 | > pc_v2\n")
    assert nodes(old, new, found) == {"main": "unchanged", "pc_v2": "note"}
    assert 'label="pc_v1 →' in merged_dot(old, new, found)


def test_the_only_function_of_its_name_is_unchanged_in_another_file():
    old, new = graph("main > a@one"), graph("main > a@two")
    assert nodes(old, new, diff()) == {"main": "unchanged", "a": "unchanged"}


def test_two_functions_are_not_merged_into_one():
    old, new = graph("main > a", "main > b"), graph("main > z")
    found = diff(same("main") + "~ > a | > z\n~ > b | > z\n")
    assert nodes(old, new, found) == {"main": "unchanged", "z": "changed", "b": "removed"}


def test_a_function_is_not_matched_when_two_have_its_name():
    old, new = graph("main > a@one"), graph("main > a@two")
    new.put(Node(Function("a", "three")))
    assert [node.state for node in merge_graphs(old, new, diff()).nodes] == [
        "removed",
        "added",
        "added",
        "unchanged",
    ]


def test_a_direct_call_that_became_indirect_names_both_kinds():
    old, new = graph("main > a"), graph("main *> a")
    assert calls(old, new, diff()) == ["main changed a"]
    assert "~ direct call →\\ncall through a pointer" in merged_dot(old, new, diff())


def test_a_call_inlined_in_one_build_is_a_note():
    old, new = graph("main > a"), graph("main i> a")
    assert calls(old, new, diff()) == ["main note a"]
    assert 'label="direct call →\\ninlined' in merged_dot(old, new, diff())


def test_a_function_that_only_the_compiler_elided_is_not_removed():
    old, new = graph("main > a", "a > b"), graph("main t> b")
    found = diff(same("main") + "= > a |\n" + same("b"))
    assert nodes(old, new, found) == {"main": "unchanged", "a": "note", "b": "unchanged"}
    assert calls(old, new, found) == ["a note b", "main note a", "main note b"]


def test_a_partly_inlined_function_does_not_add_a_call_of_itself():
    old, new = graph("main > a"), graph("main i> a", "a > a")
    assert calls(old, new, diff()) == ["a note a", "main note a"]
    assert calls(old, graph("main > a", "a > a"), diff()) == ["a added a", "main unchanged a"]


def test_only_the_call_past_an_optimised_function_is_a_note():
    old, new = (
        graph("main > a", "a > b", "b > c"),
        graph("main > b", "b > c", "main > c"),
    )
    found = diff(same("main") + "= > a |\n" + same("b", "c"))
    assert calls(old, new, found)[-2:] == ["main note b", "main added c"]


def test_a_function_optimised_in_one_chain_and_removed_from_another_is_removed():
    old, new = graph("main > a", "a > b"), graph("main > b")
    chains = (chain(kind, f"{same('main')}{kind} > a |\n{same('b')}") for kind in "=-")
    found = verdict(*chains).diff
    assert nodes(old, new, found)["a"] == "removed"


def test_beside_a_removed_function_an_optimised_one_does_not_hide_the_difference():
    old, new = graph("main > a", "a > r", "r > b"), graph("main > b")
    found = diff(same("main") + "= > a |\n- > r\n" + same("b"))
    assert calls(old, new, found) == ["a note r", "main note a", "main added b", "r removed b"]


def test_the_hosts_kernel_is_no_difference_between_programs():
    old = graph("main > ioctl")
    new = graph("main > ioctl $> kvm_fn@[kernel]")
    assert nodes(old, new, diff()) == {"main": "unchanged", "ioctl": "unchanged", "kvm_fn": "note"}
    assert calls(old, new, diff()) == ["ioctl note kvm_fn", "main unchanged ioctl"]


def test_a_function_moved_outside_the_chains_is_changed():
    old, new = graph("main > a@one"), graph("main > a@two")
    found = verdict(extra=[Change(ChangeKind.MOVED, "a", "hw/one.c", "hw/two.c")]).diff
    assert nodes(old, new, found) == {"main": "unchanged", "a": "changed"}


def test_a_function_whose_new_side_has_no_file_stays_in_its_folder():
    old, new = graph("main@ > a@one"), graph("main@ > a@")
    dot = merged_dot(old, new, diff("  > a@one | > a@\n"))
    assert "label=hw" in dot
    assert "one.c" in dot


def test_a_call_whose_pointer_has_another_origin_is_changed():
    found = diff(same("main") + "& *> a\n", slots=({"a": "Ops.go by x"}, {"a": "Ops.go by y"}))
    one = graph("main *> a")
    assert calls(one, one, found) == ["main changed a"]
    assert "other pointer origin" in merged_dot(one, one, found)


def test_removed_and_added_functions_differ_by_sign_line_and_word():
    dot = merged_dot(graph("main > a"), graph("main > b"), diff())
    removed = next(line for line in dot.splitlines() if 'label="- a' in line)
    added = next(line for line in dot.splitlines() if 'label="+ b' in line)
    assert "dashed" in removed and ", removed" in removed and 'class="fn removed"' in removed
    assert "bold" in added and 'class="fn added"' in added
    assert "- removed" in dot


def test_a_node_leads_to_its_rows_unless_its_name_is_too_long_for_dot():
    dot = merged_dot(graph("main > a"), graph("main > a"), diff())
    assert 'URL="#f=a%40main"' in dot
    long = "n" * 10_000
    assert max(map(len, merged_dot(graph(f"main > {long}"), graph("main > a"), diff()).splitlines())) < 2000


names = st.sampled_from(["a", "b", "c", "d", "e"])
edges = st.lists(st.tuples(names, st.sampled_from([">", "*>", "i>"]), names), min_size=1, max_size=8)


@given(edges, edges)
def test_each_call_is_merged_once_and_exchanged_inputs_exchange_removed_and_added(old_edges, new_edges):
    old, new = (graph(*(" ".join(edge) for edge in edges)) for edges in (old_edges, new_edges))
    merged_calls = merge_graphs(old, new, diff()).calls
    assert sum(call.old is not None for call in merged_calls) == len(old.calls)
    assert sum(call.new is not None for call in merged_calls) == len(new.calls)
    exchanged = {"removed": "added", "added": "removed"}
    reverse = sorted(exchanged.get(call.state, call.state) for call in merge_graphs(new, old, diff()).calls)
    assert sorted(call.state for call in merged_calls) == reverse
    ids = re.findall(r"\bid=(\w+)", merged_dot(old, new, diff()))
    assert len(ids) == len(set(ids)) == len(merged_calls) + len(merge_graphs(old, new, diff()).nodes)
