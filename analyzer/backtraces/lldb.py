"""Reads lldb's `bt` and `thread backtrace all`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.brackets import split_arguments
from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, StackStart, read_stacks
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, ThreadLabel, UnreadLines
from analyzer.text import opening_parenthesis
from gdbscripts.enums import FrameKind

_FRAME = re.compile(r" *(?:\* )?frame #(\d{1,7}): (?:0x([0-9a-f]{1,16}) ?)?(.{0,20000})$")
_THREAD = re.compile(r" *(?:\* )?thread #(\d{1,7})(?=[,:]|$)")
_TID = re.compile(r": tid = (?:0x([0-9a-f]{1,8})|(\d{1,9}))\b")
_NAME = re.compile(r"name = '([^']{0,200})'")
_PLACE = re.compile(r" at (\S[^()]{0,1000}?):(\d{1,9})(?::\d{1,9})?$")
_OFFSET = re.compile(r" \+ \d{1,12}$")
_MARKS = {" [opt]": FrameKind.NORMAL, " [artificial]": FrameKind.TAIL}
_INLINED = " [inlined] "
_STOPPED = re.compile(r"Process \d{1,9} stopped$")
_OTHER = re.compile(
    r"\(lldb\)|(?:-> )? {0,3}\d{1,7} |Process \d|Target \d|Executable |Architecture |Current executable|Core file|"
    r"Traceback|  File |ModuleNotFoundError|->? {0,4}0x[0-9a-f]+|warning: |libc\.so| {4}0x[0-9a-f]{4,16} <"
)


def recognises(line: str) -> bool:
    """Whether `line` is a frame or the heading of a thread."""
    return bool(_FRAME.match(line) or (_THREAD.match(line) and ("name = " in line or "stop reason = " in line)))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each thread; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _Reader().meaning)


class _Reader:
    def __init__(self) -> None:
        self._is_report = False  # of where the process stopped: one frame of each thread

    def meaning(self, line: str) -> LineMeaning:
        """What the line is."""
        if frame := _FRAME.match(line):
            return Mark.IGNORED if self._is_report else FrameLine(_frame(frame[2] or "", frame[3]), int(frame[1]))
        if _STOPPED.match(line):
            self._is_report = True
        elif line.startswith("(lldb)"):
            self._is_report = False
        elif thread := _THREAD.match(line):
            return StackStart(_thread(thread[1], line))
        return Mark.IGNORED if not line.strip() or _OTHER.match(line) else None


def _thread(number: str, line: str) -> ThreadLabel:
    tid, name = _TID.search(line[:200]), _NAME.search(line[:2000])
    return ThreadLabel(
        int(number), int(tid[1], 16) if tid and tid[1] else int(tid[2]) if tid else 0, name[1] if name else ""
    )


def _frame(address: str, text: str) -> ImportedFrame:
    module, _, call = text.partition("`")
    kind = FrameKind.NORMAL
    while (mark := next((mark for mark in _MARKS if call.endswith(mark)), "")) != "":
        call, kind = call.removesuffix(mark), _MARKS[mark] if kind is FrameKind.NORMAL else kind
    begin = max(0, call.rfind(" at "))
    place = _PLACE.match(call, begin)
    call = call[: place.start()] if place else _OFFSET.sub("", call)
    _, inlined, inner = call.rpartition(_INLINED)
    name, arguments = _call(inner if inlined else call)
    frame = frame_of(name, address, module, place[1] if place else "", int(place[2]) if place else 0)
    kind = FrameKind.INLINE if inlined else kind
    return frame if frame.is_unknown else frame._replace(kind=kind, arguments=arguments)


def _call(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Split `name(a=1)`; the parentheses of a name without debug information have types, and stay."""
    name = text.strip().removeprefix("::")
    opened = opening_parenthesis(name) if name.endswith(")") else -1
    arguments = split_arguments(name[opened + 1 : -1]) if opened > 0 else None
    return (name[:opened], arguments) if arguments else (name.removesuffix("()"), ())
