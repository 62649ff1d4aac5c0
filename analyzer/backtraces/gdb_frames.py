"""Parses one frame as gdb prints it: `#1  0x… in name (arguments) at file:line` (gdb manual, "Backtraces")."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from analyzer.backtraces.brackets import balanced, parenthesis_groups, split_arguments
from analyzer.backtraces.gdb_headings import CUT_OFF, broken_thread, gdb_thread, is_noise
from analyzer.backtraces.line_cleanup import join_broken_line
from analyzer.backtraces.other_frames import other_frame
from analyzer.backtraces.stacks import ImportedFrame
from analyzer.model.headings import FRAME_MARKS, is_creator, read_heading
from gdbscripts.enums import FrameKind
from gdbscripts.records import CUT, SIGNAL, UNKNOWN_ARGUMENTS

MAX_LINE_LENGTH = 1 << 16  # characters; a longer line is not parsed
_MAX_CANDIDATES = 32  # pairs of parentheses that are tried as the list of arguments
_HEAD = re.compile(r"\s*#(\d{1,7})\s+(?:(0x[0-9a-fA-F]{1,16})(?:\s+<[^>]{0,500}>)?\s+in\s+)?")
_AT = re.compile(r" +at +(\S.*):(\d+)$")
_MAX_LINE_DIGITS = 9
_FROM = re.compile(r" +from +(\S.*)$")
_LOCATION_BEGINS = re.compile(r" +(?:a|at|at +\S.*|f|fr|fro|from)$")
_NEVER_IN_A_NAME = re.compile(r"[\s\"';]")
_ONLY_IN_CPP = re.compile(r"[=!?,]")  # in templates and operators
_SPACED_NAME = re.compile(r"<|\(|::|\boperator\b|\[clone ")
_BEGUN = re.compile(r"\(\s*(?:[\w$@.:~#]{0,200}=.*)?$", re.DOTALL)


class FrameState(Enum):
    """How much of a frame the lines so far have: a terminal or a mail breaks long lines."""

    COMPLETE = "complete"
    NO_LOCATION = "no location"  # complete, and ` at file:line` may follow
    INCOMPLETE = "incomplete"  # more must follow
    NOT_A_FRAME = "not a frame"


class ParsedFrame(NamedTuple):
    """The result of `parse_frame`: `frame` is set once the name is certain, even when the rest is missing.

    `level` is the number behind the `#`.
    """

    level: int
    frame: ImportedFrame | None
    state: FrameState


def parse_frame(text: str) -> ParsedFrame | None:
    """Parse a frame that begins `text`, of one line or several joined; None when `text` begins with no `#N`."""
    head = _HEAD.match(text)
    if head is None or len(text) > MAX_LINE_LENGTH:
        return None
    level, rest = int(head[1]), text[head.end() :].rstrip()
    address = head[2]
    pc, addressed = (int(address, 16), True) if address else (0, False)
    if rest == SIGNAL or (rest.startswith("<") and rest.endswith(">")):
        kind = FrameKind.SIGNAL if rest == SIGNAL else FrameKind.OTHER
        frame = ImportedFrame(rest, kind=kind, pc=pc, addressed=addressed)
        return ParsedFrame(level, frame, FrameState.COMPLETE)
    call, state = _parse_call(rest)
    if call is None and (other := other_frame(text)) is not None:
        return ParsedFrame(level, other, FrameState.COMPLETE)
    return ParsedFrame(level, call._replace(pc=pc, addressed=addressed) if call else None, state)


def _parse_call(text: str) -> tuple[ImportedFrame | None, FrameState]:
    """Parse `name (arguments) at file:line`.

    The arguments are in the first parentheses after a space that only a location follows: C++ names have spaces
    and parentheses, too.
    """
    incomplete: tuple[ImportedFrame | None, FrameState] = (None, FrameState.INCOMPLETE)
    found = False
    for count, (start, end) in enumerate(parenthesis_groups(text, 0)):
        found = True
        if count >= _MAX_CANDIDATES:
            return None, FrameState.NOT_A_FRAME
        if end < 0:
            return _parse_incomplete(text, start)
        candidate = _parse_with_location(text, start, end)
        if candidate is not None:
            return candidate
    in_template = text.count("<") > text.count(">") or text.endswith(("::", ",", ")", ">"))
    in_name = in_template or ("::" in text and _is_name(text))  # a C++ method whose arguments are on the next line
    return incomplete if not found or in_name else (None, FrameState.NOT_A_FRAME)


def _parse_with_location(text: str, start: int, end: int) -> tuple[ImportedFrame, FrameState] | None:
    spaced = start > 0 and text[start - 1] == " "
    name, arguments = text[:start].strip(), split_arguments(text[start + 1 : end - 1])
    if arguments is None or not _is_name(name):
        return None
    rest, kind = _without_mark(text[end:])
    frame = ImportedFrame(name, kind=FrameKind.OTHER if name.startswith(CUT) else kind, arguments=arguments)
    if location := _AT.match(rest):
        line = int(location[2]) if len(location[2]) <= _MAX_LINE_DIGITS else 0
        return frame._replace(file=location[1], line=line), FrameState.COMPLETE
    if location := _FROM.match(rest):
        return frame._replace(library=location[1]), FrameState.COMPLETE
    if not spaced:
        return None
    if not rest:
        return frame, FrameState.COMPLETE if kind is not FrameKind.NORMAL else FrameState.NO_LOCATION
    return (frame, FrameState.INCOMPLETE) if _LOCATION_BEGINS.match(rest) else None


def _without_mark(rest: str) -> tuple[str, FrameKind]:
    """Split off the mark that `analyze show` prints behind an inlined or tail-called frame: (rest, kind)."""
    for kind, mark in FRAME_MARKS.items():
        if rest.endswith(mark):
            return rest[: -len(mark)].rstrip(), kind
    return rest, FrameKind.NORMAL


def _parse_incomplete(text: str, start: int) -> tuple[ImportedFrame | None, FrameState]:
    name = text[:start].strip()
    whole = name.count("<") <= name.count(">") or "operator" in name
    is_name = start and text[start - 1] == " " and whole and "+0x" not in name and _is_name(name)
    if is_name and _BEGUN.match(text, start):
        return ImportedFrame(name, arguments=(UNKNOWN_ARGUMENTS,)), FrameState.INCOMPLETE
    return None, FrameState.INCOMPLETE


def _is_name(name: str) -> bool:
    if name == "??":
        return True
    if " " not in name:
        cpp = "<" in name or "operator" in name
        return bool(name) and not _NEVER_IN_A_NAME.search(name) and (cpp or not _ONLY_IN_CPP.search(name))
    return balanced(name) and bool(_SPACED_NAME.search(name)) and not name.endswith(",")


_MAX_PARTS = 40  # lines that one frame may be broken over
_REST_OF_LINE_NUMBER = re.compile(r"\d{1,6} *$")
_IN_A_PATH = re.compile(r"[\w./+-]{1,200}$")
_LIBRARY = re.compile(r"\.so(?:\.\d+)*$")


class PendingFrame:
    """A frame that later lines may still belong to.

    `number` is the number of its first line, `text` its lines joined, `read` what they parse to.
    """

    def __init__(self, number: int, text: str) -> None:
        self.number, self.text = number, text
        self.read: ParsedFrame | None = parse_frame(text)
        self._unparsed: list[tuple[int, str]] = []  # lines taken since `text` last parsed, with their numbers
        self._trial = text

    def takes(self, number: int, line: str) -> bool:
        """Whether `line`, number `number`, belongs to this frame; if so it is added to the frame."""
        if self.read is None or self.read.state is FrameState.NOT_A_FRAME or not self._may_follow(line):
            return False
        if not line.strip():
            return self.read.state is FrameState.INCOMPLETE
        trial = join_broken_line(self._trial, line)
        read = parse_frame(trial)
        if read is None or read.state is FrameState.NOT_A_FRAME:
            return False
        if read.state is FrameState.INCOMPLETE:
            if len(self._unparsed) >= _MAX_PARTS:
                return False
            self._unparsed.append((number, line))
            self._trial = trial
            return True
        self.text = self._trial = trial
        self.read, self._unparsed = read, []
        return True

    def _may_follow(self, line: str) -> bool:
        assert self.read is not None
        if (
            read_heading(line)
            or gdb_thread(line)
            or broken_thread(line)
            or CUT_OFF.match(line)
            or is_creator(line)
        ):
            return False
        if self.read.state is FrameState.INCOMPLETE:
            return not (line.strip() and is_noise(line))
        word = line.strip()
        if self.read.state is FrameState.NO_LOCATION:
            return (
                bool(self._unparsed)
                or word.startswith(("at ", "from "))
                or word in ("a", "at", "f", "fr", "fro", "from")
            )
        frame = self.read.frame
        if frame is not None and frame.library:
            return _continues_library(frame.library, word)
        return frame is not None and frame.line > 0 and bool(_REST_OF_LINE_NUMBER.match(line))

    @property
    def ends_early(self) -> bool:
        """Whether the frame's line is cut: its name, its arguments or its location."""
        return self.read is None or self.read.state is FrameState.INCOMPLETE

    def drop_cut_library(self) -> None:
        """Drop the library of a frame on a line that may be cut, unless its name is whole."""
        frame = self.read.frame if self.read else None
        if self.read and frame and frame.library and not _LIBRARY.search(frame.library):
            self.read = self.read._replace(frame=frame._replace(library=""), state=FrameState.INCOMPLETE)

    def unparsed_lines(self) -> list[tuple[int, str]]:
        """The lines that `takes` added and that made no complete frame, with their numbers."""
        return self._unparsed


def _continues_library(library: str, word: str) -> bool:
    """Whether `word` continues the path `library`, which a line break cut."""
    complete = _LIBRARY.search(library) and not word.startswith(".")
    return not complete and bool(_IN_A_PATH.match(word) and _LIBRARY.search(library + word))
