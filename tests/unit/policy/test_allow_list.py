"""Which changes count: the allow-list, rules, and what became of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from analyzer.commands.comparison import ComparisonTerms, compare_sources, read_comparison_terms
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import shipped_history
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.allow_list import DEFAULT_FAIL_ON, judge, parse_fail_on, read_allow_list
from analyzer.policy.verdict import Verdict
from tests.support.comparisons import source

OLD, NEW = source("main > goal", name="OLD"), source("main > a > b > goal")
TODAY = date(2026, 1, 15)


def judged(text="", old=OLD, new=NEW, fail_on=DEFAULT_FAIL_ON):
    """The verdict under an allow-list."""
    return judge(compare(old, new, shipped_history()), (), read_allow_list(text, "allow.toml"), fail_on, TODAY)


def allow(subject, more="", reason="it was wanted"):
    return f'[[allow]]\nsubject = "{subject}"\nreason = "{reason}"\n{more}\n'


def test_what_changed_counts():
    found = judged()
    assert [finding.change.subject for finding in found.counting] == ["a", "b"]
    assert found.verdict is Verdict.DIFFERS


def test_what_is_the_same_does_not_differ():
    assert judged(old=OLD, new=OLD).verdict is Verdict.SAME


def test_an_accepted_change_does_not_count_and_keeps_its_reason():
    verdict = judged(allow("a"))
    assert [(f.change.subject, f.counts, f.accepted) for f in verdict.findings] == [
        ("a", False, "it was wanted"),
        ("b", True, ""),
    ]


def test_when_all_is_accepted_nothing_differs():
    assert judged(allow("a|b")).verdict is Verdict.SAME


def test_a_subject_is_matched_whole():
    assert len(judged(allow("[ab]x?")).counting) == 0
    assert len(judged(allow("x?")).counting) == 2


@pytest.mark.parametrize(
    ("more", "counting"),
    [
        ('change = "inserted"', 0),
        ('change = ["moved", "inserted"]', 0),
        ('change = "removed"', 2),
        ('milestone = "goal"', 0),
        ('milestone = "other"', 2),
        ("expires = 2026-01-15", 0),
        ("expires = 2026-01-14", 2),
        ("expires = 2026-01-15T10:00:00", 0),
    ],
)
def test_an_entry_may_say_more(more, counting):
    assert len(judged(allow(".*", more)).counting) == counting


def test_a_milestone_is_the_first_whose_chain_shows_the_change():
    old, new = (source(line, f"{line} > goal") for line in ("main > goal", "main > a > goal"))
    for made in (old, new):
        first, second = made.graph.chains
        made.graph.chains = (first, replace(second, milestone="later", title="Later", position=1))
    assert [finding.change.chains for finding in judged("", old, new).findings] == [("goal", "later")]
    first, second = (judged(allow("a", f'milestone = "{name}"'), old, new) for name in ("goal", "later"))
    assert (len(first.counting), first.stale) == (0, ())
    assert (len(second.counting), second.stale) == (1, ("a in later: matches nothing any more",))


def test_an_entry_that_matches_nothing_is_told():
    assert judged(allow("gone")).stale == ("gone: matches nothing any more",)


def test_an_entry_that_has_expired_is_told_and_accepts_nothing():
    verdict = judged(allow("a", 'change = "inserted"\nexpires = 2025-12-31'))
    assert verdict.stale == ("inserted a: expired on 2025-12-31",)
    assert len(verdict.counting) == 2


def test_a_stale_entry_counts_only_when_asked_for():
    stale = allow("gone")
    assert judged(stale, new=OLD).verdict is Verdict.SAME
    assert judged(stale, new=OLD, fail_on=parse_fail_on("stale")).verdict is Verdict.DIFFERS


def test_what_could_not_be_compared_never_passes_silently():
    without = source("main > goal")
    whole = source("main > goal", ioctls=("A",), name="OLD")
    assert judged(old=whole, new=without).verdict is Verdict.NOT_COMPARABLE
    accepted = allow("The ioctls", 'change = "unchecked"')
    assert judged(accepted, old=whole, new=without).verdict is Verdict.SAME
    assert judged(allow(".*"), old=whole, new=without).verdict is Verdict.NOT_COMPARABLE


def test_notes_do_not_count_unless_named():
    inlined = source("main i> goal")
    assert judged(old=OLD, new=inlined).verdict is Verdict.SAME
    assert judged(old=OLD, new=inlined, fail_on=parse_fail_on("optimised")).verdict is Verdict.DIFFERS
    assert judged(old=OLD, new=inlined, fail_on=parse_fail_on("all")).verdict is Verdict.DIFFERS


def test_only_what_is_named_counts():
    assert judged(fail_on=parse_fail_on("removed, thread")).verdict is Verdict.SAME
    assert judged(fail_on=parse_fail_on("none")).verdict is Verdict.SAME
    assert judged(fail_on=parse_fail_on("inserted")).verdict is Verdict.DIFFERS


def test_naming_no_kind_is_no_way_to_let_all_pass():
    with pytest.raises(UsageError, match="names no kind"):
        parse_fail_on(" , ")


def test_an_unknown_kind_is_named_with_those_there_are():
    with pytest.raises(UsageError, match="renmaed is no kind of change") as error:
        parse_fail_on("renmaed")
    assert "renamed" in error.value.hint


class TestRules:
    def judged(self, rule, new=NEW):
        must = f'[[must]]\nrule = "{rule}"\nreason = "so it is"\n'
        terms = ComparisonTerms(parse_fail_on("none"), read_allow_list(must, "allow.toml"))
        return compare_sources(OLD, new, terms)

    def test_one_that_holds_changes_nothing(self):
        found = self.judged("main must reach goal via a")
        path = ("main", "a", "b", "goal")
        assert [(rule.outcome, rule.path) for rule in found.rules] == [(RuleOutcome.HOLDS, path)]
        assert found.verdict is Verdict.SAME

    def test_one_that_is_broken_differs(self):
        found = self.judged("main must not reach goal")
        assert found.verdict is Verdict.DIFFERS
        assert found.rules[0].reason == "so it is"

    def test_one_about_a_function_nobody_saw_is_not_checked(self):
        found = self.judged("main must reach nowhere")
        assert found.verdict is Verdict.NOT_COMPARABLE
        assert found.not_comparable[0].subject == "Rule: main must reach nowhere"

    def test_one_nobody_understands_is_refused_before_anything_is_compared(self, tmp_path):
        file = tmp_path / "allow.toml"
        file.write_text('[[must]]\nrule = "main should reach goal"\nreason = "x"')
        with pytest.raises(AnalyzerError, match="should"):
            read_comparison_terms(DEFAULT_FAIL_ON, file, ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[allow]", "not TOML"),
        ("[[alow]]\n", "alow"),
        ("allow = 1", "not a list"),
        ("allow = [1]", r"\[\[allow\]\] 1"),
        ('[[allow]]\nsubject = "a"', "reason is missing"),
        ('[[allow]]\nreason = "a"', "subject is missing"),
        (allow("a", reason=" "), "reason is empty"),
        (allow("("), r"\[\[allow\]\] 1"),
        (allow("a", 'change = "renmaed"'), "renmaed is no kind"),
        (allow("a", "change = 3"), r"\[\[allow\]\] 1"),
        (allow("a", "change = []"), "change is empty"),
        (allow("a", 'expires = "2027-01-31"'), "not a date"),
        (allow("a", 'expire = "2027-01-31"'), "expire is an unknown key"),
        (allow("a") + allow("b", "milestone = 1"), r"\[\[allow\]\] 2"),
        ('[[must]]\nrule = "x"', "reason is missing"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_the_entry(text, complaint):
    with pytest.raises(AnalyzerError, match=complaint) as error:
        read_allow_list(text, "allow.toml")
    assert "allow.toml" in error.value.message
