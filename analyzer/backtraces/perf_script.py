"""`perf script`: a line about the sample, then its stack, innermost first, then an empty line.

Addresses are left out: they differ from sample to sample, and equal stacks are to be counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from analyzer.backtraces.line_cleanup import clean_line
from analyzer.backtraces.stacks import (
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    append,
    bounded,
)
from analyzer.text import last_parenthesis
from gdbscripts.enums import FrameKind
from gdbscripts.records import KERNEL_LIBRARY

_LONGEST_HEADER = 2000  # characters
_REMEMBERED, _NOT_LONGER = 50_000, 400  # functions whose frame is kept at hand, and characters of them
_HEADER = re.compile(
    r"(?P<comm>\S.{0,63}?)\s+(?P<pid>-?\d{1,9})(?:/(?P<tid>-?\d{1,9}))?\s+(?:\[\d{1,5}\]\s+)?"
    r"(?:(?!\d+\s)[\w.]{4,6}\s+)?(?P<time>\d{1,12}\.\d{1,9}):"
)
# What `-F` without `time` leaves of it. A period is ten columns wide or more; a number in a thread's name is not.
_TIMELESS = re.compile(
    r"(?P<comm>\S.{0,63}?) +(?P<pid>-?\d{1,9})(?:/(?P<tid>-?\d{1,9}))?(?: +\[\d{1,5}\])?"
    r"(?: (?=[ \d]{10}) *\d{1,20})?(?: +\S{1,200}:)?$"
)
_FRAME = re.compile(r"\s+(?=[0-9a-f])(?=[a-f]*\d|[a-f]{8}|.*\)\s*$)([0-9a-f]{1,16}) +(\S.*)$")
_SURELY_FRAME = re.compile(r"\s+(?=[a-f]*\d)[0-9a-f]{4,16} +\S")
_SOURCE = re.compile(r"\s+(\S[^\n]{0,1000}):(\d{1,9})$")
_NO_SOURCE = re.compile(
    r"\s+\S[^\n]{0,1000}\[[0-9a-f]{1,16}\]$|\s+:0$"
)  # what srcline says of an address without one
_UNKNOWN = ("", "[unknown]", "[.]")
_INLINED = "(inlined)"
_OF_PROGRAM = ("[vdso]", "[vsyscall]", "[heap]", "[stack]", "[anon]", "[unknown]", "//anon")


def sampled(line: str, following: str) -> bool:
    """Whether a line is about a sample, and the following one the first frame of its stack."""
    if len(line) > _LONGEST_HEADER:
        return False
    timeless = _TIMELESS.match(line.rstrip()) and _SURELY_FRAME.match(following)
    return bool(timeless or (_HEADER.match(line) and _FRAME.match(following)))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks of the samples that have one, each as soon as it is whole."""
    frames: list[ImportedFrame] = []
    at_hand = lru_cache(_REMEMBERED)(_frame)
    header: tuple[ThreadLabel, float] | None = None
    began: float | None = None
    for number, raw in enumerate(lines, 1):
        found = _FRAME.match(raw) or _FRAME.match(clean_line(raw))
        if found is not None and header is not None:
            symbol, _, rest = found[2].partition("+0x")
            short = len(found[2]) <= _NOT_LONGER
            append(frames, (at_hand if short else _frame)(symbol, rest.partition(" ")[2], _is_high(found[1])))
        elif not raw.strip():
            yield from _whole(header, frames)
            header, frames = None, []
        elif frames and (placed := _placed(frames[-1], clean_line(raw))) is not None:
            frames[-1] = placed
        elif found is None and (told := _header(clean_line(raw), began is None and not frames)) is not None:
            yield from _whole(header, frames)
            thread, time = told
            began = time if began is None else began
            header, frames = (thread, (time or 0.0) - (began or 0.0)), []
        elif not raw.startswith("#"):  # perf's own remarks on the recording
            unread.add(number, clean_line(raw[:_LONGEST_HEADER]))
            frames += [UNKNOWN_FRAME] if frames and not frames[-1].is_unknown else []
    yield from _whole(header, frames)


def _whole(header: tuple[ThreadLabel, float] | None, frames: list[ImportedFrame]) -> Iterator[ImportedStack]:
    if header is not None and frames:
        inlined = any(frame.kind is FrameKind.INLINE for frame in frames)
        yield ImportedStack(
            bounded(_in_libraries(frames) if inlined else frames), header[0], time=max(0.0, header[1])
        )


def _in_libraries(frames: list[ImportedFrame]) -> list[ImportedFrame]:
    """The frames with those inlined in the library of the function that they are part of."""
    whole: list[ImportedFrame] = []
    for frame in reversed(frames):
        inlined = frame.kind is FrameKind.INLINE and whole
        whole.append(frame._replace(library=whole[-1].library) if inlined else frame)
    return whole[::-1]


def _header(line: str, timeless: bool) -> tuple[ThreadLabel, float | None] | None:
    """The thread, and the time if it is told; only where a line may be `timeless` it need not be."""
    if len(line) > _LONGEST_HEADER:
        return None
    sample = _HEADER.match(line) or (_TIMELESS.match(line.rstrip()) if timeless else None)
    if sample is None:
        return None
    pid, tid = sample["pid"], sample["tid"]
    main = pid == tid if tid is not None else None
    thread = ThreadLabel(tid=max(0, int(tid or pid)), name=sample["comm"].strip(), main=main)
    time = sample.groupdict().get("time")
    return thread, float(time) if time else None


def _placed(frame: ImportedFrame, line: str) -> ImportedFrame | None:
    """The frame with the line of source that is told below it, with the mark of an inlined one behind."""
    text = line.removesuffix(f" {_INLINED}")
    inlined = frame if text == line else frame._replace(kind=FrameKind.INLINE)
    if place := _SOURCE.match(text):
        return inlined._replace(file=place[1], line=int(place[2]))
    return inlined if _NO_SOURCE.match(text) else None


def _is_high(address: str) -> bool:
    """Whether it is an address of the kernel, as far as an address tells."""
    return len(address) == 16 and address.startswith("ffff")


def _frame(symbol: str, rest: str, high: bool) -> ImportedFrame:
    """The frame in `address+0x12 (/usr/bin/program)`: what is before the offset and what behind it.

    Without an offset all is in `symbol`; the module may be missing.
    """
    name, module = (symbol, rest) if rest else _without_module(symbol)
    name, module = clean_line(name).strip(), clean_line(module).strip()
    if name in _UNKNOWN:
        return UNKNOWN_FRAME
    if module == _INLINED:
        return ImportedFrame(name, kind=FrameKind.INLINE)
    return ImportedFrame(name, library=_library(module[1:-1], high))


def _without_module(text: str) -> tuple[str, str]:
    """A name of C++ may end in a parenthesis, but not in one of its own behind a space."""
    opened = last_parenthesis(text.rstrip()) if text.rstrip().endswith(")") else -1
    split = opened == 0 or (opened > 0 and text[opened - 1] == " ")
    return (text[:opened], text[opened:]) if split else (text, "")


def _library(module: str, high: bool) -> str:
    """The library a module is, the kernel among them; "" for the program itself."""
    if module.endswith((".ko", ".ko.xz", ".ko.zst", ".ko.gz")) or (
        module.startswith("[") and not module.startswith(_OF_PROGRAM)
    ):
        return KERNEL_LIBRARY
    if not module or module == "[unknown]":
        return KERNEL_LIBRARY if high else ""
    return module if ".so" in module.rpartition("/")[2] else ""
