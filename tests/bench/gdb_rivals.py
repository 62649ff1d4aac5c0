"""gdb without this program: a script that prints `bt` at the same stops, and breakpoints that do nothing."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.figures import Measurement
from tests.bench.measured_run import Limits, RunError, run_measured
from tests.bench.workload import Stops, Workload, hit_facts, with_facts

DO_NOTHING = Path(__file__).parent / "gdb_side" / "do_nothing.py"
_INNERMOST = re.compile(r"#0 +(?:0x[0-9a-f]+ in )?(\S+) \(")
_FRAME = re.compile(r"#\d+ ")
_SETTINGS = (
    "set pagination off",
    "set confirm off",
    "set breakpoint pending on",
    "handle all nostop noprint pass",
)
_LIMITS = Limits(seconds=600)


def plain_script(workload: Workload) -> list[str]:
    """A gdb script that stops where the recording stops, and prints `bt` there."""
    stops = workload.stops
    commands = ("silent", "bt", "continue", "end")
    return [
        *_SETTINGS,
        *_breakpoints("break", (*stops.every_hit, *stops.libraries), commands),
        *_breakpoints("tbreak", _first_hits(stops), commands),
        _run_line(workload),
    ]


def do_nothing_script(workload: Workload) -> list[str]:
    """A gdb script that stops at the same places with a Python breakpoint, and does nothing there."""
    stops = workload.stops
    return [
        *_SETTINGS,
        "set breakpoint always-inserted on",
        f"source {DO_NOTHING}",
        *(f'python DoNothing("{function}")' for function in (*stops.every_hit, *stops.libraries)),
        *_breakpoints("tbreak", _first_hits(stops), ("silent", "continue", "end")),
        _run_line(workload),
        "python DoNothing.print_counts()",
    ]


def run_plain_script(workload: Workload) -> Measurement:
    """Measure the plain script; the facts are its hits and the frames that it printed."""
    output = _write_and_run(plain_script(workload), workload, "plain.gdb")
    hits, frames = count_backtraces(output[1])
    return with_facts(output[0], {**hit_facts(hits, workload.stops), "frames": float(frames)})


def run_do_nothing(workload: Workload) -> Measurement:
    """Measure gdb with breakpoints that do nothing; the facts are its hits."""
    measured, output = _write_and_run(do_nothing_script(workload), workload, "nothing.gdb")
    line = next((line for line in output.read_text(errors="replace").splitlines() if line.startswith("hits ")), "")
    if not line:
        raise RunError(f"gdb counted no hits: {output.read_text(errors='replace')[-500:]}")
    once = dict.fromkeys(workload.stops.first_hit, 1)  # these are gdb's own temporary breakpoints
    return with_facts(
        measured, hit_facts(Counter({**once, **json.loads(line.removeprefix("hits "))}), workload.stops)
    )


def count_backtraces(file: Path) -> tuple[Counter[str], int]:
    """The backtraces in the output of gdb, by their innermost function, and the number of all frames."""
    hits: Counter[str] = Counter()
    frames = 0
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if innermost := _INNERMOST.match(line):
                hits[innermost[1]] += 1
            frames += bool(_FRAME.match(line))
    return hits, frames


def _first_hits(stops: Stops) -> list[str]:
    # the recording has the first ioctl with each request, too
    return [*stops.first_hit, *(f"ioctl if $esi == {request}" for request in stops.requests)]


def _breakpoints(command: str, locations: Iterable[str], commands: Sequence[str]) -> list[str]:
    """Lines that set a breakpoint at each location; `commands` without a number belong to the last one set."""
    return [line for location in locations for line in (f"{command} {location}", "commands", *commands)]


def _run_line(workload: Workload) -> str:
    return f"run {shlex.join(workload.command[1:])} </dev/null >{shlex.quote(str(workload.file('stdout')))} 2>&1"


def _write_and_run(lines: Sequence[str], workload: Workload, name: str) -> tuple[Measurement, Path]:
    script, output = workload.file(name), workload.file(f"{name}.txt")
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-x", str(script), str(workload.qemu)]
    return run_measured(command, output, limits=_LIMITS), output
