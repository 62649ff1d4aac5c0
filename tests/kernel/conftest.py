"""Real tracefs, a real KVM guest, and nothing of ours left in the kernel afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzer.adapters.tracefs import PREFIX, TracefsInstance, find_tracefs
from analyzer.errors import AnalyzerError
from analyzer.recording.trace_parser import ParsedTrace, parse_trace
from tests.conftest import descendants, need

GUEST = [sys.executable, str(Path(__file__).with_name("guest.py"))]
STARTED: set[int] = set()  # ids of the processes that tests started, also of those that have ended
STATE = (
    *("tracing_on", "current_tracer", "set_event", "set_event_pid", "trace_clock", "trace_options"),
    *("buffer_size_kb", "events/enable", "events/kvm/enable"),
)


@dataclass(frozen=True)
class Call:
    tid: int
    fd: int
    request: int
    time: float


@dataclass(frozen=True)
class Seen:
    """A traced guest: what the kernel recorded, and the ioctls the guest says it made."""

    pid: int
    trace: ParsedTrace
    calls: Sequence[Call]
    lost: int


@pytest.fixture
def tracefs() -> Iterator[Path]:
    """The top of tracefs. Afterwards it is as before: no instance of ours, its own state, nothing more mounted."""
    need(os.geteuid() == 0, "root")
    mounts = Path("/proc/self/mounts").read_text()
    try:
        found = find_tracefs()
    except AnalyzerError as error:
        need(False, f"tracefs: {error.message}")
        raise
    need((found.folder / "events/kvm").exists(), "events of KVM")
    before = state(found.folder)
    try:
        yield found.folder
        assert ours(found.folder) == []
        assert state(found.folder) == before
        assert Path("/proc/self/mounts").read_text() == mounts
    finally:
        found.close()


def state(folder: Path) -> dict[str, str]:
    """What an instance, or the top level, is set to."""
    return {name: (folder / name).read_text() for name in STATE}


def ours(tracefs: Path) -> list[str]:
    """Names of the instances of the processes that a test started, not those of another recording elsewhere."""
    names = sorted(folder.name for folder in (tracefs / "instances").glob(f"{PREFIX}*"))
    family = {os.getpid(), *descendants(), *STARTED}
    return [name for name in names if int(name.removeprefix(PREFIX)) in family]


def trace_guest(trace: TracefsInstance, command: Sequence[str] = tuple(GUEST)) -> Seen:
    """Trace `guest.py`, started by `command`, from before its first ioctl until it ended."""
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            pid = int(child.stdout.readline())
            trace.follow(pid)
            said, _ = child.communicate("go\n", timeout=60)
        finally:
            child.kill()
    assert child.returncode == 0
    trace.stop()
    return Seen(pid, parse_trace(trace.read()), [Call(**call) for call in json.loads(said)], trace.lost)
