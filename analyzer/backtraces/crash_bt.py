"""Reads `bt` of the crash utility: kernel stacks of a dump."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, SourceLine, StackStart, read_stacks
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, ThreadLabel, UnreadLines
from gdbscripts.records import KERNEL_LIBRARY

_TASK = re.compile(r" *PID: (\d{1,9}) +TASK: [0-9a-f]{1,16} +CPU: \d{1,6} +COMMAND: \"([^\"]{0,100})\"")
_FRAME = re.compile(
    r" *#(\d{1,7}) \[[0-9a-f]{1,16}\] ([\w.$]{1,500})(?:\+\d{1,12}|\+0x[0-9a-f]{1,12})?"
    r" at [0-9a-f]{1,16}(?: \[\w{1,100}\])?$"
)
_EXCEPTION = re.compile(
    r" *\[exception RIP: (?:([\w.$]{1,500})(?:\+\d{1,12}|\+0x[0-9a-f]{1,12})?|[^\]]{0,100})\]$"
)
_SOURCE = re.compile(r" *(/\S{1,1000}): (\d{1,9})$")
_ANOTHER_STACK = re.compile(r" *(?:--- <.{1,60}> ---|bt: )")
_OTHER = re.compile(
    r" *(?:crash> |R[A-Z0-9]{1,2}: |RIP: |ORIG_RAX: |[0-9a-f]{16}: |[Pp][Cc]: |X\d{1,2}: |"
    r"(?:KERNEL|DUMPFILE|CPUS|DATE|UPTIME|LOAD AVERAGE|TASKS|NODENAME|RELEASE|"
    r"VERSION|MACHINE|MEMORY|PANIC|COMMAND|TASK|CPU|STATE|PID): )"
)


def recognises(line: str) -> bool:
    """Whether `line` is the heading of a task or a frame."""
    return bool(_TASK.match(line) or _FRAME.match(line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each task; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _meaning)


def _meaning(line: str) -> LineMeaning:
    if frame := _FRAME.match(line):
        return FrameLine(ImportedFrame(frame[2], library=KERNEL_LIBRARY), int(frame[1]))
    if source := _SOURCE.match(line):
        return SourceLine(source[1], int(source[2]))
    if task := _TASK.match(line):
        return StackStart(ThreadLabel(tid=int(task[1]), name=task[2]))
    exception = _EXCEPTION.match(line)
    if exception and exception[1]:
        return FrameLine(ImportedFrame(exception[1], library=KERNEL_LIBRARY), interrupted=True)
    if exception or _ANOTHER_STACK.match(line):
        return Mark.GAP
    return Mark.IGNORED if not line.strip() or _OTHER.match(line) else None
