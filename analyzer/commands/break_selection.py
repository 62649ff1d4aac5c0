"""Selects the functions of --break and --break-calls-of, says how many, and asks when they are very many."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from analyzer.adapters.qemu import QemuFacts
from analyzer.adapters.running_qemu import QemuProcess, library_has_function
from analyzer.commands.parser import MANY_BREAKPOINTS
from analyzer.console import Console
from analyzer.errors import UsageError
from analyzer.recording.break_functions import BreakSelection, select_calls, select_functions
from analyzer.recording.request import RecordingOptions
from gdbscripts.plan import PlannedMilestone


def select_breaks(
    options: RecordingOptions,
    scenario: Iterable[PlannedMilestone],
    qemu: QemuFacts,
    process: QemuProcess | None,
    yes: bool,
    console: Console,
) -> tuple[BreakSelection, ...]:
    """What the --break and --break-calls-of of `options` select in `qemu`.

    `process` is the QEMU to attach to, None for one that is started. `yes`: whether to set any number of
    breakpoints without a question. UsageError for an unknown function, for a glob that matches none, and for very
    many breakpoints that nobody agrees to.
    """
    if not options.breaks and not options.calls_of:
        return ()
    symbols, limit = qemu.debug_files.symbols, options.break_limit
    selections = [
        *select_functions(
            options.breaks, limit, scenario, symbols,
            lambda name: process is not None and library_has_function(process.pid, name),
        ),
        *select_calls(options.calls_of, limit, symbols),
    ]  # fmt: skip
    for selection in selections:
        if selection.sentence:
            console.say(selection.sentence)
    _confirm(sum(selection.places for selection in selections), yes)
    return tuple(selections)


def _confirm(places: int, yes: bool) -> None:
    """UsageError when `places` are very many breakpoints and the user does not agree to them."""
    if places <= MANY_BREAKPOINTS or yes:
        return
    message = f"That takes {places:,} breakpoints: gdb sets about a thousand a second, and QEMU stops at each hit."
    hint = "Give a narrower glob, or --yes to set them all the same."
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(message, hint)
    try:
        answer = input(f"{message} Set them? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError(message, hint)
