"""Source files of imported frames: relative to the source tree, and which belong to the C library."""

from __future__ import annotations

import re

from analyzer.backtraces.stacks import ImportedFrame
from analyzer.recording.source_paths import relative, without_parent_folders

C_LIBRARY = "libc.so.6"
# How glibc's own debug information names its sources.
_OF_C_LIBRARY = re.compile(
    r"(?:\.\./|\./)?(?:sysdeps|nptl)/|(?:\.\./|\./)(?:csu|elf|io|libio|malloc|misc|posix|setjmp|signal|socket|stdlib|"
    r"string|time|debug)/[\w-]+\.[chS]$"
)


def placed(frame: ImportedFrame, root: str) -> ImportedFrame:
    """The frame with its file relative to `root`; a file of glibc's sources sets the library as well."""
    if not frame.file:
        return frame
    if not frame.library and _OF_C_LIBRARY.match(frame.file):
        return frame._replace(library=C_LIBRARY)
    return frame._replace(file=without_parent_folders(relative(frame.file, root)))
