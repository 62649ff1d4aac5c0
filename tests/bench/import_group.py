"""Import of the text of `perf script`, at two sizes, beside profilers that read the same text."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.bench.figures import Figure, Measurement, Row, growth_exponent
from tests.bench.groups import Bench, GroupResult, Table, comparison
from tests.bench.measured_run import Limits, run_measured
from tests.bench.multiplied import Shape, write_multiplied
from tests.bench.profilers import profiler_contenders
from tests.bench.recordings_group import bulk_b
from tests.bench.rounds import Contender, alternate
from tests.bench.workload import ANALYZE, with_facts

NAME = "import"
SIZES = {10_000: 5, 100_000: 3}  # stacks, and rounds
SHARE = 0.3  # of distinct stacks
IMPORT = "analyze import"
_LIMITS = Limits(seconds=300)


def run(bench: Bench) -> GroupResult:
    """Measure `analyze import` of perf's text."""
    real = bulk_b(bench)
    tables: list[Table] = []
    rows: dict[str, tuple[Row, ...]] = {}
    figures: list[Figure] = []
    medians: dict[int, float] = {}
    for stacks, rounds in SIZES.items():
        text = bench.folder / f"perf-{stacks}.txt"
        write_multiplied(real, bench.folder / f"perf-{stacks}", Shape(stacks, round(stacks * SHARE)), text)
        size = text.stat().st_size
        found = alternate(_contenders(text), bench.rounds(rounds), f"{NAME} of {size / 1e6:.0f} MB")
        title = f"{NAME}: perf script, {stacks:,} stacks, {size / 1e6:.0f} MB"
        tables.append(comparison(title, found, found[0]))
        rows[title] = tuple(found)
        seconds = found[0].median()
        medians.update({size: seconds} if seconds else {})
        rate = size / 1e6 / seconds if seconds else None
        figures.append(Figure(f"{NAME}: perf script of {stacks:,} stacks", rate, "MB/s", found[0].missing))
    growth = growth_exponent(list(medians), list(medians.values()))
    return GroupResult(NAME, tuple(tables), rows, (*figures, Figure(f"{NAME}: growth of perf script", growth)))


def _contenders(text: Path) -> list[Contender]:
    return [Contender(IMPORT, partial(_import, text)), *profiler_contenders(text, _LIMITS)]


def _import(text: Path) -> Measurement:
    out = text.with_suffix(".imported")
    command = [str(ANALYZE), "import", str(text), "--out", str(out), "--force"]
    measured = run_measured(command, text.with_suffix(".output"), limits=_LIMITS)
    return with_facts(measured, {"bytes": float(text.stat().st_size)})
