"""Source files of imported frames: relative to the source tree, and which belong to the C library."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analyzer.backtraces.stacks import ImportedFrame
from analyzer.recording.source_paths import relative, without_parent_folders

C_LIBRARY = "libc.so.6"
_HEADERS = (".h", ".hh", ".hpp", ".inc")  # files whose code is inlined or included elsewhere
# How glibc's own debug information names its sources.
_OF_C_LIBRARY = re.compile(
    r"(?:\.\./|\./)?(?:sysdeps|nptl)/|(?:\.\./|\./)(?:csu|elf|io|libio|malloc|misc|posix|setjmp|signal|socket|stdlib|"
    r"string|time|debug)/[\w-]+\.[chS]$"
)


def files_of_functions(frames: Iterable[ImportedFrame]) -> dict[str, str]:
    """Function -> the file that defines it, for functions of `frames` that have lines in a header and in one other
    file: the lines in the header are of code that was inlined."""
    files: dict[str, set[str]] = {}
    for frame in frames:
        if frame.file and not frame.library:
            files.setdefault(frame.name, set()).add(frame.file)
    sources = {name: [file for file in of_name if not file.endswith(_HEADERS)] for name, of_name in files.items()}
    return {name: found[0] for name, found in sources.items() if len(found) == 1 < len(files[name])}


def placed(frame: ImportedFrame, root: str) -> ImportedFrame:
    """The frame with its file relative to `root`; a file of glibc's sources sets the library as well."""
    if not frame.file:
        return frame
    if not frame.library and _OF_C_LIBRARY.match(frame.file):
        return frame._replace(library=C_LIBRARY)
    return frame._replace(file=without_parent_folders(relative(frame.file, root)))
