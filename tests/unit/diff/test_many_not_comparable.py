"""What cannot be compared, said once for many functions of --break."""

from __future__ import annotations

from analyzer.diff.change import NotComparable
from analyzer.diff.not_comparable import fold_functions_asked_for

REASON = "old was recorded without --break for it"


def asked_for(*functions: str) -> list[NotComparable]:
    return [NotComparable(f"Asked for: {function}", REASON) for function in functions]


def test_many_functions_of_break_with_one_reason_are_one_entry():
    others = [NotComparable("The ioctls", REASON), NotComparable("Asked for: z", "another reason")]
    entries = [others[0], *asked_for(*"abcdefgh"), others[1]]
    folded = NotComparable("Asked for: a, b, c, d, e and 3 more", REASON)
    assert fold_functions_asked_for(entries) == [others[0], folded, others[1]]


def test_a_few_functions_stay_entries_of_their_own():
    entries = asked_for(*"abcde")
    assert fold_functions_asked_for(entries) == entries
    assert fold_functions_asked_for([*entries, *entries]) == entries
