"""Records with a gdb that does something bad at a chosen moment, and checks what every end of a run must leave."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.model.recording import Recording
from analyzer.recording.reader import read_recording
from tests.conftest import ANALYZE, descendants, need_tool

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class FaultyRun:
    """A finished `analyze` in which something failed. `seconds`: from the fault to the end of the run."""

    folder: Path
    status: int
    out: str
    err: str
    seconds: float

    @property
    def recording(self) -> Recording:
        return read_recording(self.folder)


def record_with_fault(
    fault: str,
    qemu: Path,
    scratch: Path,
    *options: str,
    verb: str = "startup",
    qemu_arguments: Sequence[str] = (),
    timeout: float = 180.0,
) -> FaultyRun:
    """Run `analyze startup` with the fault `PLACE:N:ACTION` of `gdb_faults`; all files are in `scratch`.

    Checks what must hold after every fault: no process and no scratch folder is left, no Traceback is printed.
    """
    folder, done, temporary = scratch / "out", scratch / "done", scratch / "tmp"
    bin_folder = scratch / "bin"
    for made in (bin_folder, temporary):
        made.mkdir(parents=True, exist_ok=True)
    gdb = bin_folder / "gdb"
    script = Path(__file__).with_name("gdb_faults.py")
    gdb.write_text(f'#!/bin/sh\nexec {need_tool("gdb")} "$@" -ex "source {script}"\n')
    gdb.chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "TMPDIR": str(temporary), "FAULT": fault,
        "FAULT_ROOT": str(ROOT), "FAULT_DONE": str(done),
    }  # fmt: skip
    command = [str(ANALYZE), verb, "--qemu", str(qemu), "--out", str(folder), *options]
    before = set(descendants())
    run = subprocess.run(
        [*command, "--", *qemu_arguments] if qemu_arguments else command,
        capture_output=True, text=True, timeout=timeout, check=False, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    seconds = time.monotonic() - float(done.read_text()) if done.exists() else -1.0
    assert "Traceback" not in run.stdout + run.stderr, run.stderr
    assert not list(temporary.iterdir()), "a scratch folder is left"
    assert not set(descendants()) - before, "a process is left"
    return FaultyRun(folder, run.returncode, run.stdout, run.stderr, seconds)
