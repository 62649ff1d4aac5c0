"""Reads what QEMU and its guest printed into files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from gdbscripts.records import NoteRecord, OutputRecord

_MAX_LENGTH = 1 << 20  # characters recorded of each stream
_MESSAGE_LENGTH = 600  # characters


def output_records(streams: Mapping[str, Path]) -> Iterator[OutputRecord | NoteRecord]:
    """A record of each stream, given its file by name, and a note where only the beginning is recorded."""
    for stream, path in streams.items():
        text = output_text(path)
        yield OutputRecord(stream, text)
        if len(text) == _MAX_LENGTH and (size := path.stat().st_size) > _MAX_LENGTH:
            yield NoteRecord(
                f"{stream} of QEMU has {size:,} bytes; the first {_MAX_LENGTH:,} characters are recorded."
            )


def output_text(path: Path) -> str:
    """The beginning of a stream's file, at most 2^20 characters; "" when there is no such file."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read(_MAX_LENGTH)
    except FileNotFoundError:
        return ""


def last_output(path: Path) -> str:
    """The last 600 characters of a stream's file in one line, for a message; "" when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8 * _MESSAGE_LENGTH))
            return " ".join(file.read().decode(errors="replace").split())[-_MESSAGE_LENGTH:]
    except FileNotFoundError:
        return ""
