"""Reads valgrind (Memcheck, Helgrind, DRD), with `==pid==` in front of the lines or without.

Each stack has the sentence above it as its heading, without addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.brackets import balanced
from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, StackStart, read_stacks
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, ThreadLabel, UnreadLines
from analyzer.text import opening_parenthesis

_PREFIX = re.compile(r"(==|--|\*\*)(?:[\d:.]{1,20} )?\d{1,9}\1(?: |$)")
_FRAME = re.compile(r" {1,40}(at|by) 0x([0-9A-Fa-f]{1,16}): (\S.{0,5000})$")
_SOURCE = re.compile(r"(\S.{0,1000}):(\d{1,9})$")
_THREAD = re.compile(r"Thread (\d{1,6})(?: (.{1,100}))?:$")
_BY = re.compile(r".{0,500}\b(?:by thread|Thread) #(\d{1,6})\b")
_ADDRESS = re.compile(r" (?:at )?0x[0-9A-Fa-f]{1,16}")
# What valgrind says about memory rather than about what the current thread does.
_OF_A_BLOCK = re.compile(r" ?(?:Address|Block was|Uninitialised value was created)")
_DETAIL = re.compile(r" ?(?:Locks held:|Lock at )")
_SENTENCE = re.compile(
    r" ?(?:Invalid |Conditional jump|Use of uninit|Address |Block was|Syscall param|Possible data race|"
    r"This conflicts|Mismatched |Uninitialised |[\d,]{1,20} (?:\([\d,]{1,20} direct, [\d,]{1,20} indirect\) )?"
    r"bytes in |Process terminating|Source and destination|Argument |Jump to|Access not within|Locks held|Lock at|"
    r"-{10,}|Memcheck,|Helgrind,|DRD,|Copyright|Using Valgrind|Command:|No malloc'd|Suppressed|If you believe|"
    r"overflow|possible, you can|HEAP SUMMARY|All heap blocks|ERROR SUMMARY|For |in use at exit|total heap usage|"
    r"Thread )"
)


def recognises(line: str) -> bool:
    """Whether `line` is a frame of valgrind."""
    prefix = _PREFIX.match(line)
    return bool(_FRAME.match(line[prefix.end() - 1 :] if prefix else line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks of all reports; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _Reader().meaning)


class _Reader:
    def __init__(self) -> None:
        self._thread: ThreadLabel | None = None  # of the stacks until the next `Thread N:`
        self._sentence = ""  # the first one since the last frame or empty line

    def meaning(self, line: str) -> LineMeaning:
        """What the line is."""
        prefix = _PREFIX.match(line)
        text = line[prefix.end() :] if prefix else line
        if frame := _FRAME.match(f" {text}" if prefix else text):
            return FrameLine(_frame(frame[2], frame[3]), 0 if frame[1] == "at" else -1)
        if not text.strip():
            self._sentence = ""
            return Mark.END
        if thread := _THREAD.match(text):
            self._thread = _thread(thread[1], thread[2] or "")
        elif _DETAIL.match(text) and self._sentence:
            return Mark.IGNORED
        else:
            self._sentence = text.strip()
        if prefix is None and not _SENTENCE.match(text):
            return None
        return self._start()

    def _start(self) -> StackStart:
        by = _BY.match(self._sentence)
        thread = _thread(by[1], "") if by else self._thread
        title = _ADDRESS.sub("", self._sentence).rstrip(":")
        return StackStart(None if _OF_A_BLOCK.match(self._sentence) else thread, title)


def _thread(number: str, name: str) -> ThreadLabel:
    return ThreadLabel(main=True) if number == "1" else ThreadLabel(int(number), name=name, main=False)


def _frame(address: str, text: str) -> ImportedFrame:
    if not balanced(text):  # the place is cut
        return frame_of(text.rpartition(" (")[0] or text, address)
    opened = opening_parenthesis(text) if text.endswith(")") else -1
    if opened < 1 or text[opened - 1] != " ":
        return frame_of(text, address)
    name, place = text[: opened - 1], text[opened + 1 : -1]
    if place.startswith("in "):
        return frame_of(name, address, module=place[3:])
    source = _SOURCE.match(place)
    return frame_of(name, address, file=source[1], line=int(source[2])) if source else frame_of(text, address)
