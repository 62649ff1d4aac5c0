"""Alternating runs, and groups by name."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import GROUPS, matching_groups
from tests.bench.figures import Measurement
from tests.bench.measured_run import RunError
from tests.bench.rounds import Contender, alternate


def contender(name: str, ran: list[str], seconds: float = 1.0, fails_in: int = 0) -> Contender:
    """A contender that notes in `ran` that it ran, and fails in its run of number `fails_in`."""

    def run() -> Measurement:
        ran.append(name)
        if ran.count(name) == fails_in:
            raise RunError("it broke")
        return Measurement(seconds, seconds, 1)

    return Contender(name, run)


def test_all_run_in_each_round_and_every_second_round_is_in_the_opposite_order():
    ran: list[str] = []
    rows = alternate([contender("a", ran), contender("b", ran), contender("c", ran)], 3, "test")
    assert "".join(ran) == "abc" + "cba" + "abc"
    assert [(row.name, len(row.measurements)) for row in rows] == [("a", 3), ("b", 3), ("c", 3)]


def test_one_that_fails_is_a_row_that_says_why_and_the_others_run_on(capsys):
    ran: list[str] = []
    rows = alternate([contender("a", ran, fails_in=2), contender("b", ran)], 4, "test")
    assert (rows[0].missing, rows[0].measurements) == ("it broke", ())
    assert (ran.count("a"), len(rows[1].measurements)) == (2, 4)
    assert "test: a: it broke" in capsys.readouterr().err


def test_one_that_is_missing_never_runs_and_is_a_row():
    def never() -> Measurement:
        raise AssertionError("it ran")

    rows = alternate([Contender("perf", never, "not installed")], 2, "test")
    assert [(row.name, row.missing) for row in rows] == [("perf", "not installed")]


def test_one_that_takes_long_runs_once_where_that_is_asked_for():
    ran: list[str] = []
    rows = alternate([contender("slow", ran, 31), contender("fast", ran, 29)], 3, "test", once_above=30)
    assert [len(row.measurements) for row in rows] == [1, 3]


def test_a_word_stands_for_all_groups_that_begin_with_it():
    assert matching_groups(["bulk"]) == ["bulk A", "bulk B"]
    assert matching_groups(["import", "bulk-a"]) == ["bulk A", "import"]
    assert matching_groups([]) == list(GROUPS)


def test_a_word_that_names_no_group_is_an_error_that_names_all():
    with pytest.raises(ValueError, match=r"no group walk; there are startup, bulk A"):
        matching_groups(["startup", "walk"])
