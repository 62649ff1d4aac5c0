"""How a build tells a person what it is doing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Reporter(Protocol):
    """`analyzer.console.Console` at the terminal, a list in tests."""

    def say(self, text: str) -> None:
        """A sentence that stays."""

    def progress(self, what: str, done: int, total: int, unit: str = "") -> None:
        """How far `what` has come; `total` 0 when nobody knows. `unit` "B" counts bytes."""


def report_seconds(reporter: Reporter, what: str) -> Callable[[str], None]:
    """For each line of a program that counts nothing: tells how many seconds `what` has taken so far."""
    began = time.monotonic()
    return lambda _line: reporter.progress(what, round(time.monotonic() - began), 0, "s")
