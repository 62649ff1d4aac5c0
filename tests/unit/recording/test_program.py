"""How QEMU is started under gdb, given what gdb answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from analyzer.recording.program import StartedProgram


class Recorded:
    """A gdb and a kernel trace that note what they are asked for."""

    program_pid = 17

    def __init__(self, possible):
        self.calls = []
        self.is_possible = possible

    def command(self, text):
        self.calls.append(text)

    def console(self, text):
        self.calls.append(text.split()[0])

    def wait_stopped(self, _timeout):
        self.calls.append("stopped")

    def follow(self, pid):
        self.calls.append(f"follow {pid}")


def program(tmp_path):
    started = StartedProgram.__new__(StartedProgram)
    started.streams = {name: tmp_path / name for name in ("stdout", "stderr")}
    started._command = ["qemu"]
    started._environment = SimpleNamespace(gdb_commands=lambda: [])
    return started


def test_the_kernel_traces_qemu_before_it_runs(tmp_path: Path):
    gdb = Recorded(possible=True)
    program(tmp_path).run(gdb, gdb)
    assert gdb.calls == ["set", "starti", "stopped", "follow 17", "-exec-continue"]


@pytest.mark.parametrize("possible", [False, None])
def test_without_the_kernel_qemu_is_not_stopped(tmp_path: Path, possible):
    gdb = Recorded(possible)
    program(tmp_path).run(gdb, gdb if possible is not None else None)
    assert gdb.calls == ["set", "-exec-run"]
