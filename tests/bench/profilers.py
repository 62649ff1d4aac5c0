"""Programs that read the text of `perf script`: gprof2dot, and FlameGraph's stackcollapse."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

from tests.bench.figures import Measurement
from tests.bench.measured_run import Limits, run_measured
from tests.bench.rounds import Contender

GPROF2DOT, STACKCOLLAPSE = "gprof2dot", "stackcollapse-perf"
# FlameGraph's own script, and its port to Rust; neither is in Debian or on PyPI.
_COLLAPSERS = ("stackcollapse-perf.pl", "inferno-collapse-perf")


def profiler_contenders(text: Path, limits: Limits) -> list[Contender]:
    """The profilers, each reading the file `text`; those that are not installed say so."""
    output = text.with_suffix(".profiler")
    gprof2dot = _find(GPROF2DOT)
    collapser = next(filter(None, map(_find, _COLLAPSERS)), "")
    return [
        Contender(
            GPROF2DOT,
            partial(_run, [gprof2dot, "-f", "perf", str(text), "-o", str(output)], output, limits),
            "" if gprof2dot else "not installed: pip install gprof2dot",
            "reads perf's text, merges it into a graph, writes DOT",
        ),
        Contender(
            STACKCOLLAPSE,
            partial(_run, [collapser, str(text)], output, limits),
            ""
            if collapser
            else f"not installed: neither {' nor '.join(_COLLAPSERS)} is in PATH, and neither "
            "Debian nor PyPI has them",
            "reads perf's text, writes each distinct stack with its count",
        ),
    ]


def _find(program: str) -> str:
    """The path of a program: beside Python, else in PATH; "" when there is none."""
    beside = Path(sys.executable).with_name(program)
    return str(beside) if beside.exists() else shutil.which(program) or ""


def _run(command: list[str], output: Path, limits: Limits) -> Measurement:
    return run_measured(command, output.with_suffix(".output"), limits=limits)
