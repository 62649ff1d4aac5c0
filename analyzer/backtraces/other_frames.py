"""Frames as systemd (`coredumpctl info`) and AddressSanitizer print them, numbered like gdb's.

And how those look that are not read here, so that we can say so.
"""

from __future__ import annotations

import re

from analyzer.backtraces.brackets import balanced
from analyzer.backtraces.stacks import UNKNOWN_FRAME, ImportedFrame, ThreadLabel

_SYSTEMD = re.compile(r"\s*#\d{1,7}\s+0x([0-9a-f]{1,16}) (\S.{0,2000}) \(([^()]{1,500}) \+ 0x[0-9a-f]{1,16}\)$")
_SANITIZER = re.compile(
    r"\s*#\d{1,7} +0x([0-9a-f]{1,16}) (?: ?in (\S.{0,5000}))? (\S+:\d{1,9}|\(\S+\+0x[0-9a-f]{1,16}\))$"
)
_BUILD_ID = re.compile(r"(?<! ) +\(BuildId: [0-9a-f]{1,64}\)$")
_PLACE = re.compile(r"(\S+?):(\d{1,9})(?::\d{1,9})?$")
_OF_SYSTEMD = re.compile(r"\s*Stack trace of thread (\d{1,9}):$")
_OF_SANITIZER = re.compile(r".{0,500}\b(?:thread|created by) T(\d{1,6})\b(?: \([^()]{0,100}\))?(?: here:)?$")
_FOREIGN = {
    "lldb's": re.compile(r"(?:\* )?(?:frame #\d|thread #\d)"),
    "valgrind's": re.compile(r"==\d+== +(?:at|by) 0x"),
    "backtrace_symbols' of the C library": re.compile(r"\S+\([^()]*\+0x[0-9a-f]+\) ?\[0x"),
    "perf script's without the fields comm and tid": re.compile(
        r"(?=[a-f]*\d)[0-9a-f]{4,16} [\w.$]+(?:\+0x[0-9a-f]+)?(?: \(\S+\))?$"
    ),
    "eu-stack's": re.compile(r"(?:PID \d+ - |TID \d+:$)"),
    "the kernel's": re.compile(r"(?:\[.*\] +)?(?:\? )?[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+"),
}


def other_frame(text: str) -> ImportedFrame | None:
    """The frame in a line of theirs; None when it is none."""
    if told := _SYSTEMD.match(text):
        return _frame("" if told[2] == "n/a" else told[2], told[1], library=_library(told[3]))
    told = _SANITIZER.match(_BUILD_ID.sub("", text))
    if told is None or not _may_be_a_name(told[2] or ""):
        return None
    if place := _PLACE.match(told[3]):
        return _frame(told[2], told[1], file=place[1], line=int(place[2]))
    return _frame(told[2], told[1], library=_library(told[3][1:-1].rpartition("+")[0]))


def other_thread(line: str) -> ThreadLabel | None:
    """The thread that their heading tells of."""
    if told := _OF_SYSTEMD.match(line):
        return ThreadLabel(tid=int(told[1]))
    if told := _OF_SANITIZER.match(line):
        return ThreadLabel(name=f"T{told[1]}", main=False) if int(told[1]) else ThreadLabel(main=True)
    return None


def foreign(lines: list[str]) -> str:
    """Whose backtrace it looks like, "" when it looks like none."""
    return next((whose for whose, sign in _FOREIGN.items() if any(map(sign.match, lines))), "")


def _frame(name: str | None, address: str, file: str = "", line: int = 0, library: str = "") -> ImportedFrame:
    known = ImportedFrame(name, file, line, library) if name else UNKNOWN_FRAME
    return known._replace(pc=int(address, 16), addressed=True)


def _library(module: str) -> str:
    return module if ".so" in module.rpartition("/")[2] else ""


def _may_be_a_name(text: str) -> bool:
    """What gdb prints is none: it has arguments, or ` at` before the place."""
    plain = " " not in text or (balanced(text) and "(" in text)
    return plain and "=" not in text.replace("operator==", "") and not text.endswith((" at", " from", " ()"))
