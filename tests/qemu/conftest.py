"""A real QEMU with a real KVM guest, recorded by the installed `analyze`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver

from analyzer.model.recording import Recording
from tests.conftest import ANALYZE, need, need_tool
from tests.support.definitions import read_recording

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1400,1000 --force-prefers-reduced-motion"
).split()


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


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """A headless Chromium that keeps its console."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    need(chromium and driver, "Chromium and chromedriver")
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        yield chrome
        chrome.quit()
