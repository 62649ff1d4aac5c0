"""Import of the text of `perf script`, at two sizes, beside profilers that read the same text."""

from __future__ import annotations

from pathlib import Path

from tests.bench.figures import Figure, Row, growth_exponent
from tests.bench.groups import Bench, GroupResult, Table, comparison
from tests.bench.multiplied import Shape, write_multiplied
from tests.bench.profilers import GPROF2DOT, profiler_contenders
from tests.bench.recording_steps import LIMITS, LONG, import_step, verb
from tests.bench.recordings_group import bulk_b
from tests.bench.rounds import Contender, alternate

NAME = "import"
SIZES = {10_000: 5, 100_000: 3}  # stacks, and rounds
SHARE = 0.3  # of distinct stacks
READ, IMPORT = "text to records", "analyze import"
_TEXT = (
    f"*{READ}* is the import alone; `{IMPORT}` also writes graph, drawing, backtraces and report. A program that "
    f"takes more than {LONG:.0f} s runs once."
)


def run(bench: Bench) -> GroupResult:
    """Measure the import of perf's text, with and without the report."""
    real = bulk_b(bench)
    tables: list[Table] = []
    rows: dict[str, tuple[Row, ...]] = {}
    sizes: dict[int, int] = {}  # stacks -> bytes
    by_stacks: dict[int, list[Row]] = {}
    for stacks, rounds in SIZES.items():
        text = bench.folder / f"perf-{stacks}.txt"
        write_multiplied(real, bench.folder / f"perf-{stacks}", Shape(stacks, round(stacks * SHARE)), text)
        sizes[stacks] = text.stat().st_size
        megabytes = f"{sizes[stacks] / 1e6:.0f} MB"
        found = alternate(_contenders(text), bench.rounds(rounds), f"{NAME} of {megabytes}", LONG)
        title = f"{NAME}: perf script, {stacks:,} stacks, {megabytes}"
        tables.append(comparison(title, found, found[0], _TEXT))
        rows[title] = tuple(found)
        by_stacks[stacks] = found
    return GroupResult(NAME, tuple(tables), rows, tuple(figures_of(by_stacks, sizes)))


def _contenders(text: Path) -> list[Contender]:
    out = text.with_suffix(".imported")
    whole = verb(IMPORT, text.parent, "import", str(text), "--out", str(out), "--force")
    return [import_step(READ, text), whole, *profiler_contenders(text, LIMITS)]


def figures_of(by_stacks: dict[int, list[Row]], sizes: dict[int, int]) -> list[Figure]:
    """Megabytes a second of each program at each size, and the growth of the import alone."""
    figures = []
    for name in (READ, IMPORT, GPROF2DOT):
        for stacks, rows in by_stacks.items():
            row = next(row for row in rows if row.name == name)
            seconds = row.median()
            rate = sizes[stacks] / 1e6 / seconds if seconds else None
            figures.append(Figure(f"{NAME}: {name}, {stacks:,} stacks", rate, "MB/s", row.missing))
    measured = {sizes[stacks]: seconds for stacks, rows in by_stacks.items() if (seconds := rows[0].median())}
    growth = growth_exponent(list(measured), list(measured.values()))
    return [*figures, Figure(f"{NAME}: growth of {READ}", growth)]
