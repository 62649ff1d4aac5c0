"""Reads folded stacks: `thread;main;a;b 12` is 12 samples of the stack in which main calls a and a calls b.

The format is that of stackcollapse-perf.pl (FlameGraph): suffixes _[k] for the kernel, _[i] for inlined functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.line_cleanup import clean_line
from analyzer.backtraces.stacks import (
    MAX_INNER_FRAMES,
    MAX_OUTER_FRAMES,
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    limit_depth,
)
from analyzer.model.frames import LIBC_START_FRAMES
from gdbscripts.enums import FrameKind
from gdbscripts.records import KERNEL_LIBRARY, UNKNOWN_NAME

COUNT = re.compile(r" +(\d{1,12})$")
_SUFFIX = re.compile(r"_\[(\w)\]$")
_UNKNOWN = ("", "[unknown]", UNKNOWN_NAME)


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks of `lines`, one a line; other lines go to `unread`, except comments (#)."""
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
    functions = body.partition(";")[2] if thread is not None else body
    *outer, rest = functions.split(";", MAX_OUTER_FRAMES)
    # Of a stack that is too deep the names in the middle, which are left out, stay one string.
    names = [*outer, *rest.rsplit(";", MAX_INNER_FRAMES + 1)]
    frames = limit_depth([_frame(name.strip()) for name in reversed(names)])
    return ImportedStack(frames, thread, times=int(count[1]))


def _thread(body: str) -> ThreadLabel | None:
    """The thread, which is the first name; None when the first name can be the outermost function."""
    first, more, _ = body.partition(";")
    name = first.strip()
    is_function = name == "main" or name in _UNKNOWN or name in LIBC_START_FRAMES or _SUFFIX.search(name[-4:])
    return ThreadLabel(name=name) if more and not is_function else None


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
