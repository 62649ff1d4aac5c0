"""Prints all that this program prints: results, messages, progress. Control characters are escaped here."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from analyzer.text import visible
from gdbscripts.visible import is_control

if TYPE_CHECKING:
    from analyzer.recording.progress import MilestoneReached

_BAR_LENGTH = 24  # characters
_LINE_INTERVAL = 5.0  # seconds between lines of progress where there is no terminal
_ERASE = "\r\x1b[K"  # the line that the cursor is in


_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def print_text(text: str, colours: bool = False) -> None:
    """Print `text` with control characters escaped; with `colours` the escape sequences of colours stay.

    A closed pipe, as in `… | head`, is no error, so that the exit status stays the same.
    """
    parts = _COLOUR.split(text) if colours else [text]
    _print_unchanged("".join(part if number % 2 else visible(part) for number, part in enumerate(parts)))


def print_json(text: str) -> None:
    """Print the JSON `text`, as `print_text`; the escapes are those of JSON, so that the data stay the same."""
    _print_unchanged(text if text.isprintable() else "".join(map(_escaped_in_json, text)))


def print_line(text: object) -> None:
    """Print one line of a result with control characters escaped. BrokenPipeError when the pipe is closed."""
    print(visible(str(text)))


def print_error(text: str) -> None:
    """Print a line on standard error with control characters escaped."""
    print(visible(text), file=sys.stderr)


def warn(sentence: str) -> None:
    """Print a sentence about a result on standard error, after the name of this program."""
    print_error(f"analyze: {sentence}")


def _escaped_in_json(char: str) -> str:
    if not is_control(char):
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _print_unchanged(text: str) -> None:
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Console:
    """Prints sentences, and on a terminal one line of progress that changes. Implements `build.progress.Reporter`.

    `stream` is standard output by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._last_update = 0.0
        self._last_wait = -_LINE_INTERVAL
        self._last_tenth: tuple[str, int] = ("", -1)
        self._step = ""
        self._step_began = 0.0
        self._glob_hits: Counter[str] = Counter()

    def say(self, text: str) -> None:
        """Print one line, with control characters escaped. A closed pipe does not stop the recording."""
        self.clear()
        self._print(visible(text) + "\n")

    def reached(self, reached: MilestoneReached) -> None:
        """Print a milestone: time in seconds, title, function or ioctl, number of frames.

        Functions that a glob of --break selects may be hundreds: they are counted in the line of progress.
        """
        if pattern := reached.milestone.pattern:
            self._glob_hits[pattern] += 1
            self._show_glob(pattern, reached.time)
            return
        self.clear()
        where = reached.milestone.request or reached.function
        self.say(f"{reached.time:8.3f} s  {reached.milestone.title:42} {where}, {reached.depth} frames")

    def _show_glob(self, pattern: str, seconds: float) -> None:
        now = time.monotonic()
        if self._is_terminal and now - self._last_update >= 0.5:
            self._last_update = now
            count = self._glob_hits[pattern]
            self._print(
                visible(f"{seconds:8.3f} s  {count} functions of --break '{pattern}' hit so far"), over=True
            )

    def waiting(self, titles: Sequence[str], seconds: float) -> None:
        """Show the milestones awaited for `seconds`: on a terminal after 1 s, in one line that changes; elsewhere
        a line every 5 seconds.
        """
        now = time.monotonic()
        begin, interval = (1.0, 0.5) if self._is_terminal else (_LINE_INTERVAL, _LINE_INTERVAL)
        if seconds < begin or now - self._last_wait < interval:
            return
        self._last_update = self._last_wait = now
        more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
        line = visible(f"{seconds:8.0f} s  waiting for: {titles[0]}{more}")
        self._print(line if self._is_terminal else line + "\n", over=self._is_terminal)

    def explaining(self, done: int, total: int) -> None:
        """Show how many of `total` function pointers are explained, until all are."""
        if done < total:
            self._last_update = 0.0
            self.progress("Explaining function pointers", done, total)

    def progress(self, what: str, done: int, total: int, unit: str = "") -> None:
        """Show progress: on a terminal in one line that changes, elsewhere in a line per tenth."""
        now = time.monotonic()
        if what != self._step:
            self._step, self._step_began = what, now
        if self._is_terminal:
            if now - self._last_update > 0.1 or done == total:
                self._last_update = now
                elapsed = "" if unit == "s" else f", {now - self._step_began:.0f} s"
                self._print(visible(_progress_line(what, done, total, unit) + elapsed), over=True)
        elif total and self._last_tenth != (what, tenth := done * 10 // total):
            self._last_tenth = (what, tenth)
            self._print(visible(_progress_line(what, done, total, unit)) + "\n")

    def clear(self) -> None:
        """Erase the line of progress, if there is one."""
        if self._is_terminal and self._last_update:
            self._print("", over=True)
            self._last_update = 0.0

    def _print(self, text: str, over: bool = False) -> None:
        """Print `text`; with `over` in place of the line of progress."""
        try:
            print(f"{_ERASE if over else ''}{text}", end="", flush=True, file=self._stream)
        except OSError:  # a closed pipe or a full disk: discard all later output
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


class ReadingProgress:
    """Shows on standard error, on a terminal and after one second, how much of a file of `total` bytes is read."""

    def __init__(self, name: str, total: int) -> None:
        self._console = Console(sys.stderr)
        self._name, self._total = name, total
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._begin = time.monotonic()

    def report(self, done: int) -> None:
        """Show that `done` bytes are read."""
        if self._shown and time.monotonic() - self._begin > 1.0:
            self._console.progress(f"Reading {self._name}", done, self._total, "B")

    def end(self) -> None:
        """Erase the line of progress."""
        self._console.clear()


def _progress_line(what: str, done: int, total: int, unit: str) -> str:
    """A bar with numbers; only the number when `total` is 0 (unknown)."""
    if not total:
        return f"{what}: {amount(done, unit)}"
    full = min(_BAR_LENGTH, done * _BAR_LENGTH // total)
    bar = "#" * full + "." * (_BAR_LENGTH - full)
    counted = amount(done, unit) if unit == "B" else str(done)
    return f"{what}: [{bar}] {counted} of {amount(total, unit)}"


def amount(number: int, unit: str) -> str:
    """`number` and its unit as text, as in "3 files"; bytes ("B") in units of powers of 1024, as in "1.4 GiB"."""
    if unit != "B":
        return f"{number} {unit}".rstrip()
    value = float(number)
    for prefix in ("", "Ki", "Mi"):
        if value < 1024:
            return f"{value:.0f} {prefix}B"
        value /= 1024
    return f"{value:.1f} GiB"
