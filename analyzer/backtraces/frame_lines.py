"""Shared by the readers of formats with a frame a line: they classify lines, this module makes stacks of them.

A reader is a function from a line, without times and terminal codes, to what it is; frames are innermost first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from analyzer.backtraces.brackets import balanced
from analyzer.backtraces.gdb_frames import MAX_LINE_LENGTH
from analyzer.backtraces.gdb_text import inlined
from analyzer.backtraces.line_cleanup import clean_line, without_entities, without_stamp
from analyzer.backtraces.stacks import (
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    append_frame,
    limit_depth,
)

NO_LEVEL = -1  # of a frame that the text does not number


class FrameLine(NamedTuple):
    """A line with a frame. A level that does not follow the last one leaves a gap; a lower one begins a stack.

    `interrupted`: the frame does not call the last one; an interrupt or an exception is between the two.
    """

    frame: ImportedFrame
    level: int = NO_LEVEL
    interrupted: bool = False


class SourceLine(NamedTuple):
    """A line with the source location of the frame above it."""

    file: str
    line: int


class StackStart(NamedTuple):
    """A line that begins a stack: whose it is, and what the text calls it ("" for no title)."""

    thread: ThreadLabel | None = None
    title: str = ""


class CreatorLine(NamedTuple):
    """A line with the function that started the thread of the stack above it."""

    frame: ImportedFrame


class Mark(Enum):
    """Lines without a frame."""

    END = "ends the stack"
    GAP = "frames are missing here, or the next frame does not call the last one"
    CUT = "the stack has more frames"
    IGNORED = "has no part of a stack"


LineMeaning = FrameLine | SourceLine | StackStart | CreatorLine | Mark | None  # None: not understood


def read_stacks(
    lines: Iterable[str], unread: UnreadLines, meaning: Callable[[str], LineMeaning]
) -> Iterator[ImportedStack]:
    """The stacks of `lines`, each once it is complete; lines whose `meaning` is None go to `unread`."""
    stack = _Stack(StackStart())
    for number, raw in enumerate(lines, 1):
        line = plain_line(raw)
        what = meaning(line) if len(line) <= MAX_LINE_LENGTH else None
        if what is None:
            stack.gap = True
            if line.strip():
                unread.add(number, line)
        elif isinstance(what, StackStart):
            yield from stack.imported()
            stack = _Stack(what)
        elif what is Mark.END or (isinstance(what, FrameLine) and stack.is_complete_before(what.level)):
            yield from stack.imported()
            stack = _Stack(stack.start if isinstance(what, FrameLine) else StackStart(stack.start.thread))
        if isinstance(what, FrameLine | SourceLine | CreatorLine | Mark):
            stack.take(what)
    yield from stack.imported()


def plain_line(raw: str) -> str:
    """The line as readers get it: without its end, invisible characters, HTML entities and the time of a log."""
    return without_stamp(clean_line(without_entities(raw))) if len(raw) <= 2 * MAX_LINE_LENGTH else raw


class _Stack:
    def __init__(self, start: StackStart) -> None:
        self.start = start
        self.gap = False
        self._frames: list[ImportedFrame] = []
        self._creator: tuple[ImportedFrame, ...] = ()
        self._level = NO_LEVEL
        self._cut = False

    def is_complete_before(self, level: int) -> bool:
        """Whether a frame of `level` is of another stack."""
        return level != NO_LEVEL and level <= self._level

    def take(self, what: FrameLine | SourceLine | CreatorLine | Mark) -> None:
        """Add what the line says."""
        if isinstance(what, FrameLine):
            self._add(what)
        elif isinstance(what, SourceLine):
            self._locate(what)
        elif isinstance(what, CreatorLine):
            self._creator, self._level = (what.frame,), NO_LEVEL
        elif what is Mark.GAP:
            self.gap = True
        elif what is Mark.CUT:
            self._cut = True

    def _add(self, what: FrameLine) -> None:
        if what.level != NO_LEVEL:
            if what.level != self._level + 1:
                append_frame(self._frames, UNKNOWN_FRAME)
            self._level = what.level
        # A line that is cut has half of a name.
        frame = what.frame if balanced(what.frame.name) else UNKNOWN_FRAME
        append_frame(self._frames, frame._replace(gap=(self.gap or what.interrupted) and bool(self._frames)))
        self.gap = False

    def _locate(self, what: SourceLine) -> None:
        if self._creator:
            self._creator = (self._creator[0]._replace(file=what.file, line=what.line),)
        elif self._frames:
            self._frames[-1] = self._frames[-1]._replace(file=what.file, line=what.line)

    def imported(self) -> Iterator[ImportedStack]:
        """The stack read so far, when it has frames."""
        if self._frames:
            yield ImportedStack(
                limit_depth(inlined(self._frames)),
                self.start.thread,
                creator=self._creator,
                cut=self._cut,
                title=self.start.title,
            )
