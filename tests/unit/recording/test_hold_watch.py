"""A check whether QEMU holds its guest, at the moment of another stop."""

from __future__ import annotations

import pytest

from analyzer.adapters.gdb_stops import Stopped
from analyzer.recording.hold_watch import HoldWatch

INTERRUPTED = Stopped("signal-received", "SIGINT")


class FakeGdb:
    """A gdb that stops with `stopped` when it is interrupted, and notes its commands."""

    def __init__(self, stopped, held=""):
        self.stopped, self.held, self.commands = stopped, held, []

    def interrupt(self):
        return self.stopped

    def command(self, text):
        self.commands.append(text)
        return {"held": self.held}


def check(gdb):
    return HoldWatch(gdb, [], stops_when_held=False, started=0.0).check(1000.0)


@pytest.mark.parametrize(
    "stopped",
    [
        Stopped("signal-received", "SIGSEGV"),
        Stopped("signal-received", "SIGABRT"),
        Stopped("exec", executed="/bin/true"),
        Stopped("exited-normally"),
        Stopped("exited-signalled", "SIGKILL"),
    ],
)
def test_a_crash_an_exec_and_an_end_at_the_moment_of_a_check_are_not_swallowed(stopped):
    gdb = FakeGdb(stopped)
    assert check(gdb) == stopped
    assert "-exec-continue --all" not in gdb.commands


def test_a_qemu_that_runs_its_guest_goes_on_and_one_that_holds_it_does_not():
    runs, holds = FakeGdb(INTERRUPTED), FakeGdb(INTERRUPTED, held="preconfig")
    assert check(runs) is None and runs.commands[-1] == "-exec-continue --all"
    assert check(holds) == INTERRUPTED and "-exec-continue --all" not in holds.commands
