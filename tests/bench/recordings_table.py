"""The tables and figures of large recordings: a row for each step, columns for each size. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.figures import Figure, Row, growth_exponent, median_ratio
from tests.bench.groups import Table, mebibytes, number
from tests.bench.profilers import GPROF2DOT
from tests.bench.recording_steps import GRAPH, LONG, MERGE, SHOW_FIRST

_TEXT = (
    f"A step that takes more than {LONG:.0f} s runs once. "
    "Every stop is a record of its own. Each step is a process of its own, which reads the recording first. "
    "Frames a second: at the largest size measured. Growth: the exponent between the sizes; 1 is linear."
)


@dataclass(frozen=True)
class SizeResult:
    """The rows of one size, in the order of the steps; `frames` are those of all stops."""

    stacks: int
    frames: int
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row of one step."""
        return next(row for row in self.rows if row.name == name)


def size_table(title: str, sizes: Sequence[SizeResult]) -> Table:
    """The table of all steps at all sizes."""
    columns = [text for size in sizes for text in (f"{size.stacks:,}: seconds", "peak MiB")]
    headings = ("step", *columns, "frames a second", "growth of time", "growth of memory", "notes")
    rounds = ", ".join(f"{_rounds(size)} at {size.stacks:,} stacks, {size.frames:,} frames" for size in sizes)
    cells = tuple(_cells(row.name, sizes) for row in sizes[0].rows)
    return Table(title, headings, cells, f"Rounds: {rounds}. {_TEXT}")


def size_figures(group: str, share: int, sizes: Sequence[SizeResult]) -> Iterator[Figure]:
    """The figures that targets are set for; `share` is the per cent of distinct stacks."""
    suffix, largest = f"{share} % distinct", sizes[-1]
    missing = next((size.row(MERGE).missing for size in sizes if size.row(MERGE).missing), "")
    yield Figure(f"{group}: {MERGE}, {suffix}", _rate(MERGE, sizes), "frames/s", missing)
    growth = None if missing else _growth(MERGE, sizes[-2:], "seconds")
    yield Figure(f"{group}: growth of {MERGE}, {suffix}", growth, missing=missing)
    yield _peak(f"{group}: largest peak of any step at {largest.stacks:,} stacks, {suffix}", largest.rows)
    first = largest.row(SHOW_FIRST)
    title = f"{group}: first line of show at {largest.stacks:,} stacks, {suffix}"
    yield Figure(title, first.median(), "s", first.missing)
    for size in sizes:
        graph, other = size.row(GRAPH), size.row(GPROF2DOT)
        title = f"{group}: {GRAPH} / {GPROF2DOT} at {size.stacks:,} stacks, {suffix}"
        yield Figure(title, median_ratio(graph, other), missing=graph.missing or other.missing)


def expected_seconds(name: str, sizes: Sequence[SizeResult], stacks: int) -> float | None:
    """What a step is expected to take with `stacks`: as at the largest size measured, and growing as so far.

    None without a measurement; infinite when it could not do a smaller size.
    """
    measured = _measured(name, sizes, "seconds")
    if len(measured) < len(sizes):
        return float("inf")
    if not measured:
        return None
    size, seconds = measured[-1]
    growth = _growth(name, sizes, "seconds") or 1.0
    return float(seconds * (stacks / size.stacks) ** max(1.0, growth))


def _rounds(size: SizeResult) -> int:
    return max(len(row.measurements) for row in size.rows)


def _cells(name: str, sizes: Sequence[SizeResult]) -> tuple[str, ...]:
    rows = [size.row(name) for size in sizes]
    values = [text for row in rows for text in (number(row.median()), mebibytes(row.median("peak")))]
    notes = dict.fromkeys(filter(None, (text for row in rows for text in (row.note, row.missing))))
    return (
        name,
        *values,
        number(_rate(name, sizes), 0),
        number(_growth(name, sizes, "seconds")),
        number(_growth(name, sizes, "peak")),
        "; ".join(notes),
    )


def _measured(name: str, sizes: Sequence[SizeResult], measure: str) -> list[tuple[SizeResult, float]]:
    return [(size, value) for size in sizes if (value := size.row(name).median(measure)) is not None]


def _rate(name: str, sizes: Sequence[SizeResult]) -> float | None:
    """Frames a second at the largest size measured."""
    measured = _measured(name, sizes, "seconds")
    return measured[-1][0].frames / measured[-1][1] if measured else None


def _growth(name: str, sizes: Sequence[SizeResult], measure: str) -> float | None:
    measured = _measured(name, sizes, measure)
    return growth_exponent([size.stacks for size, _ in measured], [value for _, value in measured])


def _peak(title: str, rows: Sequence[Row]) -> Figure:
    """The most memory that one of our steps takes; not measured when one of them was not."""
    ours = rows[: [row.name for row in rows].index(GPROF2DOT)]
    missing = next((f"{row.name}: {row.missing}" for row in ours if row.missing), "")
    peaks = [peak for row in ours if (peak := row.median("peak")) is not None]
    return Figure(title, max(peaks) / 1e6 if peaks and not missing else None, "MB", missing)
