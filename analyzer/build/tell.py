"""How a build tells a person what it is doing."""

from __future__ import annotations

from typing import Protocol


class Tell(Protocol):
    """`analyzer.console.Console` at the terminal, a list in tests."""

    def say(self, text: str) -> None:
        """A sentence that stays."""

    def progress(self, what: str, done: int, total: int, unit: str = "") -> None:
        """How far `what` has come; `total` 0 when nobody knows. `unit` "B" counts bytes."""
