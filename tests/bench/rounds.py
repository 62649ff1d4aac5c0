"""Runs programs in turn, several times, so that what disturbs the host disturbs all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.figures import Measurement, Row
from tests.bench.measured_run import RunError


@dataclass(frozen=True)
class Contender:
    """A program to measure: its name, and a function that runs it once.

    `missing` says why it cannot run on this host; then `run` is never called.
    """

    name: str
    run: Callable[[], Measurement]
    missing: str = ""
    note: str = ""


@dataclass
class _Results:
    measurements: list[Measurement] = field(default_factory=list)
    missing: str = ""


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def alternate(
    contenders: Sequence[Contender], rounds: int, group: str, once_above: float = float("inf")
) -> list[Row]:
    """Run all contenders once in each round; every second round runs them in the opposite order.

    Returns a row for each contender, in the order given. One that fails is left out of later rounds, and its row
    says why; its earlier measurements are dropped. One that takes more than `once_above` seconds runs once.
    """
    results = {each.name: _Results(missing=each.missing) for each in contenders}
    for number in range(rounds):
        for each in contenders if number % 2 == 0 else list(reversed(contenders)):
            result = results[each.name]
            if result.missing or any(one.seconds > once_above for one in result.measurements):
                continue
            try:
                measured = each.run()
            except (RunError, OSError) as error:
                result.missing = str(error)
                result.measurements.clear()
                say(f"{group}: {each.name}: {error}")
                continue
            result.measurements.append(measured)
            say(f"{group}, round {number + 1} of {rounds}: {measured.seconds:8.2f} s  {each.name}")
    return [
        Row(each.name, tuple(results[each.name].measurements), results[each.name].missing, each.note)
        for each in contenders
    ]
