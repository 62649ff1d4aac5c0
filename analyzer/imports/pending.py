"""A frame whose lines are still coming: terminals, mails and gdb itself break them."""

from __future__ import annotations

import re

from analyzer.imports.frame_text import FrameState, ParsedFrame, parse_frame
from analyzer.imports.headings import CREATED, CUT_OFF, broken_thread, gdb_thread, is_noise, our_heading
from analyzer.imports.lines import joined

_MOST_PARTS = 40  # lines that one frame may be broken over
_REST_OF_LINE_NUMBER = re.compile(r"\d{1,6} *$")
_IN_A_PATH = re.compile(r"[\w./+-]{1,200}$")
_LIBRARY = re.compile(r"\.so(?:\.\d+)*$")


class PendingFrame:
    """A frame whose last line may not have come yet."""

    def __init__(self, number: int, text: str) -> None:
        self.number, self.text = number, text
        self.read: ParsedFrame | None = parse_frame(text)
        self._waiting: list[tuple[int, str]] = []  # lines taken on trust, since the last that made sense
        self._trial = text

    def takes(self, number: int, line: str) -> bool:
        """Whether the line belongs to this frame."""
        if self.read is None or self.read.state is FrameState.NOTHING or not self._may_follow(line):
            return False
        if not line.strip():
            return self.read.state is FrameState.BROKEN
        trial = joined(self._trial, line)
        read = parse_frame(trial)
        if read is None or read.state is FrameState.NOTHING:
            return False
        if read.state is FrameState.BROKEN:
            if len(self._waiting) >= _MOST_PARTS:
                return False
            self._waiting.append((number, line))
            self._trial = trial
            return True
        self.text = self._trial = trial
        self.read, self._waiting = read, []
        return True

    def _may_follow(self, line: str) -> bool:
        assert self.read is not None
        if (
            our_heading(line)
            or gdb_thread(line)
            or broken_thread(line)
            or CUT_OFF.match(line)
            or CREATED.match(line)
        ):
            return False
        if self.read.state is FrameState.BROKEN:
            return not (line.strip() and is_noise(line))
        word = line.strip()
        if self.read.state is FrameState.NO_PLACE:
            return (
                bool(self._waiting)
                or word.startswith(("at ", "from "))
                or word in ("a", "at", "f", "fr", "fro", "from")
            )
        frame = self.read.frame
        if frame is not None and frame.library:
            return _library_goes_on(frame.library, word)
        return frame is not None and frame.line > 0 and bool(_REST_OF_LINE_NUMBER.match(line))

    def left_over(self) -> list[tuple[int, str]]:
        """Lines that were taken in vain."""
        return self._waiting


def _library_goes_on(library: str, word: str) -> bool:
    """Whether the path of a library was broken before `word`."""
    whole = _LIBRARY.search(library) and not word.startswith(".")
    return not whole and bool(_IN_A_PATH.match(word) and _LIBRARY.search(library + word))
