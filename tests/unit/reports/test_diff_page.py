"""The comparison page: its data, and that texts of the programs stay texts."""

from __future__ import annotations

import re

import pytest

from analyzer.diff.change import Change, ChangeKind
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.verdict import RuleResult
from reports.diff_marks import mark_sign
from reports.html.change_marks import STATES_AND_LABELS
from reports.html.diff_data import build_diff_page
from reports.html.render import render_diff
from tests.support.hostile import hostile
from tests.support.pages import Elements, assert_contacts_nobody
from tests.support.verdicts import chain, provenance, same, verdict

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
LETTERS = "abcdefghij"


def section(rows, **more):
    return build_diff_page(verdict(chain("goal", rows, **more)), "").chains[0]


def blocks(section):
    return [
        block.button_label or [row.anchor.rpartition("-")[2] for row in block.rows] for block in section.blocks
    ]


def test_every_kind_has_a_sign_a_label_and_a_state():
    assert set(STATES_AND_LABELS) == set(ChangeKind)
    labels = [label for _, label in STATES_AND_LABELS.values()]
    assert len(set(labels)) == len(labels)
    assert {state for state, _ in STATES_AND_LABELS.values()} == {"removed", "added", "changed", "note"}
    state_and_sign = {(state, mark_sign(kind)) for kind, (state, _) in STATES_AND_LABELS.items()}
    assert len({sign for _, sign in state_and_sign}) == len(state_and_sign), "a sign stands for two states"


def test_a_long_run_of_unchanged_rows_is_hidden_except_beside_changes_and_at_its_end():
    found = section(same(*LETTERS) + "+ > x\n" + same(*LETTERS))
    assert blocks(found) == ["9 unchanged", ["9", "10", "11"], "8 unchanged", ["20"]]
    assert found.blocks[0].function_range == "a … i"


def test_a_short_run_of_unchanged_rows_is_shown():
    assert blocks(section(same("a", "b", "c") + "+ > x\n" + same("goal"))) == [["0", "1", "2", "3", "4"]]


def test_rows_that_differ_are_never_hidden():
    found = section("".join(f"+ > {name}\n" for name in LETTERS) + same("goal"))
    assert [block.button_label for block in found.blocks] == [""]


def test_rows_of_an_earlier_chain_are_hidden():
    found = section(same("a") + "+ > x\n# > v1 | > v2\n" + same("b", "goal"), known=4)
    assert blocks(found) == ["4 rows of an earlier chain, 1 of them changed", ["4"]]
    assert found.divergence_shared
    assert found.divergence_anchor == "row-1-1"


def test_two_rows_of_an_earlier_chain_are_shown():
    assert blocks(section(same("a", "b", "goal"), known=2)) == [["0", "1", "2"]]


def test_the_divergence_names_and_links_the_first_row_that_differs():
    found = section(same("a") + "# > v1 | > v2\n- > x\n" + same("goal"))
    assert found.divergence == "The chains diverge after v2: x is removed."
    assert found.divergence_anchor == "row-1-2"
    assert [row.diverges for block in found.blocks for row in block.rows] == [False, False, True, False]


def test_a_chain_of_unnamed_threads_is_on_both_sides():
    found = section(same("a", "goal"), threads=("", ""))
    assert (found.missing_side, found.state) == ("", None)


def test_equal_chains_have_no_divergence():
    found = section(same("a", "goal"))
    assert (found.divergence, found.divergence_anchor, found.summary) == ("", "", "")


def test_a_row_has_the_state_of_its_worst_change():
    found = section("+ > x\n- > y\n#» > f1@a | > f2@b\n" + same("goal"))
    rows = [row for block in found.blocks for row in block.rows]
    assert [row.state for row in rows] == ["added", "removed", "changed", "unchanged"]
    assert rows[2].kinds == "numbered moved"


def test_the_changed_parts_of_a_row_are_marked():
    row = section(same("e") + "»^ > f@a | *> f@b\n").blocks[0].rows[1]
    assert (row.old.place.text, row.new.place.text) == ("hw/a.c:10", "hw/b.c:10")
    assert row.old.place.changed and row.new.place.changed
    assert (row.old.call_sentence.text, row.new.call_sentence.text) == ("calls", "calls through a pointer")
    assert row.new.call_sentence.changed
    assert not row.new.function.changed


def test_a_pointer_of_another_origin_shows_both_origins_and_marks_the_difference():
    slots = {"f": "Ops.go by one_init"}, {"f": "Ops.go by two_init"}
    row = section(same("e") + "& *> f\n", slots=slots).blocks[0].rows[1]
    assert row.old.pointer_slot.text == "through Ops.go"
    assert not row.old.pointer_slot.changed
    assert not row.old.call_sentence.changed
    assert [part.text for part in row.new.pointer_origins] == ["stored in Ops.go by two_init, x.c"]
    assert all(part.changed for part in (*row.old.pointer_origins, *row.new.pointer_origins))


def test_changes_of_rows_are_not_repeated_above_the_chain():
    assert section(same("a") + "+ > x\n" + same("goal")).marks == ()


def test_a_chain_that_one_side_lacks_is_removed_and_its_rows_are_not():
    rows = "- > a\n- > goal\n"
    found = section(rows, threads=("main thread", ""), own=[ChangeKind.CHAIN_REMOVED])
    assert found.missing_side == "The new side does not have this chain."
    assert found.state == "removed"
    assert [mark.label for mark in found.marks] == ["not reached"]
    assert found.divergence == "The goal is no longer reached on main thread."
    assert {row.state for block in found.blocks for row in block.rows} == {"unchanged"}


def test_another_thread_is_marked_above_the_chain():
    found = section(same("goal"), threads=("main thread", "CPU 0"), own=[ChangeKind.THREAD])
    assert found.threads.text == "main thread → CPU 0"
    assert found.threads.changed
    assert [mark.label for mark in found.marks] == ["other thread"]


def test_chains_to_targets_come_first_and_the_others_follow():
    page = build_diff_page(
        verdict(
            chain("begin", same("a"), target=False), chain("first", same("a")), chain("second", same("a"))
        ), "",
    )  # fmt: skip
    assert [found.milestone for found in page.chains] == ["first", "second"]
    assert [found.milestone for found in page.other_chains] == ["begin"]
    assert len({found.anchor for found in (*page.chains, *page.other_chains)}) == 3


def test_every_change_is_in_the_table_and_links_its_rows():
    page = build_diff_page(
        verdict(
            chain("first", same("a") + "+ > x\n"),
            chain("second", same("a") + "+ > x\n" + same("b")),
            extra=[Change(ChangeKind.FUNCTION_ADDED, "far", file="hw/far.c")],
            accepted={"x": "it is known"},
        ), "",
    )  # fmt: skip
    x, far = page.changes
    assert [(link.anchor, link.text) for link in x.chains] == [
        ("row-1-1", "The first"),
        ("row-2-1", "The second"),
    ]
    assert x.mark.accepted == "it is known"
    assert not x.mark.counts
    assert far.place == "hw/far.c"
    assert far.chains == ()
    assert page.chains[1].blocks[0].rows[1].marks[0].anchor == x.mark.anchor


def test_changes_are_counted_by_kind_worst_first():
    page = build_diff_page(verdict(chain("goal", "+ > x\n- > y\n+ > z\n")), "")
    assert [(count.sign, count.text) for count in page.change_counts] == [
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
    columns = (page.ioctls_removed, page.ioctls_added, page.ioctls_reordered)
    assert [[entry.subject for entry in column] for column in columns] == [
        ["KVM_A"], ["KVM_B"], ["KVM_C is issued first instead of after KVM_A"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "status", "sign"),
    [
        (verdict(chain("goal", same("goal"))), "same", "="),
        (verdict(chain("goal", "+ > goal\n")), "differs", "≠"),
        (verdict(chain("goal", same("goal")), not_comparable=[("far", "it is not there")]), "not-comparable", "?"),
    ],
)
def test_the_badge_says_what_the_exit_status_says(found, status, sign):
    page = build_diff_page(found, "")
    assert (page.status, page.status_sign) == (status, sign)


def test_the_provenance_of_both_sides_and_its_differences_are_shown():
    old = provenance("7.2.0", build={"profile": "debug", "flags": "-O0"})
    page = build_diff_page(verdict(provenances=(old, provenance("10.0.0", build_id="cd" * 20))), "")
    assert page.title == "QEMU 7.2.0 debug → QEMU 10.0.0 debug"
    assert [fact.name for fact in page.facts if fact.differs] == ["QEMU", "Build-id"]
    assert [(fact.name, fact.old, fact.new, fact.differs) for fact in page.build_facts] == [
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


def test_characters_that_change_the_text_direction_are_escaped():
    found = section(same("a\u202eb"))
    assert found.blocks[0].rows[0].old.function.text == "a\\u202eb"


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


def test_the_ids_of_the_page_are_unique():
    both = [chain(name, same(*LETTERS) + "+ > x\n" + same(*LETTERS), known=2) for name in ("one", "two")]
    html = render_diff(verdict(*both, chain("one", same("a"), target=False)), "<svg></svg>", "")
    ids = Elements(html).ids
    assert len(ids) == len(set(ids))


def test_every_link_within_the_page_has_a_target():
    chains = [chain("one", same(*LETTERS) + "+ > x\n" + same(*LETTERS)), chain("two", "- > y\n")]
    rules = [RuleResult("main must reach x", "", RuleOutcome.HOLDS, "it does")]
    html = render_diff(verdict(*chains, rules=rules, not_comparable=[("a", "b")]), "<svg></svg>", "")
    targets = set(re.findall(r'href="#([^"=]+)"', html)) | set(re.findall(r'aria-controls="([^"]+)"', html))
    assert targets
    assert targets <= set(Elements(html).ids)


def test_the_page_needs_no_network_and_forbids_it():
    assert_contacts_nobody(render_diff(verdict(chain("goal", "+ > x\n")), "", ""))


def test_without_a_drawing_the_page_says_why():
    html = render_diff(verdict(chain("goal", same("goal"))), "", "graphviz is not installed")
    assert "graphviz is not installed" in html
    assert 'id="canvas"' not in html


def test_what_is_not_comparable_comes_before_the_chains():
    html = render_diff(verdict(chain("goal", same("goal")), not_comparable=[("far", "absent")]), "", "")
    assert html.index('id="not-comparable"') < html.index('id="chains"')
    assert "<details><summary>Not comparable" not in html
