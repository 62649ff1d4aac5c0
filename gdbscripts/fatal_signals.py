"""Signals that end the program unless gdb stops it: which thread got one, and whether the program is still there.

gdb stops the program before the signal is delivered; the stack then shows where it crashed.
"""

from __future__ import annotations

from typing import List, Optional, Tuple

import gdb

from gdbscripts.enums import FATAL_SIGNALS


class FatalSignals:
    """Keeps the fatal signal that the program is stopped at: gdb's number of the thread, the signal's name."""

    def __init__(self) -> None:
        self._found: Optional[Tuple[int, str]] = None
        gdb.events.stop.connect(self._on_stop)

    def of_thread(self, number: int) -> str:
        """Return the name of the fatal signal that thread `number` got, "" when it got none."""
        return self._found[1] if self._found is not None and self._found[0] == number else ""

    def in_order(self, threads: List[gdb.InferiorThread]) -> List[gdb.InferiorThread]:
        """Return the threads by number; the one with the fatal signal is last."""
        return sorted(threads, key=lambda thread: (bool(self.of_thread(thread.num)), thread.num))

    def _on_stop(self, event: gdb.StopEvent) -> None:
        self._found = None
        thread = gdb.selected_thread()
        if isinstance(event, gdb.SignalEvent) and event.stop_signal in FATAL_SIGNALS and thread is not None:
            self._found = (thread.num, event.stop_signal)


def program_is_gone() -> bool:
    """Return whether the program was killed while gdb holds it: gdb has not noticed yet, and cannot read it."""
    try:
        with open("/proc/%d/stat" % gdb.selected_inferior().pid, errors="replace") as file:
            return file.read().rpartition(") ")[2][:1] in ("Z", "X", "x")
    except OSError:
        return True
