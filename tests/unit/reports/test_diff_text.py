"""A verdict as a person reads it at a terminal."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.diff.change import Change, ChangeKind
from analyzer.graph.reachability_rules import RuleOutcome
from reports.diff_marks import DiffMark
from reports.text.colour import wants_colour
from reports.text.diff import render
from tests.support.hostile import NAMES
from tests.support.verdicts import broken, chain, many, verdict

LONG = """
  main@vl
  > a@x
  > b@x
  > c@x
  > d@x
  > e@x
"""
ALL_MARKS = (
    LONG
    + """
+ > came@x
- > went@x
~ > old_name@pc | > new_name@x86
» *> f@x | *> f@y
? > i@x | ?> i@x
^ > g@x | *> g@x
& *> h@x
# > pc_init_v7@x | > pc_init_v8@x
= i> small@x | > small@x
  => thread@x
"""
)


def lines_of(*chains, width=80, **more):
    full = more.pop("full", False)
    return render(verdict(*chains, **more), width=width, full=full).splitlines()


def test_both_sides_are_named_first():
    lines = lines_of(chain("goal", LONG), names=("out/a", "out/b"))
    assert lines[0] == "Old: out/a (QEMU 7.2.0, debug, kvm, guest tiny, build-id abababababab)"
    assert lines[1].startswith("New: out/b (QEMU 10.0.0")


@pytest.mark.parametrize("width", [80, 99, 100, 160])
def test_each_row_has_the_mark_of_its_change_in_the_first_column(width):
    lines = lines_of(chain("goal", ALL_MARKS), width=width)
    signs = {mark.sign for mark in DiffMark}
    marks = [line[0] for line in lines if line[:1] in signs and line[1:2] == " " and "; " not in line]
    assert marks == ["+", "-", "~", "»", "!", "~", "~"]


def test_marks_are_told_apart_without_colour_and_explained():
    text = " ".join(lines_of(chain("goal", ALL_MARKS)))
    assert all(f"{mark.sign} {mark.label}; " in text for mark in DiffMark)
    assert "> direct call; *> call through a pointer; i> inlined; => thread start; ?> unknown call." in text


def test_the_key_has_only_what_occurs():
    lines = lines_of(chain("goal", "  main@vl\n  > a@x\n+ *> came@x\n"))
    assert (
        next(line for line in lines if line.startswith("Key"))
        == "Key: + added; > direct call; *> call through a pointer."
    )


@pytest.mark.parametrize("width", [40, 60, 80, 130])
def test_no_line_ends_between_a_sign_and_its_meaning(width):
    lines = lines_of(chain("goal", ALL_MARKS), width=width)
    start = next(number for number, line in enumerate(lines) if line.startswith("Key: "))
    key = lines[start : lines.index("", start)]
    assert max(map(len, key)) <= width
    assert all(line.endswith((";", ".")) for line in key)


def test_what_one_mark_stands_for_is_told_below_the_row_where_the_columns_do_not_show_it():
    lines = lines_of(chain("goal", ALL_MARKS))
    for row, words in (
        ("   > pc_init_v7 → pc_init_v8", "another machine version"),
        ("  i> → > small", "optimised differently"),
        ("! > → ?> i", "only one side knows the kind of this call"),
    ):
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{row} "))
        assert lines[at + 1].strip() == words


def test_with_room_for_it_the_chains_stand_in_two_columns():
    lines = lines_of(chain("goal", ALL_MARKS), width=100)
    columns = [line.split("│") for line in lines if "│" in line]
    assert {len(parts) for parts in columns} == {2}
    assert len({len(old) for old, _ in columns}) == 1, "the new side begins in one column"
    renamed = next(parts for parts in columns if parts[0].startswith("~"))
    assert renamed[0].split() == ["~", ">", "old_name", "hw/pc.c"]
    assert renamed[1].split() == [">", "new_name", "hw/x86.c"]
    inserted = next(parts for parts in columns if parts[0].startswith("+"))
    assert inserted[0].strip() == "+" and "came" in inserted[1]
    removed = next(parts for parts in columns if parts[0].startswith("-"))
    assert "went" in removed[0] and not removed[1].strip()


def test_without_room_a_row_says_what_was_and_what_is():
    lines = lines_of(chain("goal", ALL_MARKS), width=99)
    assert not any("│" in line for line in lines)
    assert any("old_name → new_name" in line and "hw/pc.c → hw/x86.c" in line for line in lines)
    assert any(line.startswith("~ > → *> g") for line in lines)


@pytest.mark.parametrize("width", [100, 120, 200])
def test_no_row_is_wider_than_the_terminal(width):
    long = chain("goal", LONG + f"~ > {'x' * 200}@pc | > {'y' * 200}@{'z' * 90}\n")
    rows = [line for line in lines_of(long, width=width) if "│" in line]
    assert rows and max(map(len, rows)) <= width


def test_the_pointer_is_told_below_its_row():
    lines = lines_of(chain("goal", ALL_MARKS))
    row = next(i for i, line in enumerate(lines) if line.startswith("~ *> h"))
    assert lines[row + 1].strip() == "pointer: Ops.run, set by a → Ops.run, set by b"


def test_long_runs_of_equal_rows_are_folded_around_two_of_context():
    lines = lines_of(chain("goal", LONG + "+ > came@x\n" + "".join(f"  > z{n}@x\n" for n in range(5))))
    start = next(i for i, line in enumerate(lines) if line.startswith("  … 4 functions unchanged …"))
    assert [line.split()[1] for line in lines[start + 1 : start + 6]] == ["d", "e", ">", "z0", "z1"]
    assert lines[start + 6] == "  … 3 functions unchanged …"


def test_a_single_row_is_not_folded():
    lines = lines_of(chain("goal", "  main\n  > a@x\n  > b@x\n+ > came@x\n"))
    assert not any("unchanged …" in line for line in lines)


def test_full_folds_nothing():
    lines = lines_of(chain("goal", LONG + "+ > came@x\n"), full=True)
    assert not any("…" in line for line in lines)
    assert sum("hw/" in line for line in lines) == 7


def test_notes_are_folded_and_counted_so_that_another_compiler_does_not_cry_wolf():
    notes = "".join(f"= i> i{n}@x | > i{n}@x\n" for n in range(9))
    lines = lines_of(chain("goal", LONG + notes + "  > y@x\n  > z@x\n+ > came@x\n"))
    assert "  … 15 functions unchanged, 9 functions optimised differently …" in lines
    assert any(
        line.startswith("Unchanged: The goal (main thread), 9 functions")
        for line in lines_of(chain("goal", notes))
    )


def test_what_a_chain_before_shows_is_not_shown_again():
    first = chain("goal", LONG + "+ > came@x\n")
    second = chain("later", LONG + "+ > came@x\n  > p@x\n- > went@x\n", known=7)
    lines = lines_of(first, second)
    assert "  … 7 functions shared with “The goal”, 1 of them changed …" in lines
    assert sum("came" in line and line.startswith("+") for line in lines) == 1


def test_a_chain_that_differs_only_in_what_was_shown_is_one_line():
    first = chain("goal", LONG + "+ > came@x\n")
    second = chain("later", LONG + "+ > came@x\n  > p@x\n", known=7)
    assert "Differs only in functions shared with “The goal”: The later (main thread)" in lines_of(first, second)
    elsewhere = chain(
        "later", LONG + "+ > came@x\n  > p@x\n", known=7, threads=("a", "b"), own=[ChangeKind.THREAD]
    )
    lines = lines_of(first, elsewhere)
    assert "The later (a → b)" in lines and not any("Differs only" in line for line in lines)


def test_the_first_divergence_is_named_once():
    lines = lines_of(chain("goal", LONG + "+ > came@x\n- > went@x\n"))
    assert [line for line in lines if "diverge" in line] == ["The chains diverge after e: came is added."]


def test_a_milestone_not_reached_any_more_shows_the_way_it_was_reached():
    lost = chain("goal", "- main@vl\n- > a@x\n", threads=("main thread", ""), own=[ChangeKind.CHAIN_REMOVED])
    lines = lines_of(lost)
    assert [line.split()[:2] for line in lines if line.startswith("-  ")] == [["-", "main"], ["-", ">"]]


def test_everything_besides_the_chains_has_its_list_and_the_summary_is_last():
    extra = [*many(2), Change(ChangeKind.IOCTL_ADDED, "KVM_CREATE_VM", new="KVM_CREATE_VM")]
    lines = lines_of(
        chain("goal", ALL_MARKS), extra=extra, accepted={"went": "known since May"}, rules=[broken()],
        stale=["Entry 3 matches nothing."], not_comparable=[("KVM_RUN", "never reached")],
    )  # fmt: skip
    for expected in (
        "  KVM_CREATE_VM is newly issued", "  function_0 is newly observed, off the chains",
        "  went is removed after came: known since May", "  1 function optimised differently: small",
        "  BROKEN: main must reach kvm_cpu_exec: main does not reach it", "  Entry 3 matches nothing.",
        "  KVM_RUN: never reached",
    ):  # fmt: skip
        assert expected in lines
    assert (
        lines[-1].endswith("1 not comparable.")
        and "1 rule broken; 1 stale allow-list entry; 1 accepted" in lines[-1]
    )


def test_a_rule_that_could_not_be_checked_is_told_with_what_else_could_not():
    rule = broken(outcome=RuleOutcome.UNCHECKED, words="main was not seen")
    lines = lines_of(rules=[rule], not_comparable=[(f"Rule: {rule.rule}", rule.words)])
    assert [line for line in lines if rule.words in line] == [f"  Rule: {rule.rule}: {rule.words}"]
    assert "Rules:" not in lines


def test_long_lists_are_cut_and_counted_but_not_what_could_not_be_checked():
    not_comparable = [(f"symbol_{n}", "absent") for n in range(300)]
    lines = lines_of(extra=many(300), not_comparable=not_comparable)
    assert "  … 270 more" in lines
    assert sum(line.startswith("  symbol_") for line in lines) == 300
    assert "  … 270 more" not in lines_of(extra=many(300), full=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [80, 120])
def test_no_name_reaches_the_terminal_as_it_is(name, width):
    text = render(verdict(extra=many(1, name=name), names=(name, name)), width=width)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert len(text) < 5_000
    assert len(text.splitlines()) == 7


@settings(deadline=None)
@given(st.text())
def test_any_text_at_all_is_made_printable(name):
    text = render(verdict(extra=[Change(ChangeKind.FUNCTION_ADDED, name, new=name)], names=(name, "new")))
    assert text.encode() and all(char == "\n" or char.isprintable() for char in text)
    assert len(text.split("\n")) == 8


def test_there_is_no_colour_unless_asked_for():
    wanted = verdict(chain("goal", ALL_MARKS), extra=many(3), rules=[broken()])
    plain, coloured = render(wanted), render(wanted, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[32m+ " in coloured and "\x1b[31m- " in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain, "colour adds nothing but colour"


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("terminal", "environ", "choice", "expected"),
    [
        (True, {}, "auto", True),
        (False, {}, "auto", False),
        (True, {"NO_COLOR": "1"}, "auto", False),
        (True, {"NO_COLOR": ""}, "auto", True),  # set to nothing is not set
        (True, {"TERM": "dumb"}, "auto", False),
        (True, {"CLICOLOR": "0"}, "auto", False),
        (False, {"FORCE_COLOR": "1"}, "auto", True),
        (False, {"CLICOLOR_FORCE": "1"}, "auto", True),
        (False, {"FORCE_COLOR": "0"}, "auto", False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", False),
        (False, {"NO_COLOR": "1"}, "always", True),
        (True, {"FORCE_COLOR": "1"}, "never", False),
    ],
)
def test_colour_is_for_terminals_and_for_who_asks(terminal, environ, choice, expected):
    assert wants_colour(_Terminal() if terminal else io.StringIO(), environ, choice) is expected


def test_the_same_verdict_gives_the_same_text():
    assert len({render(verdict(chain("goal", ALL_MARKS), extra=many(40))) for _ in range(3)}) == 1
