"""The default recording, from the command to the finished report; and how long `analyze --help` takes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

from tests.bench.figures import Figure, Measurement, Row, added_cost, ratio_figure
from tests.bench.gdb_rivals import run_do_nothing, run_plain_script
from tests.bench.groups import Bench, GroupResult, comparison
from tests.bench.measured_run import run_measured
from tests.bench.rounds import Contender, alternate
from tests.bench.tracers import run_untraced
from tests.bench.workload import ANALYZE, NOTHING_ELSE, Workload, prepare, recorded_run

NAME = "startup"
ROUNDS = 5
BASE, SCRIPT, ALL = "analyze, nothing else on", "gdb script with bt", "analyze, all on"
IOCTLS, KERNEL = "analyze, ioctl log", "analyze, ioctl log and kernel's side"


def run(bench: Bench) -> GroupResult:
    """Measure the default `startup` against gdb alone, and `analyze --help`."""
    workload = prepare(bench.qemu, bench.folder / NAME)
    rounds = bench.rounds(ROUNDS)
    rows = alternate(contenders(workload), rounds, NAME)
    title = "startup: default stops"
    help_rows = alternate([Contender("analyze --help", partial(_help, bench))], rounds, NAME)
    help_title = "startup: analyze --help"
    return GroupResult(
        NAME,
        (comparison(title, rows, rows[0], _TEXT), comparison(help_title, help_rows, help_rows[0])),
        {title: tuple(rows), help_title: tuple(help_rows)},
        tuple(figures_of(rows, help_rows[0])),
    )


_TEXT = (
    "Each run of `analyze` is from the command to the finished report. *Nothing else on* is "
    f"`{' '.join(NOTHING_ELSE)}`; an *empty cache* has no result of an earlier run. Hits are those of functions "
    "of QEMU itself: stops in libraries and at ioctl requests are in all programs that gdb runs, but not counted."
)


def contenders(workload: Workload) -> list[Contender]:
    """All programs of the table; nothing runs yet."""

    def analyze(name: str, *options: str, note: str = "") -> Contender:
        return Contender(name, partial(recorded_run, workload, *options), note=note)

    ours = [
        analyze(BASE, *NOTHING_ELSE),
        analyze(IOCTLS, "--no-kernel", "--no-pointers"),
        analyze(KERNEL, "--no-pointers"),
        analyze(ALL),
        Contender(f"{BASE}, empty cache", partial(_with_empty_cache, workload, *NOTHING_ELSE)),
        Contender(f"{ALL}, empty cache", partial(_with_empty_cache, workload)),
    ]
    rivals: list[tuple[str, Callable[[Workload], Measurement]]] = [
        (SCRIPT, run_plain_script),
        ("gdb that does nothing", run_do_nothing),
        ("QEMU untraced", run_untraced),
    ]
    return [*ours, *(Contender(name, partial(measure, workload)) for name, measure in rivals)]


def _with_empty_cache(workload: Workload, *options: str) -> Measurement:
    folder = workload.file("empty-cache")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return recorded_run(workload, *options, environment={"XDG_CACHE_HOME": str(folder)})


def _help(bench: Bench) -> Measurement:
    return run_measured([str(ANALYZE), "--help"], bench.folder / "help.txt")


def figures_of(rows: list[Row], help_row: Row) -> list[Figure]:
    by_name = {row.name: row for row in rows}
    base, script = by_name[BASE], by_name[SCRIPT]
    return [
        ratio_figure(base, script, NAME),
        ratio_figure(by_name[ALL], script, NAME),
        ratio_figure(by_name[f"{ALL}, empty cache"], script, NAME),
        Figure(f"{NAME}: added by the ioctl log / {BASE}", added_cost(by_name[IOCTLS], base, base)),
        Figure(f"{NAME}: added by the kernel's side / {BASE}", added_cost(by_name[KERNEL], by_name[IOCTLS], base)),
        Figure(f"{NAME}: analyze --help", help_row.median(), "s"),
    ]
