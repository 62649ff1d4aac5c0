"""Reads the output of `perf script`: for each sample a header line, its stack, innermost first, an empty line.

Addresses are ignored, since they differ between samples of equal stacks, which are merged. The kernel's
tools/perf/builtin-script.c prints the format.
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
    append_frame,
    limit_depth,
    reaches_start,
)
from analyzer.text import opening_parenthesis
from gdbscripts.enums import FrameKind
from gdbscripts.records import KERNEL_LIBRARY

_MAX_HEADER_LENGTH = 2000  # characters
_CACHED_FRAMES = 50_000
_MAX_CACHED_LENGTH = 400  # characters of a frame
_HEADER = re.compile(
    r"(?P<comm>\S.{0,63}?)\s+(?P<pid>-?\d{1,9})(?:/(?P<tid>-?\d{1,9}))?\s+(?:\[\d{1,5}\]\s+)?"
    r"(?:(?!\d+\s)[\w.]{4,6}\s+)?(?P<time>\d{1,12}\.\d{1,9}):"
)
# The header without a time (perf script -F without `time`). A period is ten columns wide or more, unlike a number
# in a thread's name.
_TIMELESS = re.compile(
    r"(?P<comm>\S.{0,63}?) +(?P<pid>-?\d{1,9})(?:/(?P<tid>-?\d{1,9}))?(?: +\[\d{1,5}\])?"
    r"(?: (?=[ \d]{10}) *\d{1,20})?(?: +\S{1,200}:)?$"
)
_FRAME = re.compile(r"\s+(?=[0-9a-f])(?=[a-f]*\d|[a-f]{8}|.*\)\s*$)([0-9a-f]{1,16}) +(\S.*)$")
_SURELY_FRAME = re.compile(r"\s+(?=[a-f]*\d)[0-9a-f]{4,16} +\S")
_SOURCE = re.compile(r"\s+(\S[^\n]{0,1000}):(\d{1,9})$")
# What `-F srcline` prints for an address without a source line.
_NO_SOURCE = re.compile(r"\s+\S[^\n]{0,1000}\[[0-9a-f]{1,16}\]$|\s+:0$")
_UNKNOWN = ("", "[unknown]", "[.]")
_INLINED = "(inlined)"
_OF_PROGRAM = ("[vdso]", "[vsyscall]", "[heap]", "[stack]", "[anon]", "[unknown]", "//anon")


def sampled(line: str, following: str) -> bool:
    """Whether `line` is the header of a sample and `following` the first frame of its stack."""
    if len(line) > _MAX_HEADER_LENGTH:
        return False
    timeless = _TIMELESS.match(line.rstrip()) and _SURELY_FRAME.match(following)
    return bool(timeless or (_HEADER.match(line) and _FRAME.match(following)))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks of the samples in `lines`, each once it is complete; lines not understood go to `unread`."""
    frames: list[ImportedFrame] = []
    cached_frame = lru_cache(_CACHED_FRAMES)(_frame)
    header: tuple[ThreadLabel, float] | None = None
    start_time: float | None = None  # of the first sample
    raw = "\n"
    for number, raw in enumerate(lines, 1):
        found = _FRAME.match(raw) or _FRAME.match(clean_line(raw))
        if found is not None and header is not None:
            symbol, _, rest = found[2].partition("+0x")
            short = len(found[2]) <= _MAX_CACHED_LENGTH
            append_frame(
                frames, (cached_frame if short else _frame)(symbol, rest.partition(" ")[2], _is_high(found[1]))
            )
        elif not raw.strip():
            if raw.endswith("\n") or not raw:  # otherwise the next frame's line is cut
                yield from _stack(header, frames)
                header, frames = None, []
        elif frames and (located := _with_source(frames[-1], clean_line(raw))) is not None:
            frames[-1] = located
        elif found is None and (parsed := _header(clean_line(raw), start_time is None and not frames)) is not None:
            yield from _stack(header, frames)
            thread, time = parsed
            start_time = time if start_time is None else start_time
            header, frames = (thread, (time or 0.0) - (start_time or 0.0)), []
        elif not raw.startswith("#"):  # comments of perf
            unread.add(number, clean_line(raw[:_MAX_HEADER_LENGTH]))
            frames += [UNKNOWN_FRAME] if frames and not frames[-1].is_unknown else []
    if frames and raw.strip() and not raw.endswith((")", "\n")):
        frames.pop()  # its name may be cut
    yield from _stack(header, frames, ended=False)


def _stack(
    header: tuple[ThreadLabel, float] | None, frames: list[ImportedFrame], ended: bool = True
) -> Iterator[ImportedStack]:
    """The stack of a sample; it is open-ended when the text ends without the empty line that ends a sample."""
    if header is not None and frames:
        inlined = any(frame.kind is FrameKind.INLINE for frame in frames)
        yield ImportedStack(
            limit_depth(_in_libraries(frames) if inlined else frames), header[0], time=max(0.0, header[1]),
            open_ended=not ended and not reaches_start(frames),
        )  # fmt: skip


def _in_libraries(frames: list[ImportedFrame]) -> list[ImportedFrame]:
    """The frames with each inlined one in the library of the function that it is inlined into."""
    located: list[ImportedFrame] = []
    for frame in reversed(frames):
        inlined = frame.kind is FrameKind.INLINE and located
        located.append(frame._replace(library=located[-1].library) if inlined else frame)
    return located[::-1]


def _header(line: str, timeless: bool) -> tuple[ThreadLabel, float | None] | None:
    """Parse a header: (thread, seconds or None); None for other lines. `timeless` allows one without time."""
    if len(line) > _MAX_HEADER_LENGTH:
        return None
    sample = _HEADER.match(line) or (_TIMELESS.match(line.rstrip()) if timeless else None)
    if sample is None:
        return None
    pid, tid = sample["pid"], sample["tid"]
    main = pid == tid if tid is not None else None
    thread = ThreadLabel(tid=max(0, int(tid or pid)), name=sample["comm"].strip(), main=main)
    time = sample.groupdict().get("time")
    return thread, float(time) if time else None


def _with_source(frame: ImportedFrame, line: str) -> ImportedFrame | None:
    """Add the source location in `line`, which follows `frame`, to the frame; None when `line` has none."""
    text = line.removesuffix(f" {_INLINED}")
    inlined = frame if text == line else frame._replace(kind=FrameKind.INLINE)
    if place := _SOURCE.match(text):
        return inlined._replace(file=place[1], line=int(place[2]))
    return inlined if _NO_SOURCE.match(text) else None


def _is_high(address: str) -> bool:
    """Whether `address` (hexadecimal) is in the kernel's half of the address space of x86-64."""
    return len(address) == 16 and address.startswith("ffff")


def _frame(symbol: str, rest: str, high: bool) -> ImportedFrame:
    """The frame of `symbol+0x12 (/usr/bin/program)`: `symbol` is the text before the offset, `rest` that after.

    Without an offset all text is in `symbol`; the module may be missing.
    """
    name, module = (symbol, rest) if rest else _without_module(symbol)
    name, module = clean_line(name).strip(), clean_line(module).strip()
    if name in _UNKNOWN:
        return UNKNOWN_FRAME
    if module == _INLINED:
        return ImportedFrame(name, kind=FrameKind.INLINE)
    return ImportedFrame(name, library=_library(module[1:-1], high))


def _without_module(text: str) -> tuple[str, str]:
    """Split `name (module)`: a C++ name may end in a parenthesis, but not in one that follows a space."""
    opened = opening_parenthesis(text.rstrip()) if text.rstrip().endswith(")") else -1
    split = opened == 0 or (opened > 0 and text[opened - 1] == " ")
    return (text[:opened], text[opened:]) if split else (text, "")


def _library(module: str, high: bool) -> str:
    """The library of a perf module (KERNEL_LIBRARY for the kernel and its modules); "" for the program itself."""
    if module.endswith((".ko", ".ko.xz", ".ko.zst", ".ko.gz")) or (
        module.startswith("[") and not module.startswith(_OF_PROGRAM)
    ):
        return KERNEL_LIBRARY
    if not module or module == "[unknown]":
        return KERNEL_LIBRARY if high else ""
    return module if ".so" in module.rpartition("/")[2] else ""
