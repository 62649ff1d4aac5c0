"""Sourced by gdb: breakpoints that do nothing, the least that any recorder with breakpoints of gdb can take."""

from __future__ import annotations

import json
from typing import ClassVar

import gdb


class DoNothing(gdb.Breakpoint):
    """A breakpoint that counts its hits and lets the program run on."""

    counts: ClassVar[dict[str, int]] = {}

    def __init__(self, function: str) -> None:
        super().__init__(function)
        self._function = function
        self.counts[function] = 0

    def stop(self) -> bool:
        """Called by gdb at each hit."""
        self.counts[self._function] += 1
        return False

    @classmethod
    def print_counts(cls) -> None:
        """Print the hits of each function as a line of JSON."""
        print("hits " + json.dumps(cls.counts))
