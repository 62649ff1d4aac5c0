"""What the benchmark measures, and what is computed of it: medians, ratios of alternating rounds, growth. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measurement:
    """One run of one program, with all processes that it started."""

    seconds: float  # from start to end, on the clock
    cpu_seconds: float  # user and system, of all processes
    peak: int  # bytes of memory: the most that all processes had at one moment
    facts: Mapping[str, float] = field(default_factory=dict)  # further numbers by name, such as "hits"


@dataclass(frozen=True)
class Row:
    """One program and its measurements, one for each round; none of a program that could not run."""

    name: str
    measurements: tuple[Measurement, ...] = ()
    missing: str = ""  # why there are no measurements
    note: str = ""  # what a reader must know to compare this program with the others

    def median(self, measure: str = "seconds") -> float | None:
        """The median of a field of the measurements, or of one of their facts; None when none has it."""
        values = [value for each in self.measurements if (value := _value(each, measure)) is not None]
        return statistics.median(values) if values else None


@dataclass(frozen=True)
class Figure:
    """One result, which may have a target. `value` is None when it could not be measured; `missing` says why."""

    name: str
    value: float | None
    unit: str = ""  # "" for a ratio
    missing: str = ""


def _value(measurement: Measurement, measure: str) -> float | None:
    if measure in ("seconds", "cpu_seconds", "peak"):
        return float(getattr(measurement, measure))
    return measurement.facts.get(measure)


def ratios(row: Row, reference: Row, measure: str = "seconds") -> list[float]:
    """`row` divided by `reference`, for each round that both have: what disturbs a round disturbs both."""
    pairs = zip(row.measurements, reference.measurements, strict=False)
    values = ((_value(of, measure), _value(to, measure)) for of, to in pairs)
    return [of / to for of, to in values if of is not None and to]


def median_ratio(row: Row, reference: Row, measure: str = "seconds") -> float | None:
    """The median of the ratios of the rounds; None when no round has both."""
    values = ratios(row, reference, measure)
    return statistics.median(values) if values else None


def ratio_figure(row: Row, reference: Row, group: str) -> Figure:
    """The figure `GROUP: ROW / REFERENCE`, in seconds on the clock."""
    missing = next((f"{each.name}: {each.missing}" for each in (row, reference) if each.missing), "")
    return Figure(f"{group}: {row.name} / {reference.name}", median_ratio(row, reference), missing=missing)


def added_cost(row: Row, without: Row, base: Row) -> float | None:
    """What `row` takes more than `without`, in terms of `base`: the median of the rounds; None without rounds."""
    rounds = zip(row.measurements, without.measurements, base.measurements, strict=False)
    values = [(each.seconds - less.seconds) / unit.seconds for each, less, unit in rounds if unit.seconds]
    return statistics.median(values) if values else None


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """The exponent k when `values` grow as sizes**k: the slope of a line through their logarithms (least squares).

    1 is linear, 2 quadratic. None with fewer than two sizes.
    """
    points = [(math.log(size), math.log(value)) for size, value in zip(sizes, values, strict=True) if value > 0]
    if len({x for x, _ in points}) < 2:
        return None
    return statistics.linear_regression(*zip(*points, strict=True)).slope
