"""A run may go on as long as it reaches one milestone after the other."""

from __future__ import annotations

from analyzer.recording.milestone_limit import MilestoneLimit


def test_a_run_without_a_further_milestone_is_over():
    limit = MilestoneLimit(5.0, 0.0)
    assert not limit.is_over(4.0, 3)
    assert not limit.is_over(9.0, 3)  # first seen at 4.0
    assert limit.is_over(9.5, 3)
    assert "no required milestone for 5 s" in limit.sentence


def test_each_milestone_starts_the_limit_anew():
    limit = MilestoneLimit(5.0, 0.0)
    assert not any(limit.is_over(4.0 * number, 10 - number) for number in range(10))


def test_there_is_no_limit_when_all_are_reached_or_none_is_asked_for():
    assert not any(MilestoneLimit(5.0, 0.0).is_over(now, 0) for now in (1.0, 100.0))
    unlimited = MilestoneLimit(0.0, 0.0)
    assert not any(unlimited.is_over(now, 3) for now in (1.0, 1000.0))
