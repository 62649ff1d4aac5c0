"""Reads the stacks of goroutines, as a Go panic, SIGQUIT or `debug.Stack` prints them.

Go prints arguments as words without names; they are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import (
    CreatorLine,
    FrameLine,
    LineMeaning,
    Mark,
    SourceLine,
    StackStart,
    read_stacks,
)
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, ThreadLabel, UnreadLines
from analyzer.text import opening_parenthesis
from gdbscripts.enums import FrameKind

_GOROUTINE = re.compile(r"goroutine (\d{1,12}) (?:gp=\S{1,40} m=\S{1,40} (?:mp=\S{1,40} )?)?\[[^\]]{1,200}\]:$")
_CREATED_BY = re.compile(r"created by (\S{1,2000})(?: in goroutine \d{1,12})?$")
_SOURCE = re.compile(r" (\S.{0,1000}):(\d{1,9})(?: \+0x[0-9a-f]{1,16})?(?: fp=0x.{1,100})?$")
_NAME = re.compile(r"[\w./%*()\[\]{},·~-]{3,3000}$")
_LONGEST_CALL = 8000  # characters
_CUT = re.compile(r"\.\.\.(?:additional|\d{1,12}) frames elided\.\.\.$")
_OTHER = re.compile(
    r"panic: |fatal error: |SIG[A-Z]{2,8}|\[signal |PC=|exit status |runtime: |[a-z]{1,3}\d{0,2} +0x|\[originating"
)


def recognises(line: str) -> bool:
    """Whether `line` is the heading of a goroutine."""
    return bool(_GOROUTINE.match(line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each goroutine; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _meaning)


def _meaning(line: str) -> LineMeaning:
    if goroutine := _GOROUTINE.match(line):
        number = goroutine[1]
        return StackStart(
            ThreadLabel(main=True) if number == "1" else ThreadLabel(name=f"goroutine {number}", main=False)
        )
    if creator := _CREATED_BY.match(line):
        return CreatorLine(ImportedFrame(creator[1]))
    if source := _SOURCE.match(line):
        return SourceLine(source[1], int(source[2]))
    frame = _frame(line)
    return FrameLine(frame) if frame else _mark(line)


def _frame(line: str) -> ImportedFrame | None:
    """Parse `main.f(0x1)`; the arguments of an inlined function are `...`."""
    opened = opening_parenthesis(line) if line.endswith(")") and len(line) < _LONGEST_CALL else -1
    name = line[: max(0, opened)]
    if "." not in name or not _NAME.match(name):
        return None
    return ImportedFrame(name, kind=FrameKind.INLINE if line.endswith("(...)") else FrameKind.NORMAL)


def _mark(line: str) -> LineMeaning:
    if not line.strip():
        return Mark.END
    if _CUT.match(line):
        return Mark.CUT
    return Mark.IGNORED if _OTHER.match(line) else None
