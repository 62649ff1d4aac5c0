"""Reads eu-stack of elfutils, with source lines (-s), modules (-m), build-ids (-b) and inlined functions (-i)
or without."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, SourceLine, StackStart, read_stacks
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, ThreadLabel, UnreadLines

_PROCESS = re.compile(r"PID (\d{1,9}) - (?:process|core)$")
_THREAD = re.compile(r"TID (\d{1,9}):$")
_FRAME = re.compile(r"#(\d{1,7}) +0x([0-9a-f]{1,16})(?: *- 1)?(?: (.{0,5000}))?$")
_SOURCE = re.compile(r" {1,8}(\S.{0,1000}?):(\d{1,9})(?::\d{1,9})?$")
_MODULE = re.compile(r"(?:^|(?<= ))- (/\S{0,1000}|\[\w{1,40}\]|\S{1,200}\.so[.\d]{0,20})(?: \?)?$")
_MESSAGE = re.compile(r"\S*eu-stack: | {0,8}\[[0-9a-f]{8,64}\]")  # the second: a build-id, of -b


def recognises(line: str) -> bool:
    """Whether `line` is the heading of a process or thread, or a frame with a module."""
    frame = _FRAME.match(line)
    return bool(
        _PROCESS.match(line) or _THREAD.match(line) or (frame and _MODULE.search((frame[3] or "")[-1300:]))
    )


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each thread; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _Reader().meaning)


class _Reader:
    def __init__(self) -> None:
        self._process = 0

    def meaning(self, line: str) -> LineMeaning:
        """What the line is."""
        if frame := _FRAME.match(line):
            return FrameLine(_frame(frame[2], frame[3] or ""), int(frame[1]))
        if source := _SOURCE.match(line):
            return SourceLine(source[1], int(source[2]))
        if process := _PROCESS.match(line):
            self._process = int(process[1])
            return Mark.END
        if thread := _THREAD.match(line):
            tid = int(thread[1])
            return StackStart(ThreadLabel(tid=tid, main=tid == self._process if self._process else None))
        return Mark.IGNORED if not line.strip() or _MESSAGE.match(line) else None


def _frame(address: str, text: str) -> ImportedFrame:
    begin = max(0, len(text) - 1300)
    module = _MODULE.search(text, begin)
    name = text[: module.start()].strip() if module else text.strip()
    return frame_of(name, address, module=module[1] if module else "")
