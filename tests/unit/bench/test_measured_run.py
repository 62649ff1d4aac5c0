"""Measuring a program with all its children."""

from __future__ import annotations

import sys
import time

import pytest

from tests.bench.measured_run import Limits, RunError, run_measured
from tests.conftest import descendants

SIZE = 60 << 20
IN_CHILD = f"""
import subprocess, sys
code = 'import time; x = bytearray({SIZE}); time.sleep(0.3); sum(range(4_000_000))'
subprocess.run([sys.executable, '-c', code], check=True)
"""


def test_memory_and_processor_time_are_those_of_children_and_their_children_too(tmp_path):
    command = ["sh", "-c", '"$@"; true', "sh", sys.executable, "-c", IN_CHILD]
    measured = run_measured(command, tmp_path / "out")
    assert measured.peak > SIZE
    assert measured.cpu_seconds > 0.01
    assert measured.seconds > 0.3


def test_memory_is_not_that_of_the_process_that_measures(tmp_path):
    """The kernel's ru_maxrss would be: a child has the memory of its parent until it calls exec."""
    ballast = bytearray(300 << 20)
    measured = run_measured(["sleep", "0.2"], tmp_path / "out")
    assert 0 < measured.peak < len(ballast) / 4


def test_the_memory_of_two_children_at_one_moment_is_summed(tmp_path):
    child = f"{sys.executable} -c 'import time; x = bytearray({SIZE}); time.sleep(0.7)'"
    assert run_measured(["sh", "-c", f"{child} & {child}; wait"], tmp_path / "out").peak > 1.8 * SIZE


def test_the_output_goes_to_the_file(tmp_path):
    run_measured(["sh", "-c", "echo out; echo err >&2"], tmp_path / "out")
    assert (tmp_path / "out").read_text() == "out\nerr\n"


def test_a_status_that_is_not_expected_is_an_error_with_the_end_of_the_output(tmp_path):
    with pytest.raises(RunError, match=r"(?s)sh ended with status 3: .*because"):
        run_measured(["sh", "-c", "echo because; exit 3"], tmp_path / "out")
    assert run_measured(["sh", "-c", "exit 3"], tmp_path / "out", statuses=(0, 3)).seconds > 0


@pytest.mark.parametrize(
    ("limits", "message"),
    [(Limits(seconds=0.3), "ended after 0 s"), (Limits(memory=SIZE), "ended after using 60 MiB of memory")],
    ids=["time", "memory"],
)
def test_a_program_that_exceeds_a_limit_is_killed_with_its_children(tmp_path, limits, message):
    code = f"import time; x = bytearray({2 * SIZE}); time.sleep(60)"
    started = time.monotonic()
    with pytest.raises(RunError, match=message):
        run_measured(["sh", "-c", f'{sys.executable} -c "{code}"; true'], tmp_path / "out", limits=limits)
    assert time.monotonic() - started < 30
    assert not [name for name in descendants().values() if name.startswith(("python", "sh"))]


def test_the_environment_is_added_to_that_of_the_benchmark(tmp_path):
    run_measured(["sh", "-c", "echo $ADDED; echo ${PATH:+path}"], tmp_path / "out", environment={"ADDED": "yes"})
    assert (tmp_path / "out").read_text() == "yes\npath\n"
