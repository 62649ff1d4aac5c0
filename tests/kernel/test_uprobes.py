"""The uprobes of the benchmark: made where gdb would stop, seen by perf, and gone at any end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from tests.bench.figures import Measurement
from tests.bench.measured_run import RunError
from tests.bench.tracers import run_perf
from tests.bench.uprobes import breakpoint_locations, uprobes
from tests.bench.workload import Stops, Workload
from tests.conftest import need_tool

ROOT = Path(__file__).parents[2]
SOURCE = """
volatile int sum;
static inline __attribute__((always_inline)) void add(int more) { sum += more; sum *= 2; }
__attribute__((noinline)) void first(int more) { add(more); sum++; }
__attribute__((noinline)) void second(int more) { add(more + 1); sum--; }
int main(void) { for (int i = 0; i < 5; i++) first(i); for (int i = 0; i < 7; i++) second(i); return 3; }
"""
HITS = {"add": 12, "first": 5, "second": 7}
HOLD = """
import sys
from pathlib import Path
from tests.bench.uprobes import uprobes
with uprobes(Path(sys.argv[1]), ["first"]) as events:
    print(events[0], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """Two functions, with one inlined into both."""
    need_tool("gdb")
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.c").write_text(textwrap.dedent(SOURCE))
    subprocess.run([need_tool("gcc"), "-g", "-O1", "-o", "program", "program.c"], cwd=folder, check=True)
    return folder / "program"


def probes(tracefs: Path) -> set[str]:
    """GROUP/NAME of the uprobes of benchmarks."""
    lines = (tracefs / "uprobe_events").read_text().splitlines()
    return {line.split()[0].partition(":")[2] for line in lines if line.startswith("p:callchain_bench_")}


def measure_with_perf(program: Path, folder: Path) -> Measurement:
    stops = Stops(every_hit=tuple(HITS), first_hit=(), libraries=(), requests=())
    with uprobes(program, stops.of_qemu) as events:
        return run_perf(Workload(program, (), (str(program),), 3, stops, folder), events)


def test_there_is_a_probe_for_each_inlined_instance_while_they_are_needed(tracefs, program):
    before = probes(tracefs)
    assert Counter(each.function for each in breakpoint_locations(program, ["add", "first"])) == {
        "add": 2,
        "first": 1,
    }
    with uprobes(program, ["add", "first"]) as events:
        added = probes(tracefs) - before
        assert added == {event.replace(":", "/") for event in events}
        assert len(added) == 3
    assert probes(tracefs) == before


def test_perf_sees_every_hit_and_loses_none(tracefs, program, tmp_path):
    need_tool("perf")
    measured = measure_with_perf(program, tmp_path)
    assert {name: measured.facts[f"hits of {name}"] for name in HITS} == HITS
    assert measured.facts["lost"] == 0
    assert measured.facts["frames"] >= 2 * sum(HITS.values())
    assert measured.seconds >= measured.facts["record seconds"] + measured.facts["script seconds"] - 0.001


def test_a_perf_that_fails_is_an_error_and_leaves_no_probe(tracefs, program, tmp_path):
    need_tool("perf")
    before = probes(tracefs)
    program_that_is_missing = tmp_path / "missing"
    with pytest.raises(RunError, match="unshare ended with status"), uprobes(program, ["first"]) as events:
        workload = Workload(
            program, (), (str(program_that_is_missing),), 3, Stops(("first",), (), (), ()), tmp_path
        )
        run_perf(workload, events)
    assert probes(tracefs) == before


def test_the_next_benchmark_removes_the_probes_of_one_that_was_killed(tracefs, program):
    before = probes(tracefs)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    left = holder.stdout.readline().strip().replace(":", "/")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert left in probes(tracefs)
    with uprobes(program, ["second"]):
        assert left not in probes(tracefs)
    assert probes(tracefs) == before


def test_a_benchmark_that_is_terminated_leaves_no_probe(tracefs, program):
    before = probes(tracefs)
    code = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("with ", f"{code}with "), program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert holder.stdout.readline()
    holder.terminate()
    holder.communicate()
    assert holder.returncode == 143
    assert probes(tracefs) == before
