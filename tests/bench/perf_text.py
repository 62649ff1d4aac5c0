"""Writes the stops of a recording as the text of `perf script`, which other programs read, too."""

from __future__ import annotations

from dataclasses import dataclass, field

from gdbscripts.enums import FrameKind
from gdbscripts.records import FrameRecord, Record, StackRecord, StopRecord, ThreadRecord

_PROGRAM = "/usr/bin/qemu-system-x86_64"


@dataclass
class PerfText:
    """Takes the records of a recording in their order; texts of threads, frames and stacks by number."""

    _threads: dict[int, int] = field(default_factory=dict)
    _frames: dict[int, str] = field(default_factory=dict)
    _stacks: dict[int, str] = field(default_factory=dict)

    def text_of(self, record: Record) -> str:
        """The sample of a stop: a header line, a line for each frame, innermost first, and an empty line.

        "" for other records.
        """
        match record:
            case StopRecord():
                header = (
                    f"qemu-system-x86 {self._threads[record.thread]} [000] {1000 + record.time:.6f}: probe:stop:"
                )
                return f"{header}\n{self._stacks[record.stack]}\n"
            case StackRecord():
                self._stacks[record.number] = "".join(self._frames[number] for number in record.frames)
            case FrameRecord():
                self._frames[record.number] = _line(record)
            case ThreadRecord():
                self._threads[record.number] = record.tid
            case _:
                pass
        return ""


def _line(frame: FrameRecord) -> str:
    module = "inlined" if frame.kind is FrameKind.INLINE else frame.library or _PROGRAM
    return f"\t{frame.pc:16x} {frame.function}+0x{frame.pc & 0xFF:x} ({module})\n"
