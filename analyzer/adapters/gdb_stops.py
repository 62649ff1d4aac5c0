"""The stops of a program as MI reports them, and as /proc shows an end that gdb has not noticed."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from analyzer.adapters.traced_process import ProcessEnd, signal_name


@dataclass(frozen=True)
class Stopped:
    """An MI record `*stopped`: its `reason` and `signal-name`, each "" when gdb gives none."""

    reason: str
    signal: str = ""

    @property
    def ended(self) -> bool:
        """Whether the program has exited, by itself or by a signal."""
        return self.reason.startswith("exited")

    @property
    def killed(self) -> bool:
        """Whether a signal ended the program."""
        return self.reason == "exited-signalled"

    @property
    def signal_number(self) -> int:
        """The number of the signal on this host; 0 when there is none, or none of that name."""
        return signal.Signals[self.signal].value if self.signal in signal.Signals.__members__ else 0


def stop_at(end: ProcessEnd) -> Stopped:
    """The stop for an end that gdb has not noticed; nothing but SIGKILL ends a program that gdb holds."""
    if end.status is not None:
        return Stopped("exited")
    return Stopped("exited-signalled", signal_name(end.signal or signal.SIGKILL))
