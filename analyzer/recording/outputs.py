"""Reads what QEMU and its guest printed into files."""

from __future__ import annotations

from pathlib import Path

_MAX_LENGTH = 1 << 20  # characters recorded of each stream


def output_text(path: Path) -> str:
    """The beginning of a stream's file, at most 2^20 characters; "" when there is no such file."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read(_MAX_LENGTH)
    except FileNotFoundError:
        return ""


def last_output(path: Path) -> str:
    """The last 600 characters of it in one line, for a message."""
    return " ".join(output_text(path).split())[-600:]
