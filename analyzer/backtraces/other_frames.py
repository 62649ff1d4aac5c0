"""Parses the frames of systemd (`coredumpctl info`) and AddressSanitizer, which are numbered like gdb's."""

from __future__ import annotations

import re

from analyzer.backtraces.brackets import balanced
from analyzer.backtraces.stacks import UNKNOWN_FRAME, ImportedFrame, ThreadLabel

_SYSTEMD = re.compile(
    r"\s*#\d{1,7}\s+0x([0-9a-f]{1,16}) (?!in )(\S.{0,2000}) \(([^()]{1,500}?)(?: \+ 0x[0-9a-f]{1,16})?\)$"
)
_SANITIZER = re.compile(
    r"\s*#\d{1,7} +0x([0-9a-f]{1,16}) (?: ?in (\S.{0,5000}))? (\S+:\d{1,9}|\(\S+\+0x[0-9a-f]{1,16}\))$"
)
_ARCHITECTURE = re.compile(r":(?:x86_64h?|arm64e?|i386)$")
_BUILD_ID = re.compile(r"(?<! ) +\(BuildId: [0-9a-f]{1,64}\)$")
_LOCATION = re.compile(r"(\S+?):(\d{1,9})(?::\d{1,9})?$")
_SYSTEMD_THREAD = re.compile(r"\s*Stack trace of thread (\d{1,9}):$")
_SANITIZER_THREAD = re.compile(r".{0,500}\b(?:thread|created by) T(\d{1,6})\b(?: \(([^()]{0,100})\))?(?: here:)?$")


def other_frame(text: str) -> ImportedFrame | None:
    """Parse one frame of systemd or AddressSanitizer; None for other lines."""
    if match := _SYSTEMD.match(text):
        return _frame("" if match[2] == "n/a" else match[2], match[1], library=_library(match[3]))
    match = _SANITIZER.match(_BUILD_ID.sub("", text))
    if match is None or not _may_be_a_name(match[2] or ""):
        return None
    if location := _LOCATION.match(match[3]):
        return _frame(match[2], match[1], file=location[1], line=int(location[2]))
    return _frame(match[2], match[1], library=_library(match[3][1:-1].rpartition("+")[0]))


def other_thread(line: str) -> ThreadLabel | None:
    """Parse the heading of a thread by systemd or AddressSanitizer; None for other lines."""
    if match := _SYSTEMD_THREAD.match(line):
        return ThreadLabel(tid=int(match[1]))
    if match := _SANITIZER_THREAD.match(line):
        name = f"T{match[1]} ({match[2]})" if match[2] else f"T{match[1]}"
        return ThreadLabel(name=name, main=False) if int(match[1]) else ThreadLabel(main=True)
    return None


def _frame(name: str | None, address: str, file: str = "", line: int = 0, library: str = "") -> ImportedFrame:
    known = ImportedFrame(name, file, line, library) if name else UNKNOWN_FRAME
    return known._replace(pc=int(address, 16), addressed=True)


def _library(module: str) -> str:
    """The library of a module; "" for the program. On macOS the module is `lib.dylib:x86_64`."""
    file = _ARCHITECTURE.sub("", module)
    return file if ".so" in file.rpartition("/")[2] or file.endswith(".dylib") else ""


def _may_be_a_name(text: str) -> bool:
    """Whether `text` is a name as AddressSanitizer prints it; gdb's frames have arguments or a final ` at`."""
    plain = " " not in text or (balanced(text) and "(" in text)
    return plain and "=" not in text.replace("operator==", "") and not text.endswith((" at", " from", " ()"))
