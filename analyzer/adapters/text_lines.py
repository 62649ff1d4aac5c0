"""Reads text of unknown origin line by line, with a limit on the length of a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from analyzer.adapters.bounded_files import is_device
from analyzer.errors import AnalyzerError

MAX_LINE_LENGTH = 1 << 22  # characters; a longer line is cut there
_MAX_UNENDED_LINE = 1 << 30  # characters without a line end: a device rather than a text


@contextmanager
def open_lines(source: str) -> Iterator[Iterator[str]]:
    """An iterator over the lines of the file `source`, or of standard input for `-`.

    Lines keep their line end and are cut at MAX_LINE_LENGTH characters; bytes that are not UTF-8 become U+FFFD.
    AnalyzerError when it cannot be read, or a line does not end within 2^30 characters.
    """
    if source == "-":
        yield _lines(_standard_input(), "standard input")
        return
    try:
        if is_device(Path(source)):
            raise AnalyzerError(f"{source} is not a text file: it is a device.")
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            yield _lines(file, source)
    except OSError as error:
        if error.filename not in (None, source):
            raise
        raise AnalyzerError(f"{source} cannot be read: {error.strerror}.") from None


def _standard_input() -> TextIO:
    if sys.stdin is None or sys.stdin.closed:
        raise AnalyzerError("Standard input is closed.", "Name a file, or pipe a backtrace in.")
    if sys.stdin.isatty():
        print("Paste the backtrace, then press Ctrl-D on a line of its own.", file=sys.stderr)
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    return sys.stdin


def _lines(file: TextIO, name: str) -> Iterator[str]:
    while line := file.readline(MAX_LINE_LENGTH):
        if len(line) == MAX_LINE_LENGTH and not line.endswith("\n"):
            _skip_line(file, name)
        yield line


def _skip_line(file: TextIO, name: str) -> None:
    skipped = 0
    while rest := file.readline(MAX_LINE_LENGTH):
        skipped += len(rest)
        if rest.endswith("\n"):
            return
        if skipped > _MAX_UNENDED_LINE:
            raise AnalyzerError(
                f"{name} is not a text file: one of its lines has more than {_MAX_UNENDED_LINE} characters."
            )
