"""What a group of figures gets, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.figures import Figure, Row, median_ratio


@dataclass
class Bench:
    """One run of the benchmark: the QEMU, a folder for files, and the rounds asked for.

    `recordings` has the output folders that a group leaves for others, by name.
    """

    qemu: Path
    folder: Path
    asked_rounds: int | None = None
    recordings: dict[str, Path] = field(default_factory=dict)

    def rounds(self, default: int) -> int:
        """The rounds of a table: those asked for, else its `default`."""
        return self.asked_rounds or default


@dataclass(frozen=True)
class Table:
    """A table for readers; cells are text. `text` follows it: sentences that explain its rows."""

    title: str
    headings: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    text: str = ""


@dataclass(frozen=True)
class GroupResult:
    """The tables of one group, the measurements behind them by table title, and its figures."""

    name: str
    tables: tuple[Table, ...]
    rows: dict[str, tuple[Row, ...]]
    figures: tuple[Figure, ...]


def comparison(title: str, rows: Sequence[Row], reference: Row, text: str = "") -> Table:
    """A row for each program: its time as a multiple of that of `reference`, which is in the table too."""
    headings = (
        *("program", "seconds", "lowest to highest", "processor seconds", "peak MiB", "hits", "frames"),
        f"times {reference.name}",
        "notes",
    )
    return Table(title, headings, tuple(_comparison_cells(row, reference) for row in rows), text)


def number(value: float | None, digits: int = 2) -> str:
    """A number for a cell, with `,` between thousands; a dash for None."""
    return "–" if value is None else f"{value:,.{digits}f}"


def times(ratio: float | None) -> str:
    """A ratio for a cell: two decimals, and two digits when it is smaller than that."""
    return number(ratio) if ratio is None or ratio >= 0.1 else f"{ratio:.2g}"


def mebibytes(size: float | None) -> str:
    """Bytes as MiB, for a cell."""
    return number(None if size is None else size / (1 << 20), 0)


def _comparison_cells(row: Row, reference: Row) -> tuple[str, ...]:
    if row.missing:
        return (row.name, *["–"] * 7, f"not measured: {row.missing}")
    seconds = [each.seconds for each in row.measurements]
    ratio = median_ratio(row, reference)
    return (
        row.name,
        number(row.median()),
        f"{number(min(seconds))} to {number(max(seconds))}" if seconds else "–",
        number(row.median("cpu_seconds")),
        mebibytes(row.median("peak")),
        number(row.median("hits"), 0),
        number(row.median("frames"), 0),
        times(ratio),
        row.note,
    )
