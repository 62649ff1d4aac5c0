"""When gdb is given up: not while it works, in seconds when it does not."""

from __future__ import annotations

import pytest

from analyzer.adapters.gdb_watchdog import GdbWatchdog, WatchdogLimits
from analyzer.adapters.traced_process import ProcessActivity

LIMITS = WatchdogLimits(stopped=3.0, asleep=10.0, computing=30.0, silence=2.0)
SECONDS = 400


def first_problem(activity, owes_answer=True, computing_limit=True, speaks=lambda _: False):
    """(second, sentence) of the first problem of a gdb that is looked at four times a second; None for none."""
    watchdog = GdbWatchdog(0.0, LIMITS)
    for quarter in range(SECONDS * 4):
        now = quarter / 4
        if speaks(now):
            watchdog.heard(now)
        if problem := watchdog.problem(now, activity(now), owes_answer, computing_limit):
            return now, problem
    return None


def test_a_stopped_gdb_is_given_up_in_seconds():
    assert first_problem(lambda _: ProcessActivity("T", 1.0)) == (3.25, "gdb was stopped (as by SIGSTOP).")


def test_a_gdb_that_is_stopped_for_a_moment_is_not_given_up():
    assert first_problem(lambda now: ProcessActivity("T" if now % 4 < 2 else "R", now / 100)) is None


def test_a_gdb_that_sleeps_and_owes_an_answer_is_given_up():
    assert first_problem(lambda _: ProcessActivity("S", 1.0)) == (10.5, "gdb does not answer (10 s asleep).")


@pytest.mark.parametrize(
    ("activity", "owes_answer"),
    [
        (lambda _: ProcessActivity("S", 1.0), False),  # it waits for the program
        (lambda now: ProcessActivity("S", now // 5), True),  # it computes now and then
        (lambda _: ProcessActivity("D", 1.0), True),  # a slow disk
        (lambda _: ProcessActivity("t", 1.0), True),  # somebody traces gdb
    ],
)
def test_a_gdb_that_waits_or_works_is_not_given_up(activity, owes_answer):
    assert first_problem(activity, owes_answer, computing_limit=False) is None


def test_a_gdb_that_computes_for_a_command_is_left_to_the_limit_of_the_command():
    assert first_problem(lambda now: ProcessActivity("R", now), computing_limit=False) is None


def test_a_gdb_that_computes_instead_of_giving_a_sign_of_life_is_given_up():
    found = first_problem(lambda now: ProcessActivity("R", now))
    assert found == (30.25, "gdb does not answer (30 s of computation).")


def test_a_busy_host_makes_the_computation_take_longer():
    found = first_problem(lambda now: ProcessActivity("R", now / 8))
    assert found is not None and found[0] > 8 * LIMITS.computing


def test_a_gdb_that_writes_is_not_given_up():
    assert first_problem(lambda now: ProcessActivity("R", now), speaks=lambda now: now % 20 == 0) is None
    assert first_problem(lambda _: ProcessActivity("S", 1.0), speaks=lambda now: now % 5 == 0) is None


def test_a_silent_gdb_is_asked_for_a_sign_of_life():
    watchdog = GdbWatchdog(0.0, LIMITS)
    assert not watchdog.asks(1.0)
    assert watchdog.asks(2.5)
    watchdog.heard(2.6)
    assert not watchdog.asks(4.0)
