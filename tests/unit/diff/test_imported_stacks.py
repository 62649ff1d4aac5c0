"""A backtrace that somebody pasted, compared with a recording."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.diff.compare import compare
from reports.text.sentences import sentence
from tests.support.comparisons import NAMES, changes, source, two_milestones


def test_what_an_imported_backtrace_does_not_show_is_no_complaint():
    pasted = source("main .> goal", scenario="import")
    whole = two_milestones("main > goal", "main > goal > b")
    assert compare(pasted, whole, NAMES).not_comparable == ()
    assert changes(pasted, whole) == changes(whole, pasted) == []


def test_a_pasted_stack_that_the_other_side_has_not_is_told():
    pasted = _pasted("main .> goal", at="elsewhere")
    elsewhere = source("main > b > c")
    for old, new in ((pasted, elsewhere), (elsewhere, pasted)):
        assert [entry.reason for entry in compare(old, new, NAMES).not_comparable] == [
            "NEW has no chain that leads there"
        ]


def test_a_pasted_stack_that_ends_on_the_way_is_compared_with_that_part():
    pasted = _pasted("main .> a .> b", at="b")
    assert changes(pasted, source("main > a > b > goal")) == []
    assert changes(pasted, source("main > a > x > b > goal")) == ["inserted x"]
    assert changes(source("main > a > x > b > goal"), pasted) == ["removed x"]


def test_a_pasted_stack_is_compared_with_the_chain_that_is_most_like_it():
    whole = two_milestones("main > kvm_init > ioctl", "main => thread > kvm_run > ioctl")
    pasted = _pasted("thread .> kvm_run .> ioctl", at="ioctl")
    assert changes(pasted, whole) == changes(whole, pasted) == []


@pytest.mark.parametrize("excerpt", ["b .> goal", "a .> b .> goal", "a .> b", "b"])
def test_an_excerpt_is_compared_with_what_it_is_an_excerpt_of(excerpt):
    pasted = _pasted(excerpt, at=excerpt.split()[-1])
    assert changes(pasted, source("main > a > b > goal")) == []
    assert changes(source("main > a > b > goal"), source(excerpt.replace("b", "x .> b"), scenario="import")) != []


def test_a_stack_of_a_crash_is_compared_as_far_as_the_program_went():
    pasted = _pasted("main .> a .> b .> assert_fail .> abort", at="abort")
    for whole, expected in (("main > a > b > goal", []), ("main > a > x > b > goal", ["inserted x"])):
        diff = compare(pasted, source(whole), NAMES)
        assert [f"{change.kind} {change.subject}" for change in diff.changes] == expected
        assert [entry.reason for entry in diff.not_comparable] == [
            "NEW has no chain that continues with assert_fail"
        ]


def test_a_pasted_stack_of_a_thread_is_compared_without_the_thread_s_creation():
    whole = source("main > start => run > goal", thread="CPU 0/KVM")
    assert changes(source("run .> goal", scenario="import"), whole) == []
    assert changes(whole, source("run .> a .> goal", scenario="import")) == ["inserted a"]
    assert changes(source("main .> start .> run .> goal", scenario="import"), whole) == ["call-kind run"]


def test_a_debugger_shows_no_function_that_left_by_a_jump():
    pasted = source("main .> b .> goal", scenario="import")
    for whole, expected in (
        ("main *> a t> b > goal", ["optimised a"]),
        ("main > x > a t> b > goal", ["inserted x", "optimised a"]),
        ("main > a > b > goal", ["inserted a"]),
    ):
        assert changes(pasted, source(whole)) == expected


def test_of_what_came_in_as_history_knows_no_older_program_is_thought_to_have_left_it_by_a_jump():
    pasted = source("main .> pc_new_cpu .> goal", scenario="import")
    assert changes(pasted, source("main > pc_new_cpu > qdev_realize t> goal")) == ["inserted qdev_realize"]


@pytest.mark.parametrize(
    ("thread", "other", "expected"),
    [
        ("main thread", "qemu-system-x86", []),  # a stack without `main` may be of the main thread, too
        ("unknown thread", "CPU 0/KVM", []),
        ("CPU 0/KVM", "CPU 1/KVM", ["thread The goal"]),
    ],
)
def test_a_thread_counts_in_two_backtraces_where_both_name_it(thread, other, expected):
    old, new = (source("a .> goal", scenario="import", thread=name) for name in (thread, other))
    assert changes(old, new) == changes(new, old) == expected


@pytest.mark.parametrize("line", ["main > a > b > goal", "main > a > x > y > b > goal"])
def test_what_stands_at_a_hole_cannot_be_compared(line):
    pasted = source("main .> a ?> b .> goal", scenario="import", name="PASTED")
    for old, new in ((pasted, source(line)), (source(line), pasted)):
        diff = compare(old, new, NAMES)
        assert {str(change.kind) for change in diff.changes} <= {"kind-unknown"}
        assert [f"{entry.subject}: {entry.reason}" for entry in diff.not_comparable] == [
            "Between a and b: PASTED has the unknown frame ??"
        ]


def test_of_a_function_beside_a_hole_it_is_told_that_one_side_does_not_know():
    pasted = source("main ?> goal", scenario="import")
    (change,) = compare(source("main > a > goal"), pasted, NAMES).changes
    assert (
        sentence(change)
        == "a: only one side knows the kind of the call: direct call in the old graph, ?? in the new graph"
    )


def test_a_call_of_which_a_recording_does_not_know_the_kind_is_no_hole():
    diff = compare(source("main .> a .> goal", scenario="import"), source("main ?> goal"), NAMES)
    assert [str(change.kind) for change in diff.changes] == ["optimised"] and not diff.not_comparable


@pytest.mark.parametrize(
    ("second", "reasons"),
    [
        ("a .> b .> goal", []),
        ("main .> x .> b .> goal", ["NEW has no other chain that leads there"]),
    ],
)
def test_a_second_stack_to_a_milestone_is_compared_where_it_goes_the_same_way(second, reasons):
    pasted, whole = source("main .> a .> b .> goal", second, scenario="import"), source("main > a > b > goal")
    for old, new in ((pasted, whole), (whole, pasted)):
        diff = compare(old, new, NAMES)
        assert not diff.changes
        assert [entry.reason for entry in diff.not_comparable] == reasons


def test_stacks_that_end_on_the_way_are_each_compared_with_the_chain_they_are_like():
    whole = two_milestones("main > kvm_init > ioctl", "main => thread > kvm_run > ioctl")
    pasted = source("main .> kvm_init .> ioctl", "thread .> kvm_run .> ioctl", scenario="import")
    pasted.graph.chains = tuple(replace(chain, milestone="at ioctl") for chain in pasted.graph.chains)
    diff = compare(pasted, whole, NAMES)
    assert (diff.changes, diff.not_comparable, len(diff.chains)) == ((), (), 2)


def _pasted(line, at):
    """A graph of a stack of which nothing but the function it ends at tells where it leads to."""
    made = source(line, scenario="import")
    made.graph.chains = tuple(replace(chain, milestone=f"at {at}") for chain in made.graph.chains)
    return made
