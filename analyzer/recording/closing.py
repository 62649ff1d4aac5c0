"""Closes a recording without gdb, which has ended or hangs: cuts an incomplete last line, writes the footer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from analyzer.files import without_links
from gdbscripts.enums import RecordingOutcome
from gdbscripts.json_lines import to_line
from gdbscripts.records import EndRecord, FrameRecord, StopRecord

_BLOCK = 1 << 16  # bytes


def close_recording(path: Path, outcome: RecordingOutcome, reason: str) -> None:
    """Write the footer of the recording `path` with `outcome` and `reason`; gdb must have ended.

    The footer counts what the file has; one that is written stays. Raises OSError when the file cannot be read or
    written.
    """
    cut_incomplete_line(path)
    frames = stops = 0
    with open(path, "r+b", opener=without_links) as file:
        for line in file:
            if line.startswith(_beginning(EndRecord.TAG)):
                return
            frames += line.startswith(_beginning(FrameRecord.TAG))
            stops += line.startswith(_beginning(StopRecord.TAG))
        file.write(to_line(EndRecord(outcome, reason, frames, stops)).encode())


def cut_incomplete_line(path: Path) -> None:
    """Remove what follows the last line end of the file `path`; OSError when it cannot be read or written."""
    with open(path, "r+b", opener=without_links) as file:
        file.truncate(_end_of_last_line(file))


def _end_of_last_line(file: BinaryIO) -> int:
    """The position after the last line end, in bytes."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _beginning(tag: str) -> bytes:
    return f'{{"record": "{tag}"'.encode()
