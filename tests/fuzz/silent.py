"""A reporter of progress that prints nothing."""

from __future__ import annotations


class SilentReporter:
    """See `analyzer.build.progress.Reporter`."""

    def say(self, text: str) -> None:
        """Take a sentence."""

    def progress(self, what: str, done: int, total: int, unit: str = "") -> None:
        """Take the progress of a step."""
