"""Reads the backtrace of a Rust panic (RUST_BACKTRACE=1 or full), and those that the anyhow library prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, SourceLine, StackStart, read_stacks
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import ImportedStack, ThreadLabel, UnreadLines

_PANIC = re.compile(r" *thread '(.{0,200}?)' (?:\(\d{1,9}\) )?(?:has )?panicked at ")
_BACKTRACE = re.compile(r" *[Ss]tack backtrace:$")
_FRAME = re.compile(r" {1,8}(\d{1,7}): (?: *0x([0-9a-f]{1,16}) - )?(\S.{0,10000})$")
_INLINED = re.compile(r" {8,}(?:0x[0-9a-f]{1,16} - )?(?!at )([A-Za-z_<][\w:<>].{0,10000})$")
_SOURCE = re.compile(r" {4,}at (\S.{0,1000}?):(\d{1,9})(?::\d{1,9})?$")
_OTHER = re.compile(r" *note: |[Ss]tack backtrace:| +\[\.\.\. omitted|error: |Caused by:|fatal runtime error:")


def recognises(previous: str, line: str) -> bool:
    """Whether `line` is the message of a panic, or `previous` a frame and `line` its location."""
    return bool(_PANIC.match(line) or (_FRAME.match(previous) and _SOURCE.match(line)))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each panic; lines not understood, such as the panic's message, go to `unread`."""
    return read_stacks(lines, unread, _Reader().meaning)


class _Reader:
    def __init__(self) -> None:
        self._in_message = False  # of a panic, which has any text

    def meaning(self, line: str) -> LineMeaning:
        """What the line is."""
        if panic := _PANIC.match(line):
            self._in_message = True
            name = panic[1].replace("<unnamed>", "")
            return StackStart(ThreadLabel(name="" if name == "main" else name, main=name == "main"))
        self._in_message = self._in_message and not _BACKTRACE.match(line)
        return Mark.IGNORED if self._in_message else _meaning(line)


def _meaning(line: str) -> LineMeaning:
    if frame := _FRAME.match(line):
        return FrameLine(frame_of(frame[3], frame[2] or ""), int(frame[1]))
    if source := _SOURCE.match(line):
        return SourceLine(source[1], int(source[2]))
    if inlined := _INLINED.match(line):  # older versions print one number for all functions inlined at an address
        return FrameLine(frame_of(inlined[1]))
    return Mark.IGNORED if not line.strip() or _OTHER.match(line) else None
