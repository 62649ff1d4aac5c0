"""What /proc says of a process that gdb traces, and of gdb: whether it has ended, is stopped, sleeps or computes.

The fields are those of /proc/PID/stat, see proc_pid_stat(5).
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_STATE, _USER_TIME, _SYSTEM_TIME, _EXIT_CODE = 0, 11, 12, 49  # positions after the name of the command
_ENDED_STATES = ("Z", "X", "x")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended: by a signal, or with an exit status; neither is known when the process is gone."""

    signal: int = 0
    status: int | None = None


@dataclass(frozen=True)
class ProcessActivity:
    """One look at a process: its state as ps(1) has it (R, S, D, T, t, Z), and the CPU seconds it has used."""

    state: str
    cpu: float


def signal_name(number: int) -> str:
    """The name of a signal, such as SIGKILL; `signal 34` for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def end_of(pid: int) -> ProcessEnd | None:
    """How process `pid` has ended; None while one of its threads is alive.

    A process that is traced stays in the list of processes, with its exit status, until its tracer has seen that.
    """
    fields = _stat(Path(f"/proc/{pid}"))
    if fields is None:
        return ProcessEnd()
    if fields[_STATE] not in _ENDED_STATES or _has_living_thread(pid):
        return None
    code = int(fields[_EXIT_CODE])  # as of waitpid(2)
    number = code & 0x7F
    return ProcessEnd(number) if number else ProcessEnd(status=code >> 8)


def activity_of(pid: int) -> ProcessActivity | None:
    """What process `pid` does now; None when there is none."""
    fields = _stat(Path(f"/proc/{pid}"))
    if fields is None:
        return None
    return ProcessActivity(fields[_STATE], (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / _TICKS)


def _has_living_thread(pid: int) -> bool:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return False
    return any(fields is not None and fields[_STATE] not in _ENDED_STATES for fields in map(_stat, threads))


def _stat(folder: Path) -> list[str] | None:
    """The fields of `folder`/stat after the name, which may contain anything; None without such a process."""
    try:
        text = (folder / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(") ")[2].split() or None
