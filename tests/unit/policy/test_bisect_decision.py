"""What a graph answers to the question of a bisection; what does not lie in the commit is never an answer."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

import analyzer.commands.bisect
from analyzer.build.configure_and_make import BuildFailedError
from analyzer.cli import main
from analyzer.diff.change import NamedGraph
from analyzer.diff.symbol_history import shipped_history
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.call_graph import CallGraph, MissedMilestone
from analyzer.graph.merge import graph_of
from analyzer.graph.reachability_rules import parse_rule
from analyzer.policy.bisect_decision import (
    BisectAnswer,
    BisectDecision,
    NothingRecorded,
    check_milestones,
    check_same_start,
    combine_decisions,
    decide_by_chains,
    decide_by_rule,
)
from reports.text.bisect import decision_sentence
from tests.support.comparisons import source
from tests.support.notation import recording

GOOD, BAD, SKIP = BisectAnswer.GOOD, BisectAnswer.BAD, BisectAnswer.SKIP


def graph(*chains: str, complete: bool = True, watched: tuple[str, ...] = ()) -> CallGraph:
    made = graph_of(recording(*chains, complete=complete))
    made.missing = tuple(MissedMilestone(f"break {name}", "", True, (name,)) for name in watched)
    return made


def answer(rule: str, made: CallGraph) -> BisectAnswer:
    return decide_by_rule(parse_rule(rule), made).answer


@pytest.mark.parametrize(
    ("rule", "expected", "when_incomplete"),
    [
        ("main must reach b", GOOD, GOOD),
        ("main must not reach b", BAD, BAD),
        ("b must reach a", BAD, SKIP),
        ("b must not reach a", GOOD, SKIP),
        ("main must reach b via c", BAD, SKIP),
        ("main must reach b only via a", GOOD, SKIP),
        ("main must reach b only via c", BAD, BAD),
        ("main must reach gone", SKIP, SKIP),
        ("gone must not reach b", SKIP, SKIP),
        # `never` is in the program, was watched for and did not come
        ("main must reach never", BAD, SKIP),
        ("main must not reach never", GOOD, SKIP),
        ("main must reach b via never", BAD, SKIP),
        ("main must reach b via gone via never", SKIP, SKIP),
        ("main must reach b not via never", SKIP, SKIP),
        ("never must reach b", SKIP, SKIP),
        ("never must not reach b", SKIP, SKIP),
    ],
)
def test_what_was_not_seen_counts_only_where_it_would_have_been(rule, expected, when_incomplete):
    chains = ("main > a > b", "main > c")
    assert answer(rule, graph(*chains, watched=("never",))) is expected
    assert answer(rule, graph(*chains, watched=("never",), complete=False)) is when_incomplete


def test_one_bad_answer_is_enough_and_one_missing_answer_leaves_it_open():
    good, bad, skip = (BisectDecision(which, (NothingRecorded(which.value),)) for which in (GOOD, BAD, SKIP))
    assert combine_decisions([good, bad, skip]) == bad
    assert combine_decisions([good, skip]) == skip
    assert combine_decisions([good, good]).answer == GOOD
    assert decision_sentence(combine_decisions([good, good])) == "good"


def test_turned_round_an_answer_that_is_none_stays_none():
    assert [BisectDecision(which, ()).reversed().answer for which in (GOOD, BAD, SKIP)] == [BAD, GOOD, SKIP]


def said(decision: BisectDecision) -> tuple[BisectAnswer, str]:
    return decision.answer, decision_sentence(decision)


def chains_like(old: CallGraph, new: CallGraph, *milestones: str) -> BisectDecision:
    return decide_by_chains(NamedGraph("old", old), NamedGraph("new", new), milestones, shipped_history())


def test_a_chain_like_the_other_is_good_and_one_that_differs_is_bad():
    old = graph("main > a > b")
    (name,) = {chain.milestone for chain in old.chains}
    assert said(chains_like(old, graph("main > a > b"), name)) == (GOOD, f"{name}: equal to old")
    assert said(chains_like(old, graph("main > a > b"))) == (GOOD, "every chain: equal to old")
    worse = chains_like(old, graph("main > a > x > b"), name)
    assert worse.answer is BAD
    assert "after a: x is added" in decision_sentence(worse)


def test_a_chain_that_an_incomplete_recording_lacks_tells_nothing():
    old, none = graph("main > a > b"), graph("main > b", complete=False)
    (name,) = {chain.milestone for chain in old.chains}
    none.chains = ()
    assert chains_like(old, none, name).answer is SKIP
    none.provenance = replace(none.provenance, complete=True)
    assert chains_like(old, none, name).answer is BAD


def test_what_only_the_other_graph_was_asked_for_is_left_out():
    old, new = graph("main > a > b"), graph("main > a > b")
    old.chains += (replace(old.chains[0], milestone="break c", title="Asked for: c"),)
    assert chains_like(old, new).answer is GOOD
    with pytest.raises(UsageError, match="does not record the chain to c") as caught:
        check_milestones(["break c"], NamedGraph("old", old))
    assert "main must reach c" in caught.value.hint


def test_a_milestone_that_the_other_graph_lacks_is_a_wrong_question():
    with pytest.raises(UsageError, match="no chain to init-vcp"):
        check_milestones(["init-vcp"], NamedGraph("old", graph("main > a")))


STARTED = source("main > a", accelerator="kvm", arguments="-smp 4", machine="q35").graph.provenance


def like(**provenance: object) -> NamedGraph:
    return source("main > a", name="old", **{**vars(STARTED), **provenance})


@pytest.mark.parametrize(
    ("old", "complaint", "hint"),
    [
        ({"arguments": ""}, "with other arguments", "-- -machine q35"),
        ({"arguments": "", "machine": ""}, "another machine and other arguments", "and nothing after a --"),
        ({"machine": "pc"}, "with another machine", "-- -machine pc -smp 4"),
        ({"accelerator": "tcg"}, "with another accelerator", "--accel tcg --guest tiny -- -machine q35"),
        ({"guest": "my disk.img"}, "with another guest", "--guest 'my disk.img'"),
        ({"scenario": "io"}, "is a recording of io", "a recording of startup"),
        ({"complete": False}, "not recorded to its end", "Record it again"),
    ],
)
def test_a_graph_that_no_commit_can_be_like_is_a_wrong_question(old, complaint, hint):
    with pytest.raises(UsageError, match=complaint) as caught:
        check_same_start(like(**old), STARTED)
    assert hint in caught.value.hint


def test_what_was_started_alike_can_be_asked_about_and_so_can_what_somebody_pasted():
    check_same_start(like(), STARTED)
    check_same_start(like(guest="", accelerator=""), STARTED)  # of another tool, which did not say
    check_same_start(like(scenario="import", arguments="", machine="", complete=False), STARTED)


@pytest.mark.parametrize("trouble", [OSError("full"), BrokenPipeError(), ZeroDivisionError(), UsageError("no")])
def test_whatever_goes_wrong_is_no_answer(monkeypatch, trouble):
    def fail(_options: object) -> None:
        raise trouble

    monkeypatch.setattr(analyzer.commands.bisect, "bisect", fail)
    monkeypatch.setattr("os.dup2", lambda *_: None)
    assert main(["bisect", "--qemu", "x", "--rule", "main must reach b"]) == 129


@pytest.mark.parametrize(
    ("trouble", "status"),
    [(BuildFailedError("ninja failed with status 1. It said:\n  | error"), 125), (AnalyzerError("no disk"), 129)],
)
def test_a_tree_that_does_not_build_is_skipped_and_a_host_that_cannot_build_stops(
    monkeypatch, capsys, trouble, status
):
    def build(_wanted: object) -> None:
        raise trouble

    @contextmanager
    def gdb():
        yield SimpleNamespace(facts=True)

    monkeypatch.setattr(analyzer.commands.bisect, "build_from_options", build)
    monkeypatch.setattr(analyzer.commands.bisect, "Gdb", gdb)
    monkeypatch.setattr(analyzer.commands.bisect, "check_before_recording", lambda *_, **__: None)
    assert main(["bisect", "--source", "/", "--rule", "main must reach b"]) == status
    if status == 125:
        assert capsys.readouterr().out == "skip: it does not build: ninja failed with status 1\n"
