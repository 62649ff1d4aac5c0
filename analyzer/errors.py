"""The exceptions for problems that a user can solve; `cli.main` prints them. And the exit statuses."""

from __future__ import annotations

from enum import IntEnum

NAME_AN_INPUT = (
    "Name an output folder, a recording, a graph.json, a baseline, a backtrace, or reference:1.6.0; "
    "- is standard input."
)
"""The next step where what was named cannot be read."""
_LONGEST_MESSAGE = 3000  # characters


class ExitStatus(IntEnum):
    """Exit statuses of `analyze`. `bisect` has its own, see `commands.bisect.BisectStatus`."""

    DONE = 0
    DIFFERS = 1  # a comparison found changes that count
    USAGE = 2
    COULD_NOT_RUN = 3
    INCOMPLETE = 4  # a recording lacks milestones, or ended early


class AnalyzerError(Exception):
    """A problem that the user can solve.

    `message` is a sentence that names the problem, `hint` one with the next step, or "". `exit_status` is that of
    `analyze`. The middle of a long message is left out: it may quote a name of any length from a file.
    """

    exit_status = ExitStatus.COULD_NOT_RUN

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[: _LONGEST_MESSAGE // 2]} … {message[-_LONGEST_MESSAGE // 4 :]}"
        self.message = message
        self.hint = hint


def newer_schema(name: str, found: int, known: int) -> AnalyzerError:
    """The error for the file `name` of schema `found`, when this program reads schemas up to `known`."""
    return AnalyzerError(
        f"{name} is of schema {found}; this program reads up to {known}.",
        "Update it: pip install --upgrade qemu-callchain.",
    )


class UsageError(AnalyzerError):
    """The command line is invalid: unknown, missing or contradicting options."""

    exit_status = ExitStatus.USAGE
