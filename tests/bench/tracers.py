"""Tracers that do not stop QEMU: perf with uprobes, and uftrace; and QEMU without a tracer."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Measurement
from tests.bench.measured_run import RunError, run_measured
from tests.bench.uprobes import function_of
from tests.bench.workload import Workload, hit_facts, with_facts

# perf finds events in a tracefs at its usual place only, and mounts one there; in a namespace of its own nobody
# else sees that mount, and it goes when perf ends.
_WITH_TRACEFS = (
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    'mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec "$@"',
    "sh",
)
_PAGES = "64M"  # of the ring buffer of each processor: with less, samples are lost
_STACK = "dwarf,4096"  # bytes of the stack that perf copies for each sample
_EVENT = re.compile(r"callchain_bench_\d+:(p\d+_\w+):")
_LOST = re.compile(r"LOST(?:_SAMPLES)? events: +(\d+)")


def run_untraced(workload: Workload) -> Measurement:
    """Measure QEMU alone, from its start to the guest's exit."""
    return run_measured(workload.command, workload.file("untraced.txt"), statuses=(workload.status,))


def run_perf(workload: Workload, events: Sequence[str]) -> Measurement:
    """Measure `perf record` with the events of uprobes, and `perf script`, which unwinds the stacks.

    The facts are the seconds of both, the hits and frames, and the samples lost.
    """
    data, text = workload.file("perf.data"), workload.file("perf.txt")
    asked = [argument for event in events for argument in ("-e", event)]
    perf = ["perf", "record", "-o", str(data), "-m", _PAGES, "--call-graph", _STACK, *asked, "--"]
    output = workload.file("perf-record.txt")
    recorded = run_measured([*_WITH_TRACEFS, *perf, *workload.command], output, statuses=(0, workload.status))
    shown = run_measured(["perf", "script", "-i", str(data)], text)
    hits, frames = count_samples(text)
    if not hits:
        raise RunError(f"perf recorded no sample: {output.read_text(errors='replace')[-500:]}")
    facts = {
        **hit_facts(hits, workload.stops),
        "frames": float(frames),
        "record seconds": recorded.seconds,
        "script seconds": shown.seconds,
        "lost": float(lost_events(_output("perf", "report", "-i", str(data), "--stats"))),
    }
    data.unlink()
    return with_facts(_sum(recorded, shown), facts)


def run_uftrace(workload: Workload) -> Measurement:
    """Measure `uftrace record` with the functions patched at run time; the facts are its hits."""
    folder = workload.file("uftrace.data")
    shutil.rmtree(folder, ignore_errors=True)
    patched = [argument for function in workload.stops.of_qemu for argument in ("-P", f"^{function}$")]
    command = ["uftrace", "record", "--no-libcall", "-d", str(folder), *patched, *workload.command]
    # uftrace ends with 1 when the program that it runs ends with another status than 0
    measured = run_measured(command, workload.file("uftrace.txt"), statuses=(0, 1))
    report = _output("uftrace", "report", "-d", str(folder))
    calls = count_calls(report)
    if not calls:
        raise RunError(
            f"uftrace recorded no call: {workload.file('uftrace.txt').read_text(errors='replace')[-500:]}"
        )
    return with_facts(measured, hit_facts(calls, workload.stops))


def count_samples(file: Path) -> tuple[Counter[str], int]:
    """The samples in the output of `perf script`, by the function of their uprobe; and the number of frames."""
    hits: Counter[str] = Counter()
    frames = 0
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("\t"):
                frames += 1
            elif event := _EVENT.search(line):
                hits[function_of(event[1])] += 1
    return hits, frames


def count_calls(report: str) -> Counter[str]:
    """The calls of each function in the output of `uftrace report`."""
    rows = (line.split() for line in report.splitlines())
    return Counter({row[-1]: int(row[-2]) for row in rows if len(row) >= 6 and row[-2].isdigit()})


def missing_program(name: str, remedy: str) -> str:
    """Why a program cannot run: it is not installed, and `remedy`; "" when it is installed."""
    return "" if shutil.which(name) else f"not installed: {remedy}"


def _sum(one: Measurement, other: Measurement) -> Measurement:
    return Measurement(
        one.seconds + other.seconds, one.cpu_seconds + other.cpu_seconds, max(one.peak, other.peak), one.facts
    )


def lost_events(statistics: str) -> int:
    """The events that perf lost, from the output of `perf report --stats`.

    The first block has all events; the others repeat them by event.
    """
    return sum(int(number) for number in _LOST.findall("".join(statistics.split("stats:")[1:2])))


def _output(*command: str) -> str:
    """The standard output of a program that is not measured."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout
