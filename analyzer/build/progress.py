"""The interface through which a build reports progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Reporter(Protocol):
    """Receives the progress of a build; `analyzer.console.Console` prints it."""

    def say(self, text: str) -> None:
        """Report one sentence that stays on the screen."""

    def progress(self, what: str, done: int, total: int, unit: str = "") -> None:
        """Report that `done` of `total` steps of `what` are done; `total` 0 is unknown.

        `unit` is the unit of both numbers: "B" (bytes), "s" (seconds), "files", or "" for steps.
        """


def report_seconds(reporter: Reporter, what: str) -> Callable[[str], None]:
    """A function for each line of output of a program: it reports how many seconds `what` has taken."""
    began = time.monotonic()
    return lambda _line: reporter.progress(what, round(time.monotonic() - began), 0, "s")
