"""Reads the crash reports of macOS as text; `macos_ips.py` reads them as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, StackStart, read_stacks
from analyzer.backtraces.stacks import UNKNOWN_FRAME, ImportedFrame, ImportedStack, ThreadLabel, UnreadLines
from gdbscripts.enums import FrameKind

_FRAME = re.compile(
    r"(\d{1,5}) +(\S(?:(?! 0x).){0,200}) 0x([0-9a-f]{1,16}) (\S.{0,5000}?)(?: \+ \d{1,12})?"
    r"(?: \(([^()]{1,500}):(\d{1,9})\))?( \[inlined\])?$"
)
_RECOGNISED = re.compile(r"\d{1,5} +\S(?:(?! 0x).){0,200} 0x[0-9a-f]{4,16} \S.{0,5000} \+ \d{1,12}(?: \(|$)")
_CRASHED = re.compile(r"Thread \d{1,6} Crashed:")
_THREAD = re.compile(r"Thread (\d{1,6})(?: Crashed)?:(?:: *(.{0,200}))?$")
_PROCESS = re.compile(r"Process: +(\S.{0,200}?) \[\d{1,9}\]$")
_LOAD_ADDRESS = re.compile(r"0x[0-9a-f]{1,16}$|\?\?\?$")
_QUEUE = re.compile(r" *Dispatch queue: .*")
_OTHER = re.compile(
    r"[A-Z][\w /()-]{1,60}:|Thread \d{1,6} (?:crashed|name:)| *[a-z]\w{1,4}: 0x|-{3,}|Binary Images|"
    r" *0x[0-9a-f]+ - |Translated Report|Application Specific|External Mod|ABORT|VM REGION|"
    r"[A-Z ]{3,60}(?:\s|$)|\w.{0,60}[|=]"
)


def recognises(line: str) -> bool:
    """Whether `line` is the heading of the thread that crashed, or a frame."""
    return bool(_CRASHED.match(line) or _RECOGNISED.match(line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each thread; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _Reader().meaning)


def mac_thread(number: int, name: str) -> ThreadLabel:
    """The thread that macOS gives this number; 0 is the main thread."""
    return ThreadLabel(main=True) if number == 0 else ThreadLabel(number + 1, name=name, main=False)


def mac_frame(name: str, image: str, process: str) -> ImportedFrame:
    """The frame of the function `name` in `image`; every image but that of the process itself is a library."""
    if _LOAD_ADDRESS.match(name):
        return UNKNOWN_FRAME
    is_program = image == process or (not process and not image.endswith((".dylib", "dyld")))
    return ImportedFrame(name, library="" if is_program else image)


class _Reader:
    def __init__(self) -> None:
        self._process = ""

    def meaning(self, line: str) -> LineMeaning:
        """What the line is."""
        if frame := _FRAME.match(line):
            read = mac_frame(frame[4], frame[2].strip(), self._process)
            if not read.is_unknown:
                kind = FrameKind.INLINE if frame[7] else FrameKind.NORMAL
                read = read._replace(file=frame[5] or "", line=int(frame[6] or 0), kind=kind)
            return FrameLine(read, int(frame[1]))
        if thread := _THREAD.match(line):
            return StackStart(mac_thread(int(thread[1]), _QUEUE.sub("", thread[2] or "").strip()))
        if process := _PROCESS.match(line):
            self._process = process[1]
        if not line.strip():
            return Mark.END
        return Mark.IGNORED if _OTHER.match(line) else None
