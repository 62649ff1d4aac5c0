"""Tells a person at the terminal how a recording goes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from analyzer.record.progress import Reached
from analyzer.text import visible


class Console:
    """Prints each milestone as it is reached, and on a terminal what is awaited."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._shown = 0.0

    def say(self, text: str) -> None:
        """Print a line at once. A reader that has gone does not end the recording."""
        self._print(visible(text) + "\n")

    def reached(self, reached: Reached) -> None:
        """A milestone was reached for the first time."""
        self.clear()
        where = reached.milestone.request or reached.function
        self.say(f"{reached.time:8.3f} s  {reached.milestone.title:42} {where}, {reached.depth} frames")

    def waiting(self, titles: Sequence[str], seconds: float) -> None:
        """What is awaited now; shown twice a second, and not before the first second has passed."""
        now = time.monotonic()
        if not self._live or seconds < 1.0 or now - self._shown < 0.5:
            return
        self._shown = now
        more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
        self._print(f"\r\x1b[K{seconds:8.0f} s  waiting for: {titles[0]}{more}")

    def clear(self) -> None:
        """Remove the line that says what is awaited."""
        if self._live and self._shown:
            self._print("\r\x1b[K")

    @staticmethod
    def _print(text: str) -> None:
        try:
            print(text, end="", flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
