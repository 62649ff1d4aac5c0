"""A real QEMU with a real KVM guest, recorded by the installed `analyze`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzer.model import Recording
from analyzer.recording import read_recording
from tests.conftest import need, need_tool

ANALYZE = Path(sys.executable).with_name("analyze")


@dataclass(frozen=True)
class Run:
    """A finished `analyze startup`."""

    folder: Path
    status: int
    out: str
    err: str

    @property
    def recording(self) -> Recording:
        return read_recording(self.folder)


@pytest.fixture(scope="session")
def qemu() -> Path:
    need(os.environ.get("QEMU"), "a QEMU with debug information in $QEMU")
    need_tool("gdb")
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    return Path(os.environ["QEMU"])


def command(qemu: Path, folder: Path, *options: str, qemu_arguments: Sequence[str] = ()) -> list[str]:
    line = [str(ANALYZE), "startup", "--qemu", str(qemu), "--out", str(folder), *options]
    return [*line, "--", *qemu_arguments] if qemu_arguments else line


def startup(qemu: Path, folder: Path, *options: str, qemu_arguments: Sequence[str] = ()) -> Run:
    done = subprocess.run(
        command(qemu, folder, *options, qemu_arguments=qemu_arguments),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Run(folder, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def run(qemu: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The main job: the tiny guest under KVM."""
    return startup(qemu, tmp_path_factory.mktemp("runs") / "tiny")
