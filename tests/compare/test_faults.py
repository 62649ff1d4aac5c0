"""A small QEMU that does what no QEMU should, in a file of `programs/faults/`: each end is recorded and named."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from analyzer.recording.reader import read_recording
from tests.compare.conftest import TOY, analyze
from tests.conftest import need

ROOT = TOY.parents[2]
LATE_TRACE = """
import sys, time
from analyzer import cli
from analyzer.adapters.tracefs import TracefsInstance
from analyzer.recording.kernel_trace import KernelTrace
def open_late():
    time.sleep(1.0)
    return TracefsInstance.open()
KernelTrace.open = classmethod(lambda cls: cls(open_late))
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def faulty(toy, tmp_path):
    """Records the toy with a fault; returns what `analyze` printed, and its recording."""

    def record(fault: str, *options: str, pointers: bool = False):
        program = toy(f'FAULT="faults/{fault}.c"', name=fault)
        quick = ["--no-kernel"] if pointers else ["--no-kernel", "--no-pointers"]
        out = tmp_path / "out"
        done = analyze("startup", "--qemu", program, "--out", out, "--timeout", "20", *quick, *options)
        return done, read_recording(out) if (out / "recording.jsonl").exists() else None

    return record


def test_kernel_events_are_complete_also_when_the_kernel_is_slow_to_prepare_them(toy, tmp_path):
    """As beside another recorder, for which the kernel removes a trace."""
    need(os.geteuid() == 0, "root, to trace the kernel")
    line = [sys.executable, "-c", LATE_TRACE, "startup", "--qemu", toy(), "--out", tmp_path / "out"]
    done = subprocess.run(
        [*line, "--no-pointers"], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recording = read_recording(tmp_path / "out")
    assert any(ioctl.kernel for ioctl in recording.ioctl_log)
    assert not [note for note in recording.notes if "missing from the kernel trace" in note]
