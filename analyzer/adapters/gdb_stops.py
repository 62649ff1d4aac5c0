"""The stops of a program as MI reports them, and as /proc shows an end that gdb has not noticed."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from analyzer.adapters.traced_process import ProcessEnd, signal_name
from gdbscripts.enums import FATAL_SIGNALS


@dataclass(frozen=True)
class Stopped:
    """An MI record `*stopped`: its `reason`, `signal-name` and `new-exec`, each "" when gdb gives none."""

    reason: str
    signal: str = ""
    executed: str = ""  # the path of the program that replaced this one

    @property
    def ended(self) -> bool:
        """Whether the program has exited, by itself or by a signal."""
        return self.reason.startswith("exited")

    @property
    def killed(self) -> bool:
        """Whether a signal ended the program."""
        return self.reason == "exited-signalled"

    @property
    def crashed(self) -> bool:
        """Whether the program is stopped at a signal that ends it when it goes on."""
        return self.reason == "signal-received" and self.signal in FATAL_SIGNALS

    @property
    def can_go_on(self) -> bool:
        """Whether the program is still the one that was started, and nothing ends it when it goes on."""
        return not (self.ended or self.crashed or self.executed)

    @property
    def signal_number(self) -> int:
        """The number of the signal on this host; 0 when there is none, or none of that name."""
        return signal.Signals[self.signal].value if self.signal in signal.Signals.__members__ else 0


def stop_at(end: ProcessEnd) -> Stopped:
    """The stop for an end that gdb has not noticed; nothing but SIGKILL ends a program that gdb holds."""
    if end.status is not None:
        return Stopped("exited")
    return Stopped("exited-signalled", signal_name(end.signal or signal.SIGKILL))
