"""A guest that QEMU holds before its start or pauses: which option does that, and what the user can do.

The run state comes from QEMU itself (`gdbscripts.run_state`); the user's arguments only give the option its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.toml import load_toml
from gdbscripts.plan import RunStatePlan

WAIT_OPTION = "--wait-for-cont"
# Seconds without a milestone after which a QEMU without the names of held_guest.toml is interrupted; each
# interrupt disturbs the guest, so the next ones come later and later.
_CHECK_INTERVALS = (1.0, 3.0, 9.0, 27.0)
_PAUSED = {
    "internal-error": "QEMU has paused the guest: KVM or QEMU cannot run it further",
    "io-error": "QEMU has paused the guest after an I/O error of a disk",
    "guest-panicked": "QEMU has paused the guest: the guest reports a panic",
    "watchdog": "QEMU has paused the guest: its watchdog timer has expired",
    "shutdown": "the guest has shut down, and -no-shutdown keeps QEMU",
}
_HINTS = {
    "io-error": "See QEMU's standard error and the disk's image.",
    "guest-panicked": "See the guest's output on the serial port.",
    "watchdog": "See the guest's output on the serial port.",
    "shutdown": "Leave out -no-shutdown.",
    "internal-error": "QEMU's standard error has the state of the processor.",
}


@dataclass(frozen=True)
class HeldGuest:
    """Why the guest does not run: `reason`, a clause without a full stop; `hint`, sentences on what to do."""

    reason: str
    hint: str

    @property
    def sentence(self) -> str:
        """Reason and hint as sentences, for a note in the recording."""
        return f"{self.reason[0].upper()}{self.reason[1:]}. {self.hint}"


def run_state_plan(stops: bool) -> RunStatePlan:
    """The names, of all known versions of QEMU, that tell whether a guest runs; `stops` as in `RunStatePlan`."""
    return RunStatePlan(**load_toml("analyzer.recording", "held_guest.toml"), stops=stops)


class CheckTimes:
    """When to interrupt a QEMU to see whether it holds its guest: after a second, then at growing intervals."""

    def __init__(self, now: float) -> None:
        self._intervals = iter(_CHECK_INTERVALS)
        self._next = now + next(self._intervals)

    def due(self, now: float) -> bool:
        """Whether a check is due at `now`, in seconds; the next one is then due after a longer interval."""
        if now < self._next:
            return False
        self._next = now + next(self._intervals, float("inf"))
        return True


def explain_hold(state: str, arguments: Sequence[str]) -> HeldGuest:
    """Why a guest in `state` does not run.

    `state` is a run state as QMP names it, or `no vcpu` or `waits` (`gdbscripts.run_state`); `arguments` are the
    user's for QEMU.
    """
    if state in _PAUSED:
        return HeldGuest(f"{_PAUSED[state]} (run state {state})", _HINTS[state])
    if state == "no vcpu":
        return HeldGuest(
            f"{_machine(arguments)} has no vCPU, so no milestone of a vCPU can be reached",
            "Choose another machine; `analyze startup` without -machine uses the machine pc.",
        )
    incoming = _with_value(arguments, "incoming")
    if state == "inmigrate" or (state == "waits" and incoming):
        return HeldGuest(
            f"the guest waits for an incoming migration ({incoming or 'run state inmigrate'})",
            f"Leave out -incoming, or give {WAIT_OPTION} and start the migration on the other side.",
        )
    if state == "preconfig" or (state in ("prelaunch", "waits") and _given(arguments, "preconfig")):
        return HeldGuest(
            "QEMU waits for its configuration (--preconfig)",
            f"Leave out --preconfig, or give {WAIT_OPTION} and send x-exit-preconfig through QMP.",
        )
    if state in ("prelaunch", "waits") and _given(arguments, "S"):
        return HeldGuest(f"the guest is held by -S{_who_continues(arguments)}", _LEAVE_OUT_S)
    what = "its vCPUs wait" if state == "waits" else f"run state {state}"
    return HeldGuest(f"QEMU does not let the guest run ({what})", _LEAVE_OUT_ANY)


_LEAVE_OUT_S = f"Leave out -S, or give {WAIT_OPTION} and continue the guest through QMP, the monitor or gdb."
_LEAVE_OUT_ANY = (
    f"Leave out what holds it, or give {WAIT_OPTION} and continue the guest through QMP or the monitor."
)


def _who_continues(arguments: Sequence[str]) -> str:
    """A clause on the gdb stub that the arguments open, "" when they open none."""
    stub = _with_value(arguments, "gdb") or ("-s" if _given(arguments, "s") else "")
    return f", and waits for a gdb that connects to {stub}" if stub else ""


def _machine(arguments: Sequence[str]) -> str:
    machine = _with_value(arguments, "machine") or _with_value(arguments, "M")
    return f"the machine of {machine}" if machine else "the machine"


def _given(arguments: Sequence[str], option: str) -> bool:
    return any(argument in (f"-{option}", f"--{option}") for argument in arguments)


def _with_value(arguments: Sequence[str], option: str) -> str:
    """The last `-option VALUE` in the arguments as the user wrote it, "" if there is none."""
    found = ""
    for argument, value in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument in (f"-{option}", f"--{option}"):
            found = f"{argument} {value}".rstrip()
    return found
