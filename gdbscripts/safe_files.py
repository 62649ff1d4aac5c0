"""Opens files for writing without following links: shared by both sides, standard library only.

Who can write into the folder of a file can put a link, a FIFO or a device in its place; a program that runs as
root must not write through it.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import IO, Optional

_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def create(path: str, folder: Optional[int] = None) -> IO[str]:
    """Create the file `path` for text in UTF-8, and open it for writing; lone surrogates are escaped.

    A relative `path` is in the folder of the descriptor `folder`, None for the current one. Raises FileExistsError
    when something has this name, a link included, and other OSErrors as `os.open`.
    """
    descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder)
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace")


def append(path: str) -> IO[str]:
    """Open the existing file `path` to append text in UTF-8.

    Raises OSError for a link, for anything but a regular file, and for a file that has a second name.
    """
    descriptor = os.open(path, _FLAGS | os.O_APPEND)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EPERM, "it is not a regular file with one name", path)
    return open(descriptor, "a", encoding="utf-8")
