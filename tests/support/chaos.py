"""Signals to the analyzer at random moments of a recording, and what each end must leave.

As a program (`make chaos`): `python -m tests.support.chaos [--seed N] [--count N]` with QEMU in $QEMU. Moments are
within the time of a whole run, which is measured first, so that few signals come too late. A run is repeated by
its own seed, which is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.tracefs import PREFIX
from analyzer.errors import AnalyzerError
from analyzer.recording.reader import FILE_NAME, read_recording
from tests.conftest import ANALYZE, descendants, pytest_configure

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
LONGEST = 4.0  # seconds until the signal: a run with pointers takes some 3 on an idle host
_GONE = 20.0  # seconds until the processes of a run must have ended
_INSTANCES = Path("/sys/kernel/tracing/instances")


@dataclass(frozen=True)
class Blow:
    """A signal to the analyzer, `seconds` after its start."""

    number: signal.Signals
    seconds: float

    @classmethod
    def of(cls, seed: int, longest: float = LONGEST) -> Blow:
        """The signal and the moment of a seed, within `longest` seconds."""
        chance = random.Random(seed)
        return cls(chance.choice(SIGNALS), round(chance.uniform(0.0, longest), 3))


def strike(blow: Blow, qemu: Path, scratch: Path) -> str:
    """Record `qemu` into `scratch`/out, send the signal, and check what is left; returns how the run ended.

    AssertionError when a process, a scratch folder or a tracefs instance is left, the status or the last line is
    wrong, or the recording cannot be read or is not marked.
    """
    temporary, folder = scratch / "tmp", scratch / "out"
    temporary.mkdir()
    before = set(descendants())
    run = subprocess.Popen(
        [str(ANALYZE), "startup", "--qemu", str(qemu), "--out", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    time.sleep(blow.seconds)
    started = set(descendants()) - before
    run.send_signal(blow.number)
    out, err = run.communicate(timeout=120)
    _check_gone(started)
    _check_status(run.returncode, blow, out, err)
    if blow.number != signal.SIGKILL:
        assert not list(temporary.iterdir()), f"left: {list(temporary.iterdir())}"
        assert not (_INSTANCES / f"{PREFIX}{run.pid}").exists(), "a tracefs instance is left"
    return f"status {run.returncode}, {_check_recording(folder, run.returncode)}"


def _check_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + _GONE
    while (left := {pid for pid in pids if Path(f"/proc/{pid}/exe").exists()}) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"processes are left: {left}"


def _check_status(status: int, blow: Blow, out: str, err: str) -> None:
    assert "Traceback" not in out + err or status == -signal.SIGINT, err  # Python itself had not begun with us
    if status == 0:  # it was done before
        assert out.splitlines()[-1].startswith("Report: "), out
        return
    if status < 0:  # before our handlers were there, or SIGKILL
        assert status == -blow.number, (status, err)
        return
    assert status == 128 + blow.number, (status, out, err)
    assert err.splitlines()[-1] == f"analyze: interrupted by {blow.number.name}", err


def _check_recording(folder: Path, status: int) -> str:
    """How the recording is marked, which must fit to the exit status."""
    file = folder / FILE_NAME
    if not file.exists() or not file.stat().st_size:
        assert status != 0
        return "no recording"
    try:
        end = read_recording(folder).end
    except AnalyzerError as error:
        raise AssertionError(f"the recording cannot be read: {error.message}") from None
    assert end is not None or status < 0, "the recording has no end"
    return f"recording {end.outcome}" if end is not None else "recording cut short"


def seconds_of_a_run(qemu: Path) -> float:
    """How long a whole recording of `qemu` takes on this host now."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
        started = time.monotonic()
        command = [str(ANALYZE), "startup", "--qemu", str(qemu), "--out", f"{scratch}/out"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - started


def main() -> int:
    """Strike `--count` times; returns 1 when something was left or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first run (default: the time)")
    parser.add_argument("--count", type=int, default=50, help="runs (default: 50)")
    options = parser.parse_args()
    pytest_configure()  # the signals have their default action, also when a shell started us in the background
    qemu, failed = Path(os.environ["QEMU"]), []
    longest = seconds_of_a_run(qemu)
    print(f"A whole run takes {longest:.1f} s.", flush=True)
    for number in range(options.count):
        seed = options.seed + number
        blow = Blow.of(seed, longest)
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
            try:
                result = strike(blow, qemu, Path(scratch))
            except AssertionError as error:
                failed.append(seed)
                result = f"WRONG: {error}"
        moment = f"{blow.number.name} after {blow.seconds:.3f} s"
        print(f"{number + 1:3} of {options.count}, seed {seed}: {moment}: {result}", flush=True)
    repeat = " ".join(f"--seed {seed} --count 1;" for seed in failed)
    print(f"{len(failed)} of {options.count} are wrong. {repeat}".strip())
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
