"""Reads small files that others made: regular files only, and no more than a given number of characters."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class UnreadableFileError(OSError):
    """The file is no regular file, or too large; `strerror` says which."""


def is_device(path: Path) -> bool:
    """Whether the path is a device other than a terminal, which may have no end. OSError when unreadable."""
    mode = os.stat(str(path)).st_mode  # noqa: PTH116 - the text is the name in an OSError
    if not (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return not os.isatty(descriptor)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, most: int, errors: str = "replace") -> str:
    """The text of a file in UTF-8, of at most `most` characters; a byte order mark at its beginning is skipped.

    A FIFO does not block and a device is not read. Raises OSError (UnreadableFileError for the kind or the size),
    and with `errors` "strict" UnicodeDecodeError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, encoding="utf-8-sig", errors=errors) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableFileError(0, "it is no regular file", str(path))
        text = file.read(most + 1)
    if len(text) > most:
        raise UnreadableFileError(0, f"it has more than {most} characters", str(path))
    return text
