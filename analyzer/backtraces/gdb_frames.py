"""One frame as gdb prints it: `#1  0x… in name (arguments) at file:line`."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from analyzer.backtraces.brackets import balanced, groups, split_arguments
from analyzer.backtraces.gdb_headings import CREATED, CUT_OFF, broken_thread, gdb_thread, is_noise, our_heading
from analyzer.backtraces.line_cleanup import joined
from analyzer.backtraces.other_frames import other_frame
from analyzer.backtraces.stacks import ImportedFrame
from analyzer.model.call_kinds import CALL_KINDS, CallKind
from gdbscripts.records import CUT, SIGNAL

LONGEST = 1 << 16  # characters
_CANDIDATES = 32  # pairs of parentheses that are tried as the arguments'
_HEAD = re.compile(r"\s*#(\d{1,7})\s+(?:(0x[0-9a-fA-F]{1,16})(?:\s+<[^>]{0,500}>)?\s+in\s+)?")
_AT = re.compile(r" +at +(\S.*):(\d+)$")
_LONGEST_NUMBER = 9  # digits of a line's
_FROM = re.compile(r" +from +(\S.*)$")
_PLACE_BEGINS = re.compile(r" +(?:a|at|at +\S.*|f|fr|fro|from)$")
_MARKS = {
    f"[{CALL_KINDS[kind].label}]": kind.value for kind in (CallKind.INLINE, CallKind.TAIL)
}  # of `analyze show`
_NEVER_IN_A_NAME = re.compile(r"[\s\"';]")
_ONLY_IN_CPP = re.compile(r"[=!?,]")  # in templates and operators
_SPACED_NAME = re.compile(r"<|\(|::|\boperator\b|\[clone ")
_BEGUN = re.compile(r"\(\s*(?:[\w$@.:~#]{0,200}=.*)?$", re.DOTALL)


class FrameState(Enum):
    """How much of a frame a text has."""

    WHOLE = "whole"
    NO_PLACE = "no place"  # whole, and ` at file:line` may follow
    BROKEN = "broken"  # more must follow
    NOTHING = "nothing"  # no frame


class ParsedFrame(NamedTuple):
    """What was read: `frame` is there when the name is beyond doubt, even when the rest is broken off."""

    level: int
    frame: ImportedFrame | None
    state: FrameState


def parse_frame(text: str) -> ParsedFrame | None:
    """The frame in `text`; None when it does not begin as one."""
    head = _HEAD.match(text)
    if head is None or len(text) > LONGEST:
        return None
    level, rest = int(head[1]), text[head.end() :].rstrip()
    address = head[2]
    pc, addressed = (int(address, 16), True) if address else (0, False)
    if rest == SIGNAL or (rest.startswith("<") and rest.endswith(">")):
        frame = ImportedFrame(rest, kind="signal" if rest == SIGNAL else "other", pc=pc, addressed=addressed)
        return ParsedFrame(level, frame, FrameState.WHOLE)
    called, state = _called(rest)
    if called is None and (other := other_frame(text)) is not None:
        return ParsedFrame(level, other, FrameState.WHOLE)
    return ParsedFrame(level, called._replace(pc=pc, addressed=addressed) if called else None, state)


def _called(text: str) -> tuple[ImportedFrame | None, FrameState]:
    """`name (arguments) at file:line`. The arguments are in the first parentheses behind a space that nothing but
    a place follows: names of C++ have spaces and parentheses as well."""
    broken: tuple[ImportedFrame | None, FrameState] = (None, FrameState.BROKEN)
    found = False
    for count, (start, end) in enumerate(groups(text, 0)):
        found = True
        if count >= _CANDIDATES:
            return None, FrameState.NOTHING
        if end < 0:
            return _broken_off(text, start)
        candidate = _with_place(text, start, end)
        if candidate is not None:
            return candidate
    in_template = text.count("<") > text.count(">") or text.endswith(("::", ",", ")", ">"))
    in_name = in_template or ("::" in text and _is_name(text))  # a method's, its arguments are still to come
    return broken if not found or in_name else (None, FrameState.NOTHING)


def _with_place(text: str, start: int, end: int) -> tuple[ImportedFrame, FrameState] | None:
    spaced = start > 0 and text[start - 1] == " "
    name, arguments = text[:start].strip(), split_arguments(text[start + 1 : end - 1])
    if arguments is None or not _is_name(name):
        return None
    rest, kind = _without_mark(text[end:])
    frame = ImportedFrame(name, kind="other" if name.startswith(CUT) else kind, arguments=arguments)
    if place := _AT.match(rest):
        line = int(place[2]) if len(place[2]) <= _LONGEST_NUMBER else 0
        return frame._replace(file=place[1], line=line), FrameState.WHOLE
    if place := _FROM.match(rest):
        return frame._replace(library=place[1]), FrameState.WHOLE
    if not spaced:
        return None
    if not rest:
        return frame, FrameState.WHOLE if kind != "normal" else FrameState.NO_PLACE
    return (frame, FrameState.BROKEN) if _PLACE_BEGINS.match(rest) else None


def _without_mark(rest: str) -> tuple[str, str]:
    """Behind a frame our own `show` tells how it came to be."""
    for mark, kind in _MARKS.items():
        if rest.endswith(mark):
            return rest[: -len(mark)].rstrip(), kind
    return rest, "normal"


def _broken_off(text: str, start: int) -> tuple[ImportedFrame | None, FrameState]:
    name = text[:start].strip()
    if start and text[start - 1] == " " and _is_name(name) and _BEGUN.match(text, start):
        return ImportedFrame(name), FrameState.BROKEN
    return None, FrameState.BROKEN


def _is_name(name: str) -> bool:
    if name == "??":
        return True
    if " " not in name:
        cpp = "<" in name or "operator" in name
        return bool(name) and not _NEVER_IN_A_NAME.search(name) and (cpp or not _ONLY_IN_CPP.search(name))
    return balanced(name) and bool(_SPACED_NAME.search(name)) and not name.endswith(",")


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
