"""Many functions, all hits: against gdb alone, perf with uprobes, uftrace, and QEMU untraced."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from analyzer.errors import AnalyzerError
from tests.bench.figures import Figure, Row, ratio_figure
from tests.bench.gdb_rivals import run_do_nothing, run_plain_script
from tests.bench.groups import Bench, GroupResult, comparison
from tests.bench.rounds import Contender, alternate
from tests.bench.tracers import missing_program, run_perf, run_uftrace, run_untraced
from tests.bench.uprobes import uprobes
from tests.bench.workload import (
    ANALYZE,
    BULK_A,
    BULK_B,
    NOTHING_ELSE,
    Workload,
    prepare,
    recorded_run,
)

BREAKS = {"bulk A": BULK_A, "bulk B": BULK_B}
ROUNDS = {"bulk A": 5, "bulk B": 3}  # the gdb script takes minutes for bulk B
OURS, PROBES = "analyze, engine gdb", "analyze, engine probes"
SCRIPT, FLOOR, PERF = "gdb script with bt", "gdb that does nothing", "perf record and perf script"
UFTRACE, UNTRACED = "uftrace record", "QEMU untraced"
_AGREE = 0.02  # the guest's timing changes the number of some ioctls from run to run


def run(name: str, bench: Bench) -> GroupResult:
    """Measure the workload called `name`; leaves its recording for other groups."""
    workload = prepare(bench.qemu, bench.folder / name.replace(" ", "-"), BREAKS[name])
    with ExitStack() as stack:
        contenders = [*_ours(workload), *_rivals(workload), _perf(workload, stack)]
        rows = alternate(contenders, bench.rounds(ROUNDS[name]), name)
    reference = rows[0]
    rows = [_with_notes(row, reference) for row in rows]
    bench.recordings[name] = workload.file("recorded")
    functions = " ".join(f"`{function}`" for function in workload.breaks)
    text = (
        f"Every hit of {functions}, and the milestones. Hits are those of functions of QEMU itself; all programs "
        "but uftrace stop at, or sample, the same instructions, inlined instances included. perf copies 4096 "
        "bytes of stack for each sample."
    )
    return GroupResult(
        name, (comparison(name, rows, reference, text),), {name: tuple(rows)}, tuple(figures_of(name, rows))
    )


def _ours(workload: Workload) -> list[Contender]:
    help_text = subprocess.run(
        [str(ANALYZE), "startup", "--help"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout
    has_engines = "--engine" in help_text
    options = (*NOTHING_ELSE, "--engine", "probes")
    return [
        Contender(OURS, partial(recorded_run, workload, *NOTHING_ELSE)),
        Contender(
            PROBES,
            partial(recorded_run, replace(workload, folder=_folder_of_probes(workload)), *options),
            "" if has_engines else "analyze startup has no --engine",
        ),
    ]


def _folder_of_probes(workload: Workload) -> Path:
    folder = workload.file("probes")
    folder.mkdir(exist_ok=True)
    return folder


def _rivals(workload: Workload) -> Iterator[Contender]:
    yield Contender(SCRIPT, partial(run_plain_script, workload))
    yield Contender(FLOOR, partial(run_do_nothing, workload))
    yield Contender(UNTRACED, partial(run_untraced, workload))
    remedy = missing_program("uftrace", "apt install uftrace")
    yield Contender(
        UFTRACE, partial(run_uftrace, workload), remedy, "functions and times without stacks; no instances"
    )


def _perf(workload: Workload, stack: ExitStack) -> Contender:
    """perf, with uprobes that exist until `stack` is closed."""
    missing = missing_program("perf", "apt install linux-perf")
    if not missing and os.geteuid() != 0:
        missing = "only root can make uprobes"
    events: Sequence[str] = ()
    if not missing:
        try:
            events = stack.enter_context(uprobes(workload.qemu, workload.stops.of_qemu))
        except (AnalyzerError, OSError, ValueError, subprocess.CalledProcessError) as error:
            missing = f"uprobes cannot be made: {error}"
    return Contender(PERF, partial(run_perf, workload, events), missing)


def _with_notes(row: Row, reference: Row) -> Row:
    """The row with what its measurements say in words: parts, lost samples, and hits that differ."""
    notes = [row.note] if row.note else []
    if (recorded := row.median("record seconds")) is not None:
        notes.append(f"record {recorded:.2f} s, script {row.median('script seconds'):.2f} s")
        notes.append(f"{row.median('lost'):,.0f} samples lost")
    notes += different_hits(row, reference)
    return replace(row, note="; ".join(notes))


def different_hits(row: Row, reference: Row) -> list[str]:
    """For each function whose hits differ from those of `reference`, beyond chance: a text."""
    names = {name for each in reference.measurements for name in each.facts if name.startswith("hits of ")}
    texts = []
    for name in sorted(names):
        own, other = row.median(name), reference.median(name)
        if own is not None and other is not None and abs(own - other) > max(2, _AGREE * max(own, other)):
            texts.append(f"{name} {own:,.0f} instead of {other:,.0f}")
    return texts


def figures_of(name: str, rows: Sequence[Row]) -> list[Figure]:
    by_name = {row.name: row for row in rows}
    pairs = [(OURS, FLOOR), (SCRIPT, OURS), (OURS, PERF), (SCRIPT, PROBES), (PERF, PROBES), (PROBES, UNTRACED)]
    figures = [ratio_figure(by_name[one], by_name[other], name) for one, other in pairs]
    probes, untraced = by_name[PROBES], by_name[UNTRACED]
    own_run = probes.median("seconds to the last stop")
    alone = untraced.median()
    value = own_run / alone if own_run is not None and alone else None
    title = f"{name}: QEMU's own run with engine probes / {UNTRACED}"
    return [*figures, Figure(title, value, missing=probes.missing)]
