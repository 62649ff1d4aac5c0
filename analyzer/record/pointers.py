"""Has the calls through pointers explained: runs the program again, several times, with watchpoints.

What is asked is worked out here from the recording; what is found is appended to it by the gdb side.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from analyzer.adapters.gdb import Gdb, GdbError, quote
from analyzer.model import Recording
from analyzer.record.sites import MOST_SITES, calling_libraries, pointer_sites
from gdbscripts import plan as plans

_MOST_RUNS = 24  # four pointers a run, and a copy takes one more


def explain_pointers(
    gdb: Gdb, recording: Recording, plan_file: Path, timeout: float, tell: Callable[[int, int], None]
) -> list[str]:
    """Explain the pointers of `recording`, whose program has ended or stands still; returns notes for the reader.

    `timeout` is for one run, in seconds; `tell` is told how many of how many pointers are explained.
    """
    sites = pointer_sites(recording)
    libraries = calling_libraries(recording)
    notes = [f"How pointers came to {name}, which calls through them, is not followed." for name in libraries]
    asked = sites[:MOST_SITES]
    if asked != sites:
        notes.append(f"{len(sites) - len(asked)} more calls through pointers were not followed.")
    if not asked:
        return notes
    plans.save(plans.RecordingPlan("", [], [], pointers=asked), str(plan_file))
    left = int(gdb.command(f"-chain-pointers {quote(str(plan_file))}", timeout=300)["open"])
    try:
        for _ in range(_MOST_RUNS):
            tell(len(asked) - left, len(asked))
            if not left:
                break
            left = _run(gdb, timeout)
    except KeyboardInterrupt:
        with suppress(GdbError):  # what was found out until now is kept
            gdb.interrupt()
        gdb.command("-chain-explain")
        raise
    gdb.command("-chain-explain")
    return notes


def _run(gdb: Gdb, timeout: float) -> int:
    """One run; returns how many pointers are still open."""
    gdb.console("starti")
    gdb.wait_stopped(timeout)
    gdb.command("-chain-round")
    refused = ""
    try:
        gdb.command("-exec-continue")
    except GdbError as error:  # more watchpoints than the processor has to give
        refused = error.message
    if not refused and gdb.wait_stopped(timeout) is None:
        gdb.interrupt()
    return int(gdb.command(f"-chain-round-end {quote(refused) if refused else ''}".strip())["open"])
