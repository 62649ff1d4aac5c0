"""Watches a gdb process and the program that it traces, while `Gdb` waits for answers and stops."""

from __future__ import annotations

import time

from analyzer.adapters.gdb_watchdog import GdbWatchdog
from analyzer.adapters.traced_process import ProcessEnd, activity_of, end_of

_LOOK_INTERVAL = 0.25  # seconds
# Until gdb must have noticed that the program has ended: it reaps the threads one after the other.
_NOTICE_ASLEEP, _NOTICE_BUSY = 0.5, 5.0  # seconds


class GdbWatch:
    """What gdb owes, when it wrote last, and how its process and its program do. `pid` is that of gdb."""

    def __init__(self, pid: int) -> None:
        now = time.monotonic()
        self._pid = pid
        self._watchdog = GdbWatchdog(now)
        self._owed: set[int] = set()  # tokens of commands without an answer
        self._signs_of_life: set[int] = set()  # those of them that need no computation
        self._next_look = now + _LOOK_INTERVAL
        self._program = 0  # process id; 0 while gdb has no program
        self._end: ProcessEnd | None = None
        self._end_seen = 0.0
        self.unnoticed_end: ProcessEnd | None = None
        """How the program ended, when gdb does not notice it."""

    def watch(self, pid: int) -> None:
        """Watch process `pid`: gdb's own, when the process that was started is a script that runs it."""
        self._pid = pid

    def sent(self, token: int) -> None:
        """A command with this token was sent."""
        self._owed.add(token)

    def sign_of_life(self, token: int) -> None:
        """The command of this token only asks whether gdb is alive."""
        self._signs_of_life.add(token)

    def answered(self, token: int) -> bool:
        """gdb answered the command of this token; returns whether somebody waits for the answer."""
        self._owed.discard(token)
        waited_for = token not in self._signs_of_life
        self._signs_of_life.discard(token)
        return waited_for

    def heard(self) -> None:
        """gdb wrote something."""
        self._watchdog.heard(time.monotonic())

    def program_started(self, pid: int) -> None:
        """gdb has a program: process `pid`."""
        self._program, self._end, self.unnoticed_end = pid, None, None

    def program_ended(self) -> None:
        """gdb has no program any more."""
        self._program, self._end, self.unnoticed_end = 0, None, None

    def program_end(self) -> ProcessEnd | None:
        """How the program ended, whether gdb has noticed it or not; None while it lives, and without a program."""
        return end_of(self._program) if self._program else None

    def is_due(self) -> bool:
        """Whether it is time for the next look."""
        return time.monotonic() >= self._next_look

    def look(self) -> str:
        """Look at both processes; returns what is wrong with gdb, "" while nothing is."""
        now = time.monotonic()
        self._next_look = now + _LOOK_INTERVAL
        activity = activity_of(self._pid)
        if activity is None or activity.state in ("Z", "X"):  # its output ends then
            return ""
        self._look_at_program(now, asleep=activity.state == "S")
        only_signs = self._owed <= self._signs_of_life
        return self._watchdog.problem(now, activity, bool(self._owed), only_signs)

    def wants_sign_of_life(self) -> bool:
        """Whether gdb is to be asked for a sign of life."""
        return not self._owed and self._watchdog.asks(time.monotonic())

    def _look_at_program(self, now: float, asleep: bool) -> None:
        end = self.program_end()
        if end is None:
            self._end = None
            return
        if self._end is None:
            self._end, self._end_seen = end, now
        elif now - self._end_seen > (_NOTICE_ASLEEP if asleep else _NOTICE_BUSY):
            self.unnoticed_end = self._end
