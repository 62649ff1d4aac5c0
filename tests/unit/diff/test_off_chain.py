"""Functions and calls that are on no chain to a milestone."""

from __future__ import annotations

from tests.support.comparisons import changes, outside


def test_a_function_and_its_calls_are_told_as_one():
    old = outside("main > x > y")
    new = outside("main > x > z > y")
    assert changes(old, new) == ["call-removed x -> y", "function-added z"]


def test_a_call_between_functions_both_sides_have_is_told():
    old, new = outside("main > x > y"), outside("main > x > y", "main > y")
    assert changes(old, new) == ["call-added main -> y"]


def test_the_kind_of_a_call_is_told():
    assert changes(outside("main > x > y"), outside("main > x *> y")) == ["call-kind x -> y"]


def test_that_one_side_does_not_know_the_kind_of_a_call_is_a_note():
    assert changes(outside("main > x > y"), outside("main > x ?> y")) == ["kind-unknown x -> y"]


def test_a_function_that_moved_is_told_as_moved():
    assert changes(outside("main > x@a > y"), outside("main > x@b > y")) == ["moved x"]


def test_between_two_optimised_builds_it_is_no_excuse():
    old, new = outside("main > x > y", "main i> z"), outside("main t> y", "main i> z")
    assert changes(old, new) == ["call-added main -> y", "function-removed x"]


def test_twins_of_one_name_are_told_each():
    twins = outside("main > x@a > y", "main > x@b > y")
    assert changes(twins, outside()) == ["function-removed x"] * 2 + ["function-removed y"]
    apart = outside("main > x@a", "main > x@b", "main > z")
    assert changes(apart, outside("main > x@a", "main > x@b", "main > z > x@a", "main > z > x@b")) == [
        "call-added z -> x", "call-added z -> x"
    ]  # fmt: skip


def test_one_that_optimisation_leaves_without_a_frame_is_a_note():
    assert changes(outside("main > x > y"), outside("main t> y")) == ["optimised x"]
    assert changes(outside("x > y > z"), outside("y t> z")) == ["optimised x", "optimised y -> z"]
