"""Measures the recorded run: how long it took, and how much of that time the program and the recorder used."""

from __future__ import annotations

import os
import resource
import time
from typing import ClassVar, NamedTuple, Optional

import gdb


class Times(NamedTuple):
    """Seconds: `total` of the run, `program` of the program's processor time, `recorder` in breakpoint code."""

    total: float
    program: float
    recorder: float


class RunTimes:
    """The times of one run, which ends with the program or when `close` is called.

    `at_stops` adds up the time in the code of all breakpoints since gdb started.
    """

    at_stops: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self._times: Optional[Times] = None
        self._started = time.monotonic()
        self._before = self.at_stops
        self._children = _children_seconds()
        gdb.events.exited.connect(self._on_exit)

    def close(self) -> Times:
        """Return the times of the run; it ends now unless it has ended before."""
        if self._times is None:
            process = gdb.selected_inferior().pid
            program = _process_seconds(process) or _children_seconds() - self._children
            total, recorder = time.monotonic() - self._started, self.at_stops - self._before
            self._times = Times(round(total, 6), round(program, 6), round(recorder, 6))
            gdb.events.exited.disconnect(self._on_exit)
        return self._times

    def _on_exit(self, event: object) -> None:
        self.close()


def _children_seconds() -> float:
    """The processor time of the processes that gdb has waited for: of the program once it has ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _process_seconds(pid: int) -> float:
    """The processor time of a process, 0 once it has ended: fields 14 and 15 of proc(5), /proc/pid/stat."""
    try:
        with open("/proc/%d/stat" % pid, errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))
