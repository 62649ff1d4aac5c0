"""Folded stacks: `thread;main;a;b 12` is 12 times the stack in which main called a and a called b."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.line_cleanup import clean_line
from analyzer.backtraces.stacks import (
    MOST_INNER,
    MOST_OUTER,
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    bounded,
)
from analyzer.model.frames import LIBC_START_FRAMES
from gdbscripts.enums import FrameKind
from gdbscripts.records import KERNEL_LIBRARY, UNKNOWN_NAME

COUNT = re.compile(r" +(\d{1,12})$")
_SUFFIX = re.compile(r"_\[(\w)\]$")
_UNKNOWN = ("", "[unknown]", UNKNOWN_NAME)


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks, one for each line."""
    for number, raw in enumerate(lines, 1):
        line = clean_line(raw).strip()
        stack = _stack(line)
        if stack is not None:
            yield stack
        elif line and not line.startswith("#"):
            unread.add(number, line)


def _stack(line: str) -> ImportedStack | None:
    count = COUNT.search(line[-20:])
    if count is None or not int(count[1]):
        return None
    body = line[: len(line) - len(count[0])]
    thread = _thread(body)
    own = body.partition(";")[2] if thread is not None else body
    *outer, rest = own.split(";", MOST_OUTER)
    names = [
        *outer,
        *rest.rsplit(";", MOST_INNER + 1),
    ]  # in a stack that is too deep one for all that will be left out
    frames = bounded([_frame(name.strip()) for name in reversed(names)])
    return ImportedStack(frames, thread, times=int(count[1]))


def _thread(body: str) -> ThreadLabel | None:
    """The first name is the thread's, unless a stack can begin with a function of this name."""
    first, more, _ = body.partition(";")
    name = first.strip()
    begins = name == "main" or name in _UNKNOWN or name in LIBC_START_FRAMES or _SUFFIX.search(name[-4:])
    return ThreadLabel(name=name) if more and not begins else None


def _frame(text: str) -> ImportedFrame:
    suffix = _SUFFIX.search(text)
    name = text[: suffix.start()] if suffix else text
    if name in _UNKNOWN:
        return UNKNOWN_FRAME
    mark = suffix[1] if suffix else ""
    return ImportedFrame(
        name,
        library=KERNEL_LIBRARY if mark == "k" else "",
        kind=FrameKind.INLINE if mark == "i" else FrameKind.NORMAL,
    )
