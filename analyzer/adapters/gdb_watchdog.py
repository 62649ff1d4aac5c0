"""Decides when gdb is given up: stopped by a signal, asleep without an answer, or computing without an end.

gdb answers a command also while the program runs, between two hits of breakpoints. One that sleeps and owes an
answer has lost an event of the program, or waits for something that never comes.
"""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.adapters.traced_process import ProcessActivity

_STOPPED = ("T",)  # by a signal; t is a process that is traced, such as a gdb under strace


@dataclass(frozen=True)
class WatchdogLimits:
    """How long gdb may do nothing useful, in seconds.

    `computing` is CPU time, so that a busy host changes nothing. `silence`: after that, with nothing else to
    answer, gdb is asked whether it is alive.
    """

    stopped: float = 3.0
    asleep: float = 10.0
    computing: float = 30.0
    silence: float = 2.0


class GdbWatchdog:
    """Judges one gdb by what it writes and by looks at its process. Times are in seconds of CLOCK_MONOTONIC."""

    def __init__(self, now: float, limits: WatchdogLimits | None = None) -> None:
        self._limits = limits or WatchdogLimits()
        self._heard = now
        self._stopped_since: float | None = None
        self._asleep_since: float | None = None
        self._cpu_at_last_word: float | None = None
        self._cpu = 0.0

    def heard(self, now: float) -> None:
        """gdb wrote something."""
        self._heard = now
        self._asleep_since = self._cpu_at_last_word = None

    def asks(self, now: float) -> bool:
        """Whether gdb is to be asked for a sign of life: it owes no answer, and wrote nothing for a while."""
        return now - self._heard > self._limits.silence

    def problem(self, now: float, activity: ProcessActivity, owes_answer: bool, computing_limit: bool) -> str:
        """What is wrong with gdb as a sentence, "" while nothing is.

        `owes_answer`: a command is not answered yet. `computing_limit`: the answer needs no computation, as a sign
        of life does not.
        """
        if activity.state in _STOPPED:
            self._stopped_since = now if self._stopped_since is None else self._stopped_since
            if now - self._stopped_since > self._limits.stopped:
                return "gdb was stopped (as by SIGSTOP)."
            return ""
        self._stopped_since = None
        sleeps = activity.state == "S" and activity.cpu == self._cpu  # D: it waits for a disk
        self._cpu = activity.cpu
        if not owes_answer or not sleeps:
            self._asleep_since = None
        elif self._asleep_since is None:
            self._asleep_since = now
        elif now - self._asleep_since > self._limits.asleep:
            return f"gdb does not answer ({self._limits.asleep:.0f} s asleep)."
        if not (owes_answer and computing_limit):
            self._cpu_at_last_word = None
        elif self._cpu_at_last_word is None:
            self._cpu_at_last_word = activity.cpu
        elif activity.cpu - self._cpu_at_last_word > self._limits.computing:
            return f"gdb does not answer ({self._limits.computing:.0f} s of computation)."
        return ""
