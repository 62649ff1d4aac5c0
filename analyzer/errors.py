"""One family of errors, each a sentence and the next step; caught once, in `cli.main`."""

from __future__ import annotations

from enum import IntEnum

NAME_AN_INPUT = (
    "Name an output folder, a recording, a graph.json, a baseline, a backtrace, or reference:1.6.0; "
    "- is standard input."
)
"""The next step where what was named cannot be read."""


class ExitStatus(IntEnum):
    """Exit statuses of `analyze`."""

    DONE = 0
    DIFFERS = 1
    USAGE = 2
    COULD_NOT_RUN = 3
    INCOMPLETE = 4


class AnalyzerError(Exception):
    """Something a user can act on: `message` says what is wrong, `hint` the next step."""

    exit_status = ExitStatus.COULD_NOT_RUN

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def newer_schema(name: str, found: int, known: int) -> AnalyzerError:
    """The error for a file that a newer version has written."""
    return AnalyzerError(
        f"{name} is of schema {found}; this program reads up to {known}.",
        "Update it: pip install --upgrade qemu-callchain.",
    )


class UsageError(AnalyzerError):
    """The command line asks for something that makes no sense."""

    exit_status = ExitStatus.USAGE
