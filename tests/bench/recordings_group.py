"""Large recordings, multiplied from a real one: what each step takes, and how that grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analyzer.graph.merge import graph_of
from analyzer.recording.reader import read_recording
from tests.bench.figures import Figure, Row
from tests.bench.groups import Bench, GroupResult, Table, comparison
from tests.bench.measured_run import RunError, run_measured
from tests.bench.multiplied import Shape, write_multiplied
from tests.bench.recording_steps import GRAPH, LIMITS, LONG, MERGE, make_inputs, merge_step, steps, verb
from tests.bench.recordings_table import SizeResult, expected_seconds, size_figures, size_table
from tests.bench.rounds import Contender, alternate, say
from tests.bench.workload import BULK_B, NOTHING_ELSE, analyze_startup

NAME = "recordings"
SIZES = {10_000: 5, 100_000: 3, 1_000_000: 1}  # stacks, and rounds: a round of a million takes minutes
SHARES = (1, 30)  # per cent of distinct stacks
_ALL_DIFFER = 100_000  # stacks of the recording in which all differ
_FUNCTIONS = 10_000  # of each of the two graphs to compare
_MANY_VARIANTS = 10_007  # a prime: nearly every varied stack has a function of its own
# The figures of single rows.
ALL_DIFFER = f"{NAME}: read and merge, 100 % distinct"
DIFF = f"{NAME}: diff of two graphs of {_FUNCTIONS:,} functions"
REPORT, REPORT_SIZE = f"{NAME}: report of bulk B", f"{NAME}: size of the report of bulk B"
RowAndFigures = tuple[Row, list[Figure]]


def run(bench: Bench) -> GroupResult:
    """Measure reading, graph, report, show, diff and baselines at all sizes, beside other programs."""
    real = bulk_b(bench)
    tables: list[Table] = []
    rows: dict[str, tuple[Row, ...]] = {}
    figures: list[Figure] = []
    for share in SHARES:
        sizes = _measure_sizes(bench, real, share)
        title = f"{NAME}: {share} % distinct stacks"
        tables.append(size_table(title, sizes))
        rows.update({f"{title}, {size.stacks:,} stacks": size.rows for size in sizes})
        figures += size_figures(NAME, share, sizes)
    other = [_all_differ(bench, real), _many_functions(bench, real), _report_of_bulk_b(bench, real)]
    title = f"{NAME}: other"
    other_rows = tuple(row for row, _ in other)
    tables.append(comparison(title, other_rows, other_rows[0]))
    figures += [figure for _, of_row in other for figure in of_row]
    return GroupResult(NAME, tuple(tables), {**rows, title: other_rows}, tuple(figures))


def bulk_b(bench: Bench) -> Path:
    """The output folder of a recording of bulk B: that of the group of this name, else a new one."""
    if "bulk B" not in bench.recordings:
        say("recording bulk B, to be multiplied")
        folder = bench.folder / "multiplied"
        run_measured(analyze_startup(bench.qemu, folder, BULK_B, *NOTHING_ELSE), bench.folder / "multiplied.txt")
        bench.recordings["bulk B"] = folder
    return bench.recordings["bulk B"]


def _measure_sizes(bench: Bench, real: Path, share: int) -> list[SizeResult]:
    """The rows of each size. A step that would exceed its limit is not run."""
    results: list[SizeResult] = []
    for size, rounds in SIZES.items():
        inputs = make_inputs(real, bench.folder / f"{share}-{size}", size, share / 100)
        contenders = [_unless_too_long(each, results, size) for each in steps(inputs)]
        rows = alternate(contenders, bench.rounds(rounds), f"{NAME}, {share} % of {size:,}", LONG)
        results.append(SizeResult(size, inputs.frames, tuple(rows)))
        inputs.remove()
    return results


def _unless_too_long(contender: Contender, smaller: Sequence[SizeResult], stacks: int) -> Contender:
    """The contender, marked as missing when the smaller sizes let expect that it exceeds the limit."""
    expected = expected_seconds(contender.name, smaller, stacks)
    if contender.missing or expected is None or expected <= LIMITS.seconds:
        return contender
    why = "it could not do a smaller size" if expected == float("inf") else f"some {expected:.0f} s expected"
    return replace(contender, missing=f"not run with {stacks:,}: {why}")


def _all_differ(bench: Bench, real: Path) -> RowAndFigures:
    folder = bench.folder / "all-differ"
    say(f"making a recording of {_ALL_DIFFER:,} stacks that all differ")
    frames = write_multiplied(real, folder, Shape(_ALL_DIFFER, _ALL_DIFFER))
    step = merge_step(folder, bench.folder)
    row = _measured(replace(step, name=f"{MERGE}: {_ALL_DIFFER:,} stacks that all differ"), bench, 3)
    seconds = row.median()
    rate = frames / seconds if seconds else None
    return row, [Figure(ALL_DIFFER, rate, "frames/s", row.missing)]


def _many_functions(bench: Bench, real: Path) -> RowAndFigures:
    """Compare two graphs of at least 10,000 functions."""
    graphs = [_graph_of_many(bench, real, changed) for changed in (False, True)]
    step = verb(f"analyze diff: graphs of {_FUNCTIONS:,} functions", bench.folder, "diff", *map(str, graphs))
    row = _measured(step, bench, 5)
    return row, [Figure(DIFF, row.median(), "s", row.missing)]


def _graph_of_many(bench: Bench, real: Path, changed: bool) -> Path:
    name = "many-new" if changed else "many-old"
    folder, graph = bench.folder / name, bench.folder / f"{name}.json"
    distinct = len({stop.frames for stop in read_recording(real).stops})
    stacks = _FUNCTIONS + distinct  # the real stacks, and one for each function
    write_multiplied(real, folder, Shape(stacks, stacks, _MANY_VARIANTS, changed))
    functions = len(graph_of(read_recording(folder)).nodes)
    say(f"a graph of {functions:,} functions")
    if functions < _FUNCTIONS:
        raise RunError(f"the graph to compare has {functions:,} functions only")
    verb(GRAPH, bench.folder, "graph", str(folder), "-o", str(graph)).run()
    return graph


def _report_of_bulk_b(bench: Bench, real: Path) -> RowAndFigures:
    report = bench.folder / "report.html"
    step = verb("analyze report: bulk B", bench.folder, "report", str(real), "-o", str(report))
    row = _measured(step, bench, 5)
    size = report.stat().st_size / 1e6 if report.exists() else None
    return row, [
        Figure(REPORT, row.median(), "s", row.missing),
        Figure(REPORT_SIZE, size, "MB", row.missing),
    ]


def _measured(step: Contender, bench: Bench, rounds: int) -> Row:
    return alternate([step], bench.rounds(rounds), NAME, LONG)[0]
