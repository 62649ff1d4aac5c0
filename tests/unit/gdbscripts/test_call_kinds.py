"""The table of call kinds, and the marks of a comparison beside it: no sign means two things."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.diff.change import NOTES, ChangeKind
from gdbscripts import call_kinds
from gdbscripts.call_kinds import ARROW_WIDTH, CALL_KINDS, CallKind, arrow_key, call_arrow
from reports.diff_marks import MARK_OF, DiffMark, mark_key
from reports.dot.call_graph import EDGE_STYLES

ARROWS = [words.arrow for words in CALL_KINDS.values()]
SIGNS = [mark.sign for mark in DiffMark]


def test_every_kind_of_call_is_in_the_table_and_has_a_style_in_drawings():
    assert set(CALL_KINDS) == set(EDGE_STYLES) == set(CallKind)


def test_every_kind_of_change_that_counts_has_a_mark():
    assert set(ChangeKind) - NOTES < set(MARK_OF)
    in_order = [kind for kind in ChangeKind if kind in MARK_OF]
    assert list(MARK_OF) == in_order, "a row has the mark of its worst change"
    assert set(MARK_OF) & NOTES == {ChangeKind.KIND_UNKNOWN}, "a mark stands for what counts, or is not comparable"


def test_the_kinds_and_their_table_are_defined_once_for_both_sides():
    root = Path(call_kinds.__file__).parents[1]
    sources = [
        file.read_text() for top in ("analyzer", "gdbscripts", "reports") for file in (root / top).rglob("*.py")
    ]
    for definition in ("class CallKind(", "CALL_KINDS: "):
        assert sum(definition in source for source in sources) == 1


def test_no_sign_means_two_things():
    both = [*ARROWS, *SIGNS]
    assert len(set(both)) == len(both)
    for column in ("label", "sentence"):
        assert len({getattr(words, column) for words in CALL_KINDS.values()}) == len(CALL_KINDS)
    assert len({mark.label for mark in DiffMark}) == len(DiffMark)


def test_the_five_marks_are_these_and_no_arrow_contains_one():
    assert SIGNS == ["+", "-", "~", "»", "!"]
    assert not {character for arrow in ARROWS for character in arrow} & set(SIGNS)


def test_the_signs_in_ascii_mean_one_thing_each_too():
    signs = [mark.ascii_sign for mark in DiffMark]
    assert len({*signs, *ARROWS}) == len(signs) + len(ARROWS)
    assert all(sign.isascii() and len(sign) == 1 for sign in signs)
    assert not {character for arrow in ARROWS for character in arrow} & set(signs)


@pytest.mark.parametrize("arrow", ARROWS)
def test_an_arrow_fits_everywhere(arrow):
    assert arrow.isascii() and arrow.isprintable() and " " not in arrow
    assert arrow.endswith(">") and len(arrow) <= ARROW_WIDTH


def test_a_letter_in_an_arrow_is_the_first_of_the_label():
    letters = {words.arrow[0]: words.label[0] for words in CALL_KINDS.values() if words.arrow[0].isalpha()}
    assert letters and all(letter == first for letter, first in letters.items())


def test_a_key_lists_what_occurs_in_the_order_of_the_table():
    assert arrow_key([CallKind.TAIL, None, CallKind.DIRECT, CallKind.TAIL]) == "> direct call; t> tail call"
    assert arrow_key([]) == ""
    assert mark_key([DiffMark.REMOVED, None, DiffMark.ADDED]) == "+ added; - removed"


def test_the_outermost_function_has_no_arrow():
    assert call_arrow(None) == ""
