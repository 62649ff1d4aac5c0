"""Reads bpftrace's maps whose keys have stacks: `@[kstack, ustack, comm]`, each with its count.

A kernel stack is inside the user stack of the same key. bpftrace does not say which of two stacks is the kernel's:
it is the one that ends in a function where the kernel is entered or a kernel thread starts, else the first one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import plain_line
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import (
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    append_frame,
    limit_depth,
)
from gdbscripts.records import KERNEL_LIBRARY

_START = re.compile(r"@\w{0,100}\[([^\n]{0,500})$")
_END = re.compile(r"([^\n]{0,500})\]: ?(\d{1,18})?$")
_FRAME = re.compile(r" {1,40}(?:0x)?(?:([0-9a-f]{1,16}) )?(\S.{0,5000}?)\+(\d{1,12})(?: \((\S.{0,1000})\))?$")
_UNKNOWN = re.compile(r" {1,40}0x[0-9a-f]{1,16}(?: \(.{0,1000}\))?$|  +\[?unknown\]?$")
_BUCKET = re.compile(r"[\[(][\d.KMGT-]{1,12}(?:, [\d.KMGT]{1,12})?[\])] +(\d{1,18}) *\|")
_OTHER = re.compile(r"Attach(?:ing|ed) (?:to )?\d|\^C|@\w{0,100}: |Lost \d|stdin:|WARNING: ")
_KERNEL_ENTRY = re.compile(
    r"(?:entry_|asm_|do_syscall_|ret_from_fork|secondary_startup|x86_64_start|start_kernel|cpu_startup_entry|kthread$|"
    r"el[01]\w{0,10}_|arch_cpu_idle)"
)
_MAX_ENDS = 4  # outermost frames that are looked at


def recognises(line: str) -> bool:
    """Whether `line` begins a key that continues on the next line."""
    return bool(_START.match(line)) and not _END.match(line)


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """A stack for each key; lines not understood go to `unread`."""
    key: _Key | None = None
    for number, raw in enumerate(lines, 1):
        line = plain_line(raw)
        if key is not None and key.ended and (bucket := _BUCKET.match(line)):
            key.count += int(bucket[1])
        elif recognises(line):
            yield from key.stack() if key else ()
            key = _Key(line.partition("[")[2])
        elif key is None or key.ended or not key.takes(line):
            if key is not None and not key.ended:
                key.missing_frame()
            if line.strip() and not _OTHER.match(line):
                unread.add(number, line)
    yield from key.stack() if key else ()


class _Key:
    """A key of a map while it is read; `count` is its value, the sum of the buckets for a histogram."""

    def __init__(self, words: str) -> None:
        self._stacks: list[list[ImportedFrame]] = [[]]
        self._words = words
        self.count = 0
        self.ended = False

    def takes(self, line: str) -> bool:
        """Add a line to the key; returns whether it is a part of it."""
        if frame := _FRAME.match(line):
            append_frame(self._stacks[-1], frame_of(frame[2], module=frame[4] or ""))
        elif _UNKNOWN.match(line):
            append_frame(self._stacks[-1], frame_of(""))
        elif end := _END.match(line):
            self._words, self.ended, self.count = f"{self._words}{end[1]}", True, int(end[2] or 0)
        elif line.lstrip().startswith(",") and len(line) < 500 and len(self._stacks) < 3:
            self._words += line.strip()
            self._stacks.append([])
        else:
            return not line.strip()
        return True

    def missing_frame(self) -> None:
        """Note that a line between the frames was not understood."""
        append_frame(self._stacks[-1], frame_of(""))

    def stack(self) -> Iterator[ImportedStack]:
        """The stack of the key, innermost first, when the key is complete and was hit."""
        stacks = [frames for frames in self._stacks if frames]
        if not stacks or not self.count:
            return
        in_kernel = [_is_kernel(frames) for frames in stacks]
        if len(stacks) > 1 and not any(in_kernel):
            in_kernel[0] = True
        kernel = [
            _of_kernel(f) for frames, inside in zip(stacks, in_kernel, strict=True) if inside for f in frames
        ]
        user = [f for frames, inside in zip(stacks, in_kernel, strict=True) if not inside for f in frames]
        yield ImportedStack(limit_depth(kernel + user), _thread(self._words), times=self.count)


def _is_kernel(frames: list[ImportedFrame]) -> bool:
    return any(_KERNEL_ENTRY.match(frame.name) for frame in frames[-_MAX_ENDS:])


def _of_kernel(frame: ImportedFrame) -> ImportedFrame:
    return frame if frame.is_unknown else frame._replace(library=KERNEL_LIBRARY)


def _thread(words: str) -> ThreadLabel | None:
    """The thread by the other parts of the key: a number is its id, other text its name."""
    parts = [part.strip() for part in words.split(",") if part.strip()]
    name = next((part for part in parts if not part.isdecimal()), "")
    numbers = [int(part) for part in parts if part.isdecimal() and len(part) < 10]
    return ThreadLabel(tid=numbers[-1] if numbers else 0, name=name) if name or numbers else None
