"""What could not be compared is a list of its own, and never told as a change."""

from __future__ import annotations

from dataclasses import replace

from analyzer.baselines.reader import read_baseline
from analyzer.baselines.writer import write_baseline
from analyzer.diff.change import NotComparable
from analyzer.diff.compare import compare
from analyzer.graph.call_graph import MissedMilestone
from tests.support.comparisons import NAMES, changes, outside, source, two_milestones

OPEN_END = "The ioctls, and what is off the chains"


def test_a_milestone_of_a_recording_cut_short():
    whole = source("main > goal", "main > other", ioctls=("A", "B"), name="OLD")
    for old, new in ((whole, source(complete=False, ioctls=("B",))), (source(complete=False), whole)):
        diff = compare(old, new, NAMES)
        assert not diff.changes
        assert [entry.subject for entry in diff.not_comparable][0] == "The goal"
        assert "incomplete recording" in diff.not_comparable[0].reason


def test_what_is_new_in_a_recording_cut_short_is_new():
    new = source("main > goal", ioctls=("A", "B"), complete=False)
    assert changes(source("main > goal", ioctls=("A",)), new) == ["ioctl-added B"]


def test_another_scenario():
    diff = compare(source("main > goal"), source(scenario="io"), NAMES)
    assert [entry.subject for entry in diff.not_comparable] == ["The goal", OPEN_END]
    assert not diff.changes


def test_what_a_recording_cut_short_lacks_besides_its_chains():
    whole = outside("main > x > y", "main > x", ioctls=("A", "B"))
    assert changes(whole, outside("main > x", ioctls=("A",))) == ["function-removed y", "ioctl-removed B"]
    cut = outside("main > x", ioctls=("A",), complete=False)
    for old, new in ((whole, cut), (cut, whole)):
        diff = compare(old, new, NAMES)
        assert diff.changes == ()
        assert [entry.reason for entry in diff.not_comparable] == ["NEW is an incomplete recording"]


def test_what_a_recording_cut_short_has_more_is_told():
    cut = outside("main > x", complete=False)
    assert changes(outside(), cut) == ["function-added x"]


def test_a_function_that_only_one_side_was_asked_for():
    plain, asked = source("main > goal", name="OLD"), two_milestones("main > goal", "main > f")
    goal, later = asked.graph.chains
    asked.graph.chains = (goal, replace(later, milestone="break f"))
    kept = replace(plain, graph=read_baseline(write_baseline(plain.graph), "OLD"))
    for one, reason in (
        (plain, "OLD was recorded without --break for it"),
        (kept, "OLD does not say whether it was recorded with --break for it"),
    ):
        for old, new in ((one, asked), (asked, one)):
            diff = compare(old, new, NAMES)
            assert not diff.changes
            assert NotComparable("Later", reason) in diff.not_comparable
    plain.graph.missing = (MissedMilestone("break f", "Later", True, ("f",)),)
    assert changes(plain, asked) == ["chain-added Later"]
    assert changes(asked, plain) == ["chain-removed Later"]


def test_the_second_chain_to_a_milestone_of_a_recording_cut_short():
    diff = compare(source("main > a > goal", "main > b > goal"), source("main > a > goal", complete=False), NAMES)
    assert not diff.changes
    assert [entry.subject for entry in diff.not_comparable] == ["The goal", OPEN_END]


def test_two_recordings_cut_short_are_not_the_same():
    diff = compare(source("main > goal", complete=False, name="OLD"), source("main > goal", complete=False), NAMES)
    assert {entry.subject for entry in diff.not_comparable} == {OPEN_END}


def test_a_milestone_that_neither_of_two_recordings_cut_short_came_to():
    cut = source(complete=False)
    cut.graph.missing = (MissedMilestone("later", "Later", True, ("f",)),)
    assert "Later" in [entry.subject for entry in compare(cut, cut, NAMES).not_comparable]


def test_graphs_without_chains():
    for scenario in ("startup", "import"):
        diff = compare(source(name="OLD"), source(scenario=scenario), NAMES)
        assert diff.not_comparable
    assert (
        compare(source(name="OLD"), source(), NAMES).not_comparable[0].reason
        == "the graphs have no chain to compare"
    )


def test_the_ladder_is_not_missed_where_there_is_no_kvm():
    with_kvm, without = source("main > goal", ioctls=("KVM_RUN",)), source("main > goal")
    assert changes(with_kvm, without) == changes(without, with_kvm) == []


def test_a_pointer_that_only_one_side_can_explain():
    known = source("main *> goal", slots={"goal": "Ops.go by init"}, name="OLD")
    unknown = source("main *> goal", slots={"goal": "Ops.go"})
    for old, new in ((known, unknown), (unknown, known)):
        diff = compare(old, new, NAMES)
        assert [entry.subject for entry in diff.not_comparable] == ["Who set the pointer to goal"]
        assert not diff.changes


def test_a_pointer_of_which_one_side_says_nothing():
    both = {"a": "Ops.a by init", "goal": "Ops.go by init"}
    whole = source("main *> a *> goal", slots=both, name="OLD")
    diff = compare(whole, source("main *> a *> goal", slots={"a": "Ops.a by init"}), NAMES)
    assert [entry.subject for entry in diff.not_comparable] == ["Who set the pointer to goal"]


def test_what_the_old_side_was_recorded_without():
    whole = source("main *> goal", ioctls=("A",), slots={"goal": "O.go by i"})
    diff = compare(source("main *> goal", name="OLD"), whole, NAMES)
    assert [entry.subject for entry in diff.not_comparable] == ["The ioctls", "Who set the function pointers"]


def test_the_ioctls_when_the_new_side_was_recorded_without():
    diff = compare(source("main > goal", ioctls=("A",)), source("main > goal"), NAMES)
    assert [entry.subject for entry in diff.not_comparable] == ["The ioctls"]


def test_of_another_accelerator_it_is_said_that_it_asks_kvm_for_nothing():
    kvm = source("main > goal", ioctls=("A",), accelerator="kvm")
    diff = compare(kvm, source("main > goal", accelerator="tcg"), NAMES)
    assert [entry.reason for entry in diff.not_comparable] == ["NEW ran with tcg, which issues none"]


def test_what_could_not_be_compared_is_told_once():
    cut = source("main > goal", complete=False)
    assert len(compare(cut, cut, NAMES).not_comparable) == 1


def test_pointers_when_the_new_side_was_recorded_without():
    diff = compare(source("main *> goal", slots={"goal": "O.go by i"}), source("main *> goal"), NAMES)
    assert [entry.subject for entry in diff.not_comparable] == ["Who set the function pointers"]
