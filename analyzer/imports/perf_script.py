"""`perf script`: a line about the sample, then its stack, innermost first, then an empty line.

Addresses are left out: they differ from sample to sample, and equal stacks are to be counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.imports.lines import clean
from analyzer.imports.stacks import HOLE, Frame, Stack, ThreadLabel, Unread, append, bounded
from gdbscripts.wire import KERNEL_LIBRARY

_LONGEST_HEADER = 2000  # characters
_REMEMBERED = 50_000  # lines whose frame is kept at hand: mostly the same ones come again
HEADER = re.compile(
    r"(?P<comm>\S.{0,63}?)\s+(?P<pid>-?\d{1,9})(?:/(?P<tid>-?\d{1,9}))?\s+(?:\[\d{1,5}\]\s+)?(?:[\w.]{4,6}\s+)?"
    r"(?P<time>\d{1,12}\.\d{1,9}):"
)
_FRAME = re.compile(r"\s+([0-9a-f]{1,16}) +(\S.*)$")
FRAME_LINE = _FRAME
_OFFSET = re.compile(r"\+0x[0-9a-f]{1,16}$")
_SOURCE = re.compile(r"\s+(\S[^\n]{0,1000}):(\d{1,9})$")
_NO_SOURCE = re.compile(
    r"\s+\S[^\n]{0,1000}\[[0-9a-f]{1,16}\]$|\s+:0$"
)  # what srcline says of an address without one
_UNKNOWN = ("", "[unknown]", "[.]")
_OF_PROGRAM = ("[vdso]", "[vsyscall]", "[heap]", "[stack]", "[anon]", "[unknown]", "//anon", "[inlined]")


def read(lines: Iterable[str], unread: Unread) -> Iterator[Stack]:
    """The stacks of the samples that have one, each as soon as it is whole."""
    frames: list[Frame] = []
    known: dict[str, Frame] = {}
    header: tuple[ThreadLabel, float] | None = None
    began: float | None = None
    for number, raw in enumerate(lines, 1):
        frame = known.get(raw)
        if frame is None and raw[:1] in (" ", "\t") and (frame := _frame(clean(raw))) is not None:
            if len(known) >= _REMEMBERED:
                known.clear()
            known[raw] = frame
        if frame is not None and header is not None:
            append(frames, frame)
        elif frame is None and frames and (place := _SOURCE.match(raw.rstrip())):
            frames[-1] = frames[-1]._replace(file=place[1], line=int(place[2]))
        elif not raw.strip():
            yield from _whole(header, frames)
            header, frames = None, []
        elif frame is None and (found := _header(clean(raw))) is not None:
            yield from _whole(header, frames)
            began = found[1] if began is None else began
            header, frames = (found[0], found[1] - began), []
        elif not raw.startswith("#") and not (
            frames and _NO_SOURCE.match(raw.rstrip())
        ):  # perf's own remarks on the recording
            unread.add(number, clean(raw[:_LONGEST_HEADER]))
            frames += [HOLE] if frames and not frames[-1].is_hole else []
    yield from _whole(header, frames)


def _whole(header: tuple[ThreadLabel, float] | None, frames: list[Frame]) -> Iterator[Stack]:
    if header is not None and frames:
        yield Stack(bounded(frames), header[0], time=max(0.0, header[1]))


def _header(line: str) -> tuple[ThreadLabel, float] | None:
    sample = HEADER.match(line) if len(line) <= _LONGEST_HEADER else None
    if sample is None:
        return None
    pid, tid = sample["pid"], sample["tid"]
    main = pid == tid if tid is not None else None
    return ThreadLabel(tid=max(0, int(tid or pid)), name=sample["comm"].strip(), main=main), float(sample["time"])


def _frame(line: str) -> Frame | None:
    """The frame in `    55d0c0de address+0x12 (/usr/bin/program)`."""
    found = _FRAME.match(line)
    if found is None or not found[2].endswith(")"):
        return None
    symbol, opened, module = found[2][:-1].rpartition(" (")
    if not opened:
        symbol, module = "", found[2][1:-1] if found[2].startswith("(") else ""
    name = _OFFSET.sub("", symbol.strip())
    if name in _UNKNOWN:
        return HOLE
    if module == "inlined":
        return Frame(name, kind="inline")
    return Frame(name, library=_library(module))


def _library(module: str) -> str:
    """The library a module is, the kernel among them; "" for the program itself."""
    if module.endswith((".ko", ".ko.xz", ".ko.zst", ".ko.gz")) or (
        module.startswith("[") and not module.startswith(_OF_PROGRAM)
    ):
        return KERNEL_LIBRARY
    return module if ".so" in module.rpartition("/")[2] else ""
