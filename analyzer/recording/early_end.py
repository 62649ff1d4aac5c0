"""What to say about the end of QEMU, and when it ends before it has begun to start a guest."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from analyzer.adapters.gdb_stops import Stopped

_KILLED_HINT = (
    "Another process sent it, such as the kernel's out-of-memory killer (see dmesg). "
    "Record again, into another folder or with --force."
)

BECAME_DAEMON = (
    "QEMU forked and ended, as a daemon does; gdb does not follow the process that went on.",
    "Let it run in the foreground. Or start it as a daemon yourself, and record that process with --pid.",
)
"""(message, hint) for a QEMU that ended at once and left a process that it forked."""

_PRINTS = ("-version", "--version", "-help", "--help", "-h", "--h")
_ASKS_FOR_HELP = re.compile(r"(?:^|,)(?:help|\?)$")  # `-machine help`, `-device VGA,help`


def information_asked_for(arguments: Sequence[str]) -> str:
    """The argument that makes QEMU print information instead of starting a guest, with its value; "" for none."""
    for previous, argument in zip(("", *arguments), arguments, strict=False):
        if argument in _PRINTS:
            return argument
        if previous.startswith("-") and _ASKS_FOR_HELP.search(argument):
            return f"{previous} {argument}"
    return ""


def early_end(
    qemu: Path, arguments: Sequence[str], status: int | None, output: str, command: Sequence[str], ended: Stopped
) -> tuple[str, str]:
    """(message, hint) for a QEMU that ended at once.

    `arguments` are the user's, `status` is the exit status, `output` what QEMU printed, `command` the whole line,
    `ended` its last stop.
    """
    asked = information_asked_for(arguments)
    if asked and status == 0:
        return (
            f"{asked} makes QEMU print information and end: no guest is started.",
            f"Leave it out. To see the information: {shlex.join([str(qemu), *asked.split()])}",
        )
    hint = _KILLED_HINT if ended.signal == "SIGKILL" else f"Run it without gdb: {shlex.join(command)}"
    return f"{how_it_ended(ended)} at once. Its output: {output or 'none'}", hint


def how_it_ended(ended: Stopped | None) -> str:
    """How QEMU ended, in words; `ended` is its last stop, None when it still ran."""
    if ended is None:
        return "ended by the analyzer"
    if ended.reason == "exited-signalled":
        return f"QEMU was killed by {ended.signal or 'a signal'}"
    if ended.ended:
        return "QEMU ended"
    if ended.executed:
        return f"QEMU executed {ended.executed}"
    return f"QEMU was stopped by {ended.signal or ended.reason or 'gdb'}"


def next_step(ended: Stopped) -> str:
    """A sentence on what to do after a signal or an exec ended or stopped QEMU; "" when it ended by itself."""
    if ended.executed:
        return (
            f"{how_it_ended(ended)}; the recording ends there. If that is the QEMU to record, name it with --qemu."
        )
    if ended.killed and ended.signal == "SIGKILL":
        return f"{how_it_ended(ended)}. {_KILLED_HINT}"
    if not ended.ended and ended.signal not in ("", "0", "SIGINT", "SIGTRAP"):
        return f"{how_it_ended(ended)}: the last backtrace shows where it was then."
    return ""
