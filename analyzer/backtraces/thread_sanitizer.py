"""Reads ThreadSanitizer: each stack of a report under its own heading, such as `Write of size 4 by thread T1`.

The addresses in the headings are left out, since they differ between runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, StackStart, read_stacks
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import ImportedStack, ThreadLabel, UnreadLines

_REPORT = re.compile(r"WARNING: ThreadSanitizer: ")
_FRAME = re.compile(
    r" *#(\d{1,7}) (?!0x)(\S.{0,5000}?) (<null>|\S{1,2000}:\d{1,9}) \((\S{1,1000})\+0x[0-9a-f]{1,16}\)"
    r"(?: \(BuildId: [0-9a-f]{1,64}\))?$"
)
_SOURCE = re.compile(r"(\S+?):(\d{1,9})(?::\d{1,9})?$")
_HEADING = re.compile(
    r" *(?:(?:Previous )?(?:[Aa]tomic )?(?:[Rr]ead|[Ww]rite) of size|Thread T\d|Mutex M\d|Location is heap|"
    r"Hint:|As if synchronized|.{0,100} in (?:main thread|thread T\d)).{0,500}:$"
)
_ADDRESS = re.compile(r" (?:at )?\(?0x[0-9a-f]{1,16}\)?")
_DETAIL = re.compile(r" \(?(?:tid=\d{1,9}|\[[^\]]{0,200}\]|mutexes: [^)]{0,500}).{0,200}?\)")
_BY = re.compile(r".{0,500}\b(?:by|in) (?:(main thread)|thread (T\d{1,6}))\b")
_OTHER = re.compile(
    r"(?:=|-){10,}$|SUMMARY: ThreadSanitizer|ThreadSanitizer: reported |  Location is |  Cycle in "
)


def recognises(line: str) -> bool:
    """Whether `line` begins a report, or is one of its frames."""
    return bool(_REPORT.match(line) or _FRAME.match(line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks of all reports; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _meaning)


def _meaning(line: str) -> LineMeaning:
    if frame := _FRAME.match(line):
        source = _SOURCE.match(frame[3])
        file, number = (source[1], int(source[2])) if source else ("", 0)
        return FrameLine(frame_of(frame[2], module=frame[4], file=file, line=number), int(frame[1]))
    if _HEADING.match(line):
        return _start(line)
    return Mark.END if not line.strip() or _REPORT.match(line) or _OTHER.match(line) else None


def _start(line: str) -> StackStart:
    title = _DETAIL.sub("", _ADDRESS.sub("", line.strip().rstrip(":"))).removesuffix(" at").strip()
    by = _BY.match(title)
    if by is None:
        return StackStart(title=title)
    return StackStart(ThreadLabel(main=True) if by[1] else ThreadLabel(name=by[2], main=False), title)
