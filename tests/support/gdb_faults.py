"""Runs inside gdb, sourced by the gdb of `tests.support.faults`: makes something fail at the N-th hit.

The environment variable FAULT is `PLACE:N:ACTION`, as in `hit:20:kill-qemu`. Places: `hit`, a breakpoint that
records; `run`, the start of a further run that explains pointers; `symbols`, the symbols of a file are read.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gdb

sys.path.insert(0, os.environ["FAULT_ROOT"])

from gdbscripts import breakpoints, mi_commands

PLACE, NUMBER, ACTION = os.environ["FAULT"].split(":")
passed: dict[str, int] = {}  # place -> how often


def signal_qemu(number: int) -> None:
    os.kill(gdb.selected_inferior().pid, number)


def compute() -> None:
    while True:
        pass


def end_thread() -> None:
    """Let the thread at the breakpoint end by the system call `exit` (60)."""
    gdb.execute("call (long) syscall(60, 0)")


ACTIONS = {
    "kill-qemu": lambda: signal_qemu(signal.SIGKILL),
    "segv-qemu": lambda: signal_qemu(signal.SIGSEGV),
    "abort-qemu": lambda: signal_qemu(signal.SIGABRT),
    "term-qemu": lambda: signal_qemu(signal.SIGTERM),
    "end-thread": end_thread,
    "kill-gdb": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segv-gdb": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "stop-gdb": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "sleep": lambda: time.sleep(1000),
    "compute": compute,
}


def at(place: str) -> None:
    """Count, and act at the count that FAULT names."""
    passed[place] = passed.get(place, 0) + 1
    if place == PLACE and passed[place] == int(NUMBER):
        Path(os.environ["FAULT_DONE"]).write_text(repr(time.monotonic()))
        ACTIONS[ACTION]()


original_stop = breakpoints.RecordingBreakpoint.stop
original_run = mi_commands.PointerRunCommand.invoke


def stop(self: breakpoints.RecordingBreakpoint) -> bool:
    at("hit")
    return original_stop(self)


def invoke(self: mi_commands.PointerRunCommand, arguments: list[str]) -> Any:
    result = original_run(self, arguments)
    at("run")
    return result


gdb.events.new_objfile.connect(lambda _: at("symbols"))
breakpoints.RecordingBreakpoint.stop = stop
mi_commands.PointerRunCommand.invoke = invoke
