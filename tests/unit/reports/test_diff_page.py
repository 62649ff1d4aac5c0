"""The page of a comparison: its data, and that nothing from the programs gets out of its text."""

from __future__ import annotations

import re

import pytest

from analyzer.diff.change import Change, ChangeKind
from analyzer.graph.rules import RuleOutcome
from analyzer.policy.verdict import RuleResult
from reports.diff_marks import mark_sign
from reports.html.change_marks import FAMILIES
from reports.html.diff_data import build_diff_page
from reports.html.render import render_diff
from tests.support.hostile import hostile
from tests.support.pages import Elements, assert_contacts_nobody
from tests.support.verdicts import chain, provenance, same, verdict

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
LETTERS = "abcdefghij"


def chapter(rows, **more):
    return build_diff_page(verdict(chain("goal", rows, **more)), "").chapters[0]


def shown(chapter):
    return [block.label or [pair.anchor.rpartition("-")[2] for pair in block.pairs] for block in chapter.blocks]


def test_every_kind_has_a_sign_a_word_and_a_family():
    assert set(FAMILIES) == set(ChangeKind)
    words = [word for _, word in FAMILIES.values()]
    assert len(set(words)) == len(words)
    assert {family for family, _ in FAMILIES.values()} == {"gone", "new", "changed", "note"}
    of_a_family = {(family, mark_sign(kind)) for kind, (family, _) in FAMILIES.items()}
    assert len({sign for _, sign in of_a_family}) == len(of_a_family), "a sign stands for two families"


def test_a_long_run_of_equal_rows_is_folded_except_beside_changes_and_at_its_end():
    way = chapter(same(*LETTERS) + "+ > x\n" + same(*LETTERS))
    assert shown(way) == ["9 the same", ["9", "10", "11"], "8 the same", ["20"]]
    assert way.blocks[0].names == "a … i"


def test_a_short_run_of_equal_rows_is_not_worth_a_button():
    assert shown(chapter(same("a", "b", "c") + "+ > x\n" + same("goal"))) == [["0", "1", "2", "3", "4"]]


def test_rows_that_differ_are_never_folded():
    way = chapter("".join(f"+ > {name}\n" for name in LETTERS) + same("goal"))
    assert [block.label for block in way.blocks] == [""]


def test_what_a_chain_before_told_is_folded_as_before():
    way = chapter(same("a") + "+ > x\n# > v1 | > v2\n" + same("b", "goal"), known=4)
    assert shown(way) == ["4 as before, 1 of them changed", ["4"]]
    assert way.lead_known
    assert way.lead_anchor == "row-1-1"


def test_two_rows_told_before_are_not_worth_a_button():
    assert shown(chapter(same("a", "b", "goal"), known=2)) == [["0", "1", "2"]]


def test_the_lead_names_the_first_row_that_differs_and_leads_to_it():
    way = chapter(same("a") + "# > v1 | > v2\n- > x\n" + same("goal"))
    assert way.lead == "The chains diverge after v2: x is removed."
    assert way.lead_anchor == "row-1-2"
    assert [pair.first for block in way.blocks for pair in block.pairs] == [False, False, True, False]


def test_a_chain_of_threads_that_nobody_named_is_on_both_sides():
    way = chapter(same("a", "goal"), threads=("", ""))
    assert (way.missing, way.family) == ("", "both")


def test_the_same_way_has_no_lead():
    way = chapter(same("a", "goal"))
    assert (way.lead, way.lead_anchor, way.summary) == ("", "", "")


def test_rows_are_marked_by_the_family_of_their_worst_change():
    way = chapter("+ > x\n- > y\n#» > f1@a | > f2@b\n" + same("goal"))
    pairs = [pair for block in way.blocks for pair in block.pairs]
    assert [pair.family for pair in pairs] == ["new", "gone", "changed", "same"]
    assert pairs[2].kinds == "numbered moved"


def test_what_changed_within_a_row_is_marked_in_place():
    pair = chapter(same("e") + "»^ > f@a | *> f@b\n").blocks[0].pairs[1]
    assert (pair.old.place.text, pair.new.place.text) == ("hw/a.c:10", "hw/b.c:10")
    assert pair.old.place.changed and pair.new.place.changed
    assert (pair.old.how.text, pair.new.how.text) == ("calls", "calls through a pointer")
    assert pair.new.how.changed
    assert not pair.new.function.changed


def test_a_pointer_set_in_another_way_shows_how_on_both_sides_and_marks_what_is_other():
    slots = {"f": "Ops.go by one_init"}, {"f": "Ops.go by two_init"}
    pair = chapter(same("e") + "& *> f\n", slots=slots).blocks[0].pairs[1]
    assert pair.old.through.text == "through Ops.go"
    assert not pair.old.through.changed
    assert not pair.old.how.changed
    assert [part.text for part in pair.new.settings] == ["stored in Ops.go by two_init, x.c"]
    assert all(part.changed for part in (*pair.old.settings, *pair.new.settings))


def test_what_rows_tell_is_not_told_again_above_the_chain():
    assert chapter(same("a") + "+ > x\n" + same("goal")).marks == ()


def test_a_side_that_lacks_the_chain_says_so_and_its_rows_are_not_called_removed():
    rows = "- > a\n- > goal\n"
    way = chapter(rows, threads=("main thread", ""), own=[ChangeKind.CHAIN_REMOVED])
    assert way.missing == "The new side does not have this chain."
    assert way.family == "gone"
    assert [mark.word for mark in way.marks] == ["not reached"]
    assert way.lead == "The goal is no longer reached on main thread."
    assert {pair.family for block in way.blocks for pair in block.pairs} == {"same"}


def test_another_thread_is_told_above_the_chain():
    way = chapter(same("goal"), threads=("main thread", "CPU 0"), own=[ChangeKind.THREAD])
    assert way.threads.text == "main thread → CPU 0"
    assert way.threads.changed
    assert [mark.word for mark in way.marks] == ["other thread"]


def test_targets_come_first_and_the_others_are_kept():
    page = build_diff_page(
        verdict(
            chain("begin", same("a"), target=False), chain("first", same("a")), chain("second", same("a"))
        ), "",
    )  # fmt: skip
    assert [way.milestone for way in page.chapters] == ["first", "second"]
    assert [way.milestone for way in page.others] == ["begin"]
    assert len({way.anchor for way in (*page.chapters, *page.others)}) == 3


def test_every_change_is_in_the_table_and_leads_to_its_rows():
    page = build_diff_page(
        verdict(
            chain("first", same("a") + "+ > x\n"),
            chain("second", same("a") + "+ > x\n" + same("b")),
            extra=[Change(ChangeKind.FUNCTION_ADDED, "far", file="hw/far.c")],
            accepted={"x": "it is known"},
        ), "",
    )  # fmt: skip
    x, far = page.entries
    assert [(link.anchor, link.text) for link in x.places] == [
        ("row-1-1", "The first"),
        ("row-2-1", "The second"),
    ]
    assert x.mark.accepted == "it is known"
    assert not x.mark.counts
    assert far.place == "hw/far.c"
    assert far.places == ()
    assert page.chapters[1].blocks[0].pairs[1].marks[0].anchor == x.mark.anchor


def test_chips_count_each_kind_worst_first():
    page = build_diff_page(verdict(chain("goal", "+ > x\n- > y\n+ > z\n")), "")
    assert [(chip.sign, chip.text) for chip in page.chips] == [
        ("-", "1 function removed"),
        ("+", "2 functions added"),
    ]


def test_ioctls_stand_in_columns_of_their_own():
    changes = [
        Change(ChangeKind.IOCTL_REMOVED, "KVM_A"),
        Change(ChangeKind.IOCTL_ADDED, "KVM_B"),
        Change(ChangeKind.IOCTL_REORDERED, "KVM_C", "after KVM_A", "first"),
    ]
    page = build_diff_page(verdict(extra=changes), "")
    columns = (page.ioctls_gone, page.ioctls_new, page.ioctls_moved)
    assert [[entry.words for entry in column] for column in columns] == [
        ["KVM_A"], ["KVM_B"], ["KVM_C is issued first instead of after KVM_A"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "status", "sign"),
    [
        (verdict(chain("goal", same("goal"))), "same", "="),
        (verdict(chain("goal", "+ > goal\n")), "differs", "≠"),
        (verdict(chain("goal", same("goal")), not_comparable=[("far", "it is not there")]), "unchecked", "?"),
    ],
)
def test_the_badge_says_what_the_exit_status_says(found, status, sign):
    page = build_diff_page(found, "")
    assert (page.status, page.sign) == (status, sign)


def test_both_sides_say_where_they_come_from_and_what_differs():
    old = provenance("7.2.0", build={"profile": "debug", "flags": "-O0"})
    page = build_diff_page(verdict(provenances=(old, provenance("10.0.0", build_id="cd" * 20))), "")
    assert page.title == "QEMU 7.2.0 debug → QEMU 10.0.0 debug"
    assert [fact.name for fact in page.facts if fact.differs] == ["QEMU", "Build-id"]
    assert [(fact.name, fact.old, fact.new, fact.differs) for fact in page.build] == [
        ("profile", "debug", "debug", False),
        ("flags", "-O0", "", True),
    ]


def test_broken_rules_come_first():
    rules = [RuleResult(f"rule {outcome}", "", outcome, "") for outcome in RuleOutcome]
    page = build_diff_page(verdict(rules=rules), "")
    assert [(rule.outcome, rule.sign) for rule in page.rules] == [
        ("broken", "✗"),
        ("unchecked", "?"),
        ("holds", "✓"),
    ]


def test_what_turns_the_direction_of_the_text_is_spelled_out():
    way = chapter(same("a\u202eb"))
    assert way.blocks[0].pairs[0].old.function.text == "a\\u202eb"


def test_names_from_the_programs_stay_text():
    html = render_diff(hostile(EVIL), "", EVIL)
    tags = Elements(html).tags
    assert "img" not in tags
    assert tags.count("script") == 1
    assert "<script>alert" not in html


def test_names_that_are_no_text_do_no_harm():
    html = render_diff(hostile("\udc80\x1b[31m\u202e%"), "", "")
    assert not set("\udc80\x1b\u202e") & set(html)


def test_a_very_long_name_is_there_whole():
    name = "n" * 10_000
    assert name in render_diff(verdict(chain("goal", same(name))), "", "")


def test_no_two_places_of_the_page_have_one_name():
    both = [chain(name, same(*LETTERS) + "+ > x\n" + same(*LETTERS), known=2) for name in ("one", "two")]
    html = render_diff(verdict(*both, chain("one", same("a"), target=False)), "<svg></svg>", "")
    ids = Elements(html).ids
    assert len(ids) == len(set(ids))


def test_every_link_within_the_page_has_its_place():
    ways = [chain("one", same(*LETTERS) + "+ > x\n" + same(*LETTERS)), chain("two", "- > y\n")]
    rules = [RuleResult("main must reach x", "", RuleOutcome.HOLDS, "it does")]
    html = render_diff(verdict(*ways, rules=rules, not_comparable=[("a", "b")]), "<svg></svg>", "")
    places = set(re.findall(r'href="#([^"=]+)"', html)) | set(re.findall(r'aria-controls="([^"]+)"', html))
    assert places
    assert places <= set(Elements(html).ids)


def test_the_page_needs_no_network_and_forbids_it():
    assert_contacts_nobody(render_diff(verdict(chain("goal", "+ > x\n")), "", ""))


def test_without_a_drawing_the_page_says_why():
    html = render_diff(verdict(chain("goal", same("goal"))), "", "graphviz is not installed")
    assert "graphviz is not installed" in html
    assert 'id="canvas"' not in html


def test_what_could_not_be_checked_stands_before_the_chains():
    html = render_diff(verdict(chain("goal", same("goal")), not_comparable=[("far", "absent")]), "", "")
    assert html.index('id="unchecked"') < html.index('id="chains"')
    assert "<details><summary>Could" not in html
