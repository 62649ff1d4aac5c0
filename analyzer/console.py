"""Tells a person at the terminal how a recording or a build goes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from analyzer.recording.progress import MilestoneReached
from analyzer.text import visible

_BAR_LENGTH = 24  # characters


def print_text(text: str) -> None:
    """Print an answer. A reader that has gone, as in `… | head`, has seen enough; the exit status still tells."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Console:
    """Prints each milestone as it is reached, and on a terminal what is awaited or how far a step has come."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._last_update = 0.0
        self._last_tenth: tuple[str, int] = ("", -1)
        self._step = ""
        self._step_began = 0.0

    def say(self, text: str) -> None:
        """Print a line at once. A reader that has gone does not end the recording."""
        self.clear()
        self._print(visible(text) + "\n")

    def reached(self, reached: MilestoneReached) -> None:
        """A milestone was reached for the first time."""
        self.clear()
        where = reached.milestone.request or reached.function
        self.say(f"{reached.time:8.3f} s  {reached.milestone.title:42} {where}, {reached.depth} frames")

    def waiting(self, titles: Sequence[str], seconds: float) -> None:
        """What is awaited now; shown twice a second, and not before the first second has passed."""
        now = time.monotonic()
        if not self._is_terminal or seconds < 1.0 or now - self._last_update < 0.5:
            return
        self._last_update = now
        more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
        self._print(f"\r\x1b[K{seconds:8.0f} s  waiting for: {titles[0]}{more}")

    def explaining(self, done: int, total: int) -> None:
        """How many function pointers are explained; shown while more are sought."""
        if done < total:
            self._last_update = 0.0
            self.progress("Who set the function pointers", done, total)

    def progress(self, what: str, done: int, total: int, unit: str = "") -> None:
        """How far a step has come: a line that changes on a terminal, elsewhere one for every tenth of the way."""
        now = time.monotonic()
        if what != self._step:
            self._step, self._step_began = what, now
        if self._is_terminal:
            if now - self._last_update > 0.1 or done == total:
                self._last_update = now
                elapsed = "" if unit == "s" else f", {now - self._step_began:.0f} s"
                self._print("\r\x1b[K" + _progress_line(what, done, total, unit) + elapsed)
        elif total and self._last_tenth != (what, tenth := done * 10 // total):
            self._last_tenth = (what, tenth)
            self._print(_progress_line(what, done, total, unit) + "\n")

    def clear(self) -> None:
        """Remove the line that says what is awaited."""
        if self._is_terminal and self._last_update:
            self._print("\r\x1b[K")
            self._last_update = 0.0

    def _print(self, text: str) -> None:
        try:
            print(text, end="", flush=True, file=self._stream)
        except OSError:  # the reader has gone, or the disk behind it is full
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def _progress_line(what: str, done: int, total: int, unit: str) -> str:
    if not total:
        return f"{what}: {amount(done, unit)}"
    full = min(_BAR_LENGTH, done * _BAR_LENGTH // total)
    bar = "#" * full + "." * (_BAR_LENGTH - full)
    counted = amount(done, unit) if unit == "B" else str(done)
    return f"{what}: [{bar}] {counted} of {amount(total, unit)}"


def amount(number: int, unit: str) -> str:
    """`number` with its unit; bytes ("B") in powers of 1024."""
    if unit != "B":
        return f"{number} {unit}".rstrip()
    value = float(number)
    for prefix in ("", "Ki", "Mi"):
        if value < 1024:
            return f"{value:.0f} {prefix}B"
        value /= 1024
    return f"{value:.1f} GiB"
