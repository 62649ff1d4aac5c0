"""Rules that must hold: what is understood, and what becomes of them on a graph."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.graph.call_graph import MissedMilestone
from analyzer.graph.merge import merge
from analyzer.graph.reachability_rules import RuleOutcome, check_rule, parse_rule
from analyzer.model.frames import Function, Stack
from gdbscripts.call_kinds import CallKind
from reports.text.rules import rule_sentence
from tests.support.graphs import EDGES, graph_of_edges, ladder, path_text
from tests.support.notation import recording


def texts(patterns):
    return tuple(map(str, patterns))


@pytest.mark.parametrize(
    ("text", "reach", "via", "not_via", "only_via"),
    [
        ("main must reach kvm_.*", True, (), (), ()),
        ("main must not reach kvm_.*", False, (), (), ()),
        ("main must reach kvm_.* via f", True, ("f",), (), ()),
        ("main must reach kvm_.* not via f", True, (), ("f",), ()),
        ("main must reach kvm_.* only via f", True, (), (), ("f",)),
        ("main must reach kvm_.* via f and via g not via h and only via i", True, ("f", "g"), ("h",), ("i",)),
        ("main must reach kvm_.* and via f", True, ("f",), (), ()),
        ("main must not reach kvm_.* via f and not via g", False, ("f",), ("g",), ()),
        ("  main\tmust   reach\nkvm_.*  ", True, (), (), ()),
        ("'main' must reach \"kvm_.*\" via 'operator new'", True, ("operator new",), (), ()),
    ],
)
def test_a_sentence_is_a_rule(text, reach, via, not_via, only_via):
    rule = parse_rule(text)
    assert (str(rule.start), str(rule.goal), rule.reach) == ("main", "kvm_.*", reach)
    assert (texts(rule.via), texts(rule.not_via), texts(rule.only_via)) == (via, not_via, only_via)
    assert rule.text == text


def test_words_of_the_grammar_can_be_functions_too():
    rule = parse_rule("must must reach not via via and only via 'and'")
    assert texts(rule.patterns) == ("must", "not", "via", "and")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected a function, found the end"),
        ("main", "expected must, found the end"),
        ("main reaches x", "expected must, found 'reaches'"),
        ("main must call x", "expected reach, found 'call'"),
        ("main must reach", "expected a function, found the end"),
        ("main must not not reach x", "expected reach, found 'not'"),
        ("main must reach x or y", "expected via or not or only, found 'or'"),
        ("main must reach x and", "expected via or not or only, found the end"),
        ("main must reach x and and via y", "found 'and'"),
        ("main must reach x only y", "expected via, found 'y'"),
        ("main must reach x via", "expected a function, found the end"),
        ("main must not reach x only via y", "expected via or not, found 'only'"),
        ("main must reach 'operator new", 'expected a function, found "\'operator"'),
        ("main must reach 'x'y", "expected a function, found \"'x'y\""),
        ("Main Must reach x", "found 'Must'"),
        ("main must reach x(", "'x\\(' is no regular expression"),
        ("main must reach x \x1b[2J", r"x1b"),
    ],
)
def test_nonsense_is_named_by_its_word(text, complaint):
    with pytest.raises(UsageError, match=complaint) as error:
        parse_rule(text)
    assert error.value.hint
    assert "\x1b" not in error.value.message


WORDS = st.lists(st.sampled_from("a must not reach via and only 'b c' ( \"".split())).map(" ".join)


@given(st.text(max_size=40) | WORDS)
def test_any_text_is_a_rule_or_a_usage_error(text):
    try:
        rule = parse_rule(text)
    except UsageError as error:
        assert error.message
    else:
        assert rule_sentence(check_rule(rule, merge([recording("a > b")])))


# What becomes of them: main > a > x > goal and main > c > x > d were recorded.

LINES = ["main > a > x > goal", "main > c > x > d"]
HOLDS, BROKEN, UNCHECKED = RuleOutcome.HOLDS, RuleOutcome.BROKEN, RuleOutcome.UNCHECKED
TOGETHER = "combined from several stacks"
TABLE = [
    # rule, outcome, a word of the verdict, the path that shows it
    ("main must reach goal", HOLDS, "recorded as a whole", "main > a > x > goal (recorded)"),
    ("main must reach goal via a", HOLDS, "recorded", "main > a > x > goal (recorded)"),
    ("main must reach goal via c", HOLDS, TOGETHER, "main > c > x > goal"),
    ("main must reach goal not via a", HOLDS, TOGETHER, "main > c > x > goal"),
    ("main must reach goal not via x", BROKEN, "of the kind the rule names", None),
    ("main must reach goal via a via c", BROKEN, "No path", None),
    ("main must reach goal via d", BROKEN, "No path", None),
    ("main must reach goal only via x", HOLDS, "recorded", "main > a > x > goal (recorded)"),
    ("main must reach goal only via a", BROKEN, "not via a", "main > c > x > goal"),
    ("main must reach goal only via a|c", HOLDS, "recorded", "main > a > x > goal (recorded)"),
    ("main must reach goal only via x and only via c", BROKEN, "not via c", "main > a > x > goal (recorded)"),
    ("main must reach goal via c and only via x", HOLDS, TOGETHER, "main > c > x > goal"),
    ("main must reach goal via d and only via a", BROKEN, "No path", None),
    ("goal must reach main", BROKEN, "No path leads from goal to main", None),
    ("goal must reach main only via x", BROKEN, "No path", None),
    ("main must not reach goal", BROKEN, "recorded", "main > a > x > goal (recorded)"),
    ("c must not reach goal", BROKEN, TOGETHER, "c > x > goal"),
    ("goal must not reach main", HOLDS, "No path", None),
    ("main must not reach goal via d", HOLDS, "No path", None),
    ("main must not reach goal not via x", HOLDS, "No path", None),
    ("main must not reach goal not via a", BROKEN, TOGETHER, "main > c > x > goal"),
    ("main must not reach main", HOLDS, "No path", None),
    ("main must reach goal|d", HOLDS, "recorded", "main > a > x > goal (recorded)"),
    ("main must reach gaol", UNCHECKED, "perhaps to goal", None),
    ("main must not reach gaol", UNCHECKED, "perhaps to goal", None),
    ("nobody_at_all must reach goal", UNCHECKED, "delete the rule", None),
    ("main must reach goal via nobody_at_all", UNCHECKED, "matches nobody_at_all", None),
    ("main must reach goal not via nobody_at_all", UNCHECKED, "matches nobody_at_all", None),
    ("main must reach goal only via nobody_at_all", UNCHECKED, "matches nobody_at_all", None),
    ("goal must not reach main via nobody_at_all", UNCHECKED, "matches nobody_at_all", None),
]


@pytest.mark.parametrize(("text", "outcome", "words", "path"), TABLE)
def test_what_becomes_of_a_rule(text, outcome, words, path):
    verdict = check_rule(parse_rule(text), merge([recording(*LINES)]))
    assert (verdict.outcome, verdict.path and path_text(verdict.path)) == (outcome, path)
    assert words in rule_sentence(verdict)
    assert verdict.rule.text == text


def test_recursion_is_reaching_oneself():
    graph = merge([recording("main > f > g > f")])
    assert check_rule(parse_rule("f must not reach f"), graph).outcome is BROKEN


def test_a_rule_whose_search_is_cut_off_is_unchecked():
    verdict = check_rule(parse_rule("n0 must not reach n40 via l39 and via r39"), ladder(40), step_limit=5000)
    assert verdict.outcome is UNCHECKED
    assert "step limit" in rule_sentence(verdict)


def test_a_rule_whose_search_for_a_way_past_is_cut_off_is_unchecked():
    names = ["main", *(f"n{n}" for n in range(100)), "goal"]
    edges = {
        (caller, callee, CallKind.DIRECT)
        for caller, callee in [*pairwise(names), *pairwise(["main", "f", "goal"])]
    }
    rule = parse_rule("main must reach goal only via f")
    assert check_rule(rule, graph_of_edges(edges), step_limit=250).outcome is UNCHECKED
    assert check_rule(rule, graph_of_edges(edges)).outcome is BROKEN


def test_what_the_program_does_not_have_is_not_reached():
    graph = merge([recording(*LINES)])
    graph.missing = (MissedMilestone("break gone", "gone", False, ("gone",)),)
    assert check_rule(parse_rule("main must not reach gone"), graph).outcome is HOLDS
    assert check_rule(parse_rule("main must reach gone"), graph).outcome is UNCHECKED


@pytest.mark.parametrize("complete", [True, False])
def test_what_was_not_reached_in_an_incomplete_recording_says_so(complete):
    verdict = check_rule(parse_rule("goal must not reach main"), merge([recording(*LINES, complete=complete)]))
    assert ("recording is incomplete" in rule_sentence(verdict)) is not complete


@pytest.mark.parametrize(
    "rule",
    ["goal must reach main", "goal must not reach main", "main must reach goal only via f"],
)
@pytest.mark.parametrize("partly", [{"complete": False}, {"scenario": "import"}])
def test_what_may_just_not_have_been_seen_is_not_decided(rule, partly):
    graph = merge([recording("main > f > goal")])
    assert check_rule(parse_rule(rule), graph).outcome is not UNCHECKED
    graph.provenance = replace(graph.provenance, **partly)
    verdict = check_rule(parse_rule(rule), graph)
    limitation = ("The recording is incomplete.", "A backtrace shows one moment of a run only.")
    assert (verdict.outcome, rule_sentence(verdict).endswith(limitation)) == (UNCHECKED, True)


def test_a_verdict_cannot_act_on_a_terminal():
    base = recording("main > goal")
    odd = replace(base.stops[0].frames[0], function=Function("go\x1b[31mal", "main"))
    graph = merge([replace(base, stops=(replace(base.stops[0], stack=Stack((odd, base.stops[0].frames[1]))),))])
    assert "\x1b" not in rule_sentence(check_rule(parse_rule("main must reach go.*"), graph))


@given(EDGES, *[st.sampled_from("abcdef")] * 3)
def test_must_and_must_not_never_agree_and_only_via_is_no_way_past(edges, start, goal, other):
    graph = graph_of_edges(edges)

    def outcome(text):
        verdict = check_rule(parse_rule(text), graph)
        if verdict.path is not None:
            assert (verdict.path.functions[0].name, verdict.path.functions[-1].name) == (start, goal)
        return verdict.outcome

    reach, not_reach = outcome(f"{start} must reach {goal}"), outcome(f"{start} must not reach {goal}")
    assert {reach, not_reach} in ({HOLDS, BROKEN}, {UNCHECKED})
    past = outcome(f"{start} must not reach {goal} not via {other}")
    if UNCHECKED not in (reach, past):
        expected = HOLDS if (reach, past) == (HOLDS, HOLDS) else BROKEN
        assert outcome(f"{start} must reach {goal} only via {other}") is expected
