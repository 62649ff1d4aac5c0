"""What is computed of measurements."""

from __future__ import annotations

import pytest

from tests.bench.figures import (
    Measurement,
    Row,
    added_cost,
    growth_exponent,
    median_ratio,
    ratio_figure,
    ratios,
)


def row(name: str, *seconds: float, missing: str = "", **facts: float) -> Row:
    return Row(name, tuple(Measurement(each, each / 2, 1 << 20, facts) for each in seconds), missing)


def test_the_median_is_that_of_the_rounds():
    assert row("a", 5, 1, 3).median() == 3
    assert row("a", 5, 1, 3).median("cpu_seconds") == 1.5


def test_a_fact_has_a_median_and_an_unknown_fact_has_none():
    assert row("a", 1, 2, hits=7).median("hits") == 7
    assert row("a", 1, 2).median("hits") is None
    assert row("a").median() is None


def test_a_ratio_pairs_the_runs_of_one_round():
    """A round that is slow for both does not change it; the ratio of the medians would be 2.5 here."""
    slow_last, slow_first = row("a", 2, 20, 5), row("b", 1, 10, 2)
    assert ratios(slow_last, slow_first) == [2, 2, 2.5]
    assert median_ratio(slow_last, slow_first) == 2


def test_a_round_that_one_of_the_two_lacks_is_left_out():
    assert ratios(row("a", 4, 6), row("b", 2)) == [2]
    assert median_ratio(row("a"), row("b", 2)) is None


def test_the_figure_of_a_missing_program_says_which_and_why():
    figure = ratio_figure(row("a", 4), row("b", missing="not installed"), "bulk")
    assert (figure.name, figure.value, figure.missing) == ("bulk: a / b", None, "b: not installed")


def test_an_added_cost_is_the_difference_in_terms_of_the_base():
    assert added_cost(row("both", 3, 9), row("one", 2, 6), row("base", 2, 6)) == pytest.approx(0.5)
    assert added_cost(row("both"), row("one", 2), row("base", 2)) is None


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_the_growth_of_a_power_is_its_exponent(exponent):
    sizes = [1_000, 10_000, 100_000]
    assert growth_exponent(sizes, [7 * size**exponent for size in sizes]) == pytest.approx(exponent)


def test_one_size_has_no_growth():
    assert growth_exponent([1_000], [3]) is None
    assert growth_exponent([], []) is None
