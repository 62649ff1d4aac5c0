"""Reads source files whose names come from debug information, which is untrusted. Shared by both sides.

The name can be that of any file: `#line 1 "/etc/shadow"` in a source makes the compiler record it. A FIFO would
block the reader, and a device would fill the memory.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from typing import List, Tuple

SUFFIXES = frozenset(
    (".c", ".h", ".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".def", ".s", ".asm", ".rs")
)
"""The suffixes of source code, in lower case; files with others are not read."""
MAX_SIZE = 1 << 24  # bytes; the largest generated sources of QEMU have a tenth of it
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a FIFO must not block


class SourceFileError(OSError):
    """The file exists and is not read: it is no source code, no regular file, or too large."""


def read_source(file: str) -> List[str]:
    """Return the lines of the source file with the absolute path `file`, without line ends.

    No symbolic link is followed: callers pass a path that `os.path.realpath` returned, so that what it was
    resolved to is what is opened. Raises OSError, SourceFileError for a file that this program must not read.
    """
    if os.path.splitext(file)[1].lower() not in SUFFIXES:
        raise SourceFileError("%s has no suffix of source code" % file)
    descriptor = _open_without_links(file)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SourceFileError("%s is no regular file" % file)
        if status.st_size > MAX_SIZE:
            raise SourceFileError("%s is larger than %d bytes" % (file, MAX_SIZE))
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(MAX_SIZE).decode("utf-8", "replace").splitlines()
    finally:
        os.close(descriptor)


def source_line(file: str, number: int) -> str:
    """Return line `number`, from 1, of a source file; "" when the file cannot be read or has no such line."""
    lines = _cached_lines(file)
    return lines[number - 1] if 1 <= number <= len(lines) else ""


@lru_cache(maxsize=64)
def _cached_lines(file: str) -> Tuple[str, ...]:
    try:
        return tuple(read_source(os.path.realpath(file)))
    except (OSError, ValueError):  # ValueError: a NUL character in the name
        return ()


def _open_without_links(file: str) -> int:
    """Open an absolute path component by component, so that nobody can put a link into it meanwhile."""
    *folders, name = [part for part in file.split("/") if part]
    current = os.open("/", _FOLDER)
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=current)
            os.close(current)
            current = below
        return os.open(name, _FILE, dir_fd=current)
    finally:
        os.close(current)
