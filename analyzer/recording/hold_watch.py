"""Asks QEMU, through gdb, whether it lets its guest run, and interrupts it for that where nothing else tells."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.adapters.gdb import Gdb
from analyzer.adapters.gdb_stops import Stopped
from analyzer.recording.held_guest import CheckTimes, HeldGuest, explain_hold


class HoldWatch:
    """Watches one run of QEMU under `gdb` for a guest that is held; `arguments` are the user's for QEMU.

    `stops_when_held`: gdb stops QEMU by itself when it holds the guest. `started`: seconds of CLOCK_MONOTONIC.
    """

    def __init__(self, gdb: Gdb, arguments: Sequence[str], stops_when_held: bool, started: float) -> None:
        self._gdb = gdb
        self._arguments = arguments
        self._checks = None if stops_when_held else CheckTimes(started)

    def check(self, now: float) -> Stopped | None:
        """Interrupt QEMU if a check is due; the stop if it holds its guest, or has crashed or ended before the
        interrupt; None when it runs on."""
        if self._checks is None or not self._checks.due(now):
            return None
        stopped = self._gdb.interrupt()
        if stopped is not None and stopped.can_go_on and not self._state():
            self._gdb.command("-exec-continue --all")
            return None
        return stopped

    def explain(self, stopped: Stopped | None) -> HeldGuest | None:
        """Why QEMU does not let the guest run; None when it does, or has crashed or ended.

        `stopped` is the stop that QEMU is in; None when it runs, and it is interrupted then.
        """
        stopped = stopped or self._gdb.interrupt()
        if stopped is None or stopped.ended or stopped.signal not in ("", "SIGINT", "0"):
            return None
        state = self._state()
        return explain_hold(state, self._arguments) if state else None

    def _state(self) -> str:
        return str(self._gdb.command("-chain-run-state")["held"])
