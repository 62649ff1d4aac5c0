"""The steps that read a recording, each in a process of its own, beside profilers that read the same stacks."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.figures import Measurement
from tests.bench.measured_run import Limits, run_measured
from tests.bench.multiplied import Shape, write_multiplied
from tests.bench.profilers import profiler_contenders
from tests.bench.rounds import Contender, say
from tests.bench.workload import ANALYZE

ROOT = Path(__file__).parents[2]
READ, MERGE, GRAPH, REPORT = "read", "read and merge", "analyze graph", "analyze report"
SHOW, SHOW_FIRST, BACKTRACES = "analyze show", "analyze show, first line", "backtraces.txt"
DIFF, UPDATE, CHECK = "analyze diff", "analyze baseline update", "analyze baseline check"
LIMITS = Limits(seconds=150, memory=6 << 30)
LONG = 30.0  # seconds; a step that takes more runs once
# diff and baseline check end with 1 when the two sides differ, as these do
_STATUSES = (0, 1)


@dataclass(frozen=True)
class Inputs:
    """What the steps read: a recording, the same with other names of functions, and perf's text of the first."""

    recording: Path
    changed: Path
    text: Path
    results: Path  # folder that the steps write into
    frames: int  # of all stops of the recording

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.recording.parent, ignore_errors=True)


def make_inputs(real: Path, folder: Path, stacks: int, share: float) -> Inputs:
    """Make recordings of `stacks` stops in `folder`, of which `share` have distinct stacks."""
    distinct = round(stacks * share)
    say(f"making recordings of {stacks:,} stacks, {distinct:,} distinct")
    folder.mkdir(parents=True)
    old, new, text, results = folder / "old", folder / "new", folder / "perf.txt", folder / "results"
    results.mkdir()
    frames = write_multiplied(real, old, Shape(stacks, distinct), text)
    write_multiplied(real, new, Shape(stacks, distinct, changed=True))
    return Inputs(old, new, text, results, frames)


def steps(inputs: Inputs) -> Iterator[Contender]:
    """All steps, then the profilers."""
    recording, results = str(inputs.recording), inputs.results
    yield _child(READ, "read", inputs.recording, results)
    yield merge_step(inputs.recording, results)
    yield _verb(GRAPH, inputs, "graph", recording, "-o", str(results / "graph.json"))
    yield _verb(REPORT, inputs, "report", recording, "-o", str(results / "report.html"))
    yield _verb(SHOW, inputs, "show", recording)
    yield Contender(SHOW_FIRST, partial(_first_line, inputs))
    yield _child(BACKTRACES, "backtraces", inputs.recording, results)
    yield _verb(DIFF, inputs, "diff", recording, str(inputs.changed))
    yield _verb(UPDATE, inputs, "baseline", "update", str(results / "baseline"), "--of", recording)
    yield Contender(CHECK, partial(_check, inputs))
    yield from profiler_contenders(inputs.text, LIMITS)


def merge_step(recording: Path, results: Path) -> Contender:
    """The step that reads and merges."""
    return _child(MERGE, "merge", recording, results)


def verb(name: str, results: Path, *arguments: str) -> Contender:
    """A verb of `analyze` that may end with 1."""
    return Contender(name, partial(_run, [str(ANALYZE), *arguments], results / "output.txt"))


def _verb(name: str, inputs: Inputs, *arguments: str) -> Contender:
    return verb(name, inputs.results, *arguments)


def _child(name: str, step: str, recording: Path, results: Path) -> Contender:
    command = [sys.executable, "-m", "tests.bench.reading", step, str(recording)]
    return Contender(name, partial(_run, command, results / "output.txt"))


def _first_line(inputs: Inputs) -> Measurement:
    """The time until `analyze show` has printed a line, and has noticed that nobody reads more."""
    command = ["sh", "-c", '"$@" | head -n 1', "sh", str(ANALYZE), "show", str(inputs.recording)]
    return _run(command, inputs.results / "output.txt")


def _check(inputs: Inputs) -> Measurement:
    """Compare the changed recording with the baseline that the update wrote; write that when it did not yet."""
    folder = inputs.results / "baseline"
    if not folder.exists():
        _run(
            [str(ANALYZE), "baseline", "update", str(folder), "--of", str(inputs.recording)],
            inputs.results / "out",
        )
    command = [str(ANALYZE), "baseline", "check", str(folder), "--of", str(inputs.changed)]
    return _run(command, inputs.results / "output.txt")


def _run(command: list[str], output: Path) -> Measurement:
    environment = {"PYTHONPATH": str(ROOT)}  # of `tests.bench.reading`
    return run_measured(command, output, statuses=_STATUSES, limits=LIMITS, environment=environment)
