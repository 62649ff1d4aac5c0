"""Source files of imported frames: relative to the source tree, and which belong to the C library."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable

from analyzer.backtraces.stacks import ImportedFrame

C_LIBRARY = "libc.so.6"
# How glibc's own debug information names its sources.
_OF_C_LIBRARY = re.compile(
    r"(?:\.\./|\./)?(?:sysdeps|nptl)/|(?:\.\./|\./)(?:csu|elf|io|libio|malloc|misc|posix|setjmp|signal|socket|stdlib|"
    r"string|time|debug)/[\w-]+\.[chS]$"
)
_OF_THE_SYSTEM = ("/usr/include/", "/usr/lib/", "/usr/src/")


def source_root(files: Iterable[str]) -> str:
    """The absolute path of the source tree that `files` belong to; "" when no absolute path shows it.

    It is the common folder of all absolute paths, without system headers; of several trees that with most files.
    All absolute paths may be in one part of the tree: then the root ends before the last of its folders that a
    relative path begins with.
    """
    plain = {os.path.normpath(file) for file in files if file}
    absolute = [file for file in plain if file.startswith("/") and not file.startswith(_OF_THE_SYSTEM)]
    if not absolute:
        return ""
    trees = Counter(tuple(file.split("/")[1:3]) for file in absolute)
    tree = min(trees, key=lambda one: (-trees[one], one))
    folders = [os.path.dirname(file) for file in absolute if tuple(file.split("/")[1:3]) == tree]  # noqa: PTH120
    parts = os.path.commonpath(folders).split("/")
    tops = {top for file in plain if (top := _top(file))}
    for position in reversed(range(2, len(parts))):
        if parts[position] in tops:
            return "/".join(parts[:position])
    root = "/".join(parts)
    return "" if root == "/" else root


def _top(file: str) -> str:
    """The first folder of a relative path; "" for an absolute path or a bare file name."""
    inner = re.sub(r"^(?:\.\./)+", "", file)
    return inner.split("/")[0] if "/" in inner and not inner.startswith("/") else ""


def placed(frame: ImportedFrame, root: str) -> ImportedFrame:
    """The frame with its file relative to `root`; a file of glibc's sources sets the library as well."""
    if not frame.file:
        return frame
    if not frame.library and _OF_C_LIBRARY.match(frame.file):
        return frame._replace(library=C_LIBRARY)
    file = os.path.normpath(frame.file)
    if root and file.startswith(root + "/"):
        file = file[len(root) + 1 :]
    return frame._replace(file=re.sub(r"^(?:\.\./)+", "", file))
