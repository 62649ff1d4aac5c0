"""Reads what programs print of their own stacks: glibc's `backtrace_symbols`, and lines of the form `leaf+0x1d`.

`/usr/bin/prog(leaf+0x1d) [0x5581]` is of backtrace_symbols(3); programs that use libunwind print `leaf+0x1d` or
`0x5581: (leaf+0x1d)`. An empty line ends a stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, read_stacks
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, UnreadLines

_LONGEST = 6000  # characters of a frame
_ADDRESS = re.compile(r"\) ?\[0x([0-9a-f]{1,16})\] *$")
_OFFSET = re.compile(r"[0-9a-f]{1,12}$")
_LEVEL = re.compile(r" *(?:#?\d{1,4}[:.)]? +|\[\d{1,4}\] |> )?")
_LEADING_ADDRESS = re.compile(r"0x([0-9a-f]{1,16}): ?")
_MODULE = re.compile(r"[^\s()\[\]]{1,1000}$")
_NAME = re.compile(r"[A-Za-z_~<][\w$.@:~<>,*&()=!+\[\] -]{0,5000}$")


def recognises(previous: str, line: str) -> bool:
    """Whether `line` is a frame of glibc's; or `previous` and `line` are both of the form `leaf+0x1d`."""
    return _of_glibc(line) is not None or (_plain(line) is not None and _plain(previous) is not None)


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks; lines not understood go to `unread`."""
    return read_stacks(lines, unread, _meaning)


def _meaning(line: str) -> LineMeaning:
    if not line.strip():
        return Mark.END
    frame = _of_glibc(line) or _plain(line)
    return FrameLine(frame) if frame else None


def _of_glibc(line: str) -> ImportedFrame | None:
    """Parse `module(name+0x1d) [0x5581]`; the name may be missing."""
    address = _ADDRESS.search(line[-30:]) if len(line) < _LONGEST else None
    if address is None:
        return None
    text = line[_end_of_level(line) :]
    module, opened, rest = text.partition("(")
    inside = rest[: rest.rindex(")")] if opened and ")" in rest else ""
    name, plus, offset = inside.rpartition("+0x")
    if not opened or not _MODULE.match(module) or (inside and not plus) or (plus and not _OFFSET.match(offset)):
        return None
    return frame_of(name, address[1], module)


def _plain(line: str) -> ImportedFrame | None:
    """Parse `name+0x1d`, `0x5581: (name+0x1d)`."""
    if len(line) >= _LONGEST:
        return None
    text = line[_end_of_level(line) :].rstrip()
    address = _LEADING_ADDRESS.match(text)
    text = text[address.end() :] if address else text
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    name, plus, offset = text.rpartition("+0x")
    plausible = plus and _OFFSET.match(offset) and _NAME.match(name) and (address or " " not in name)
    return frame_of(name, address[1] if address else "") if plausible else None


def _end_of_level(line: str) -> int:
    level = _LEVEL.match(line)
    return level.end() if level else 0
