"""Absolute paths of source files become relative to the source tree here and nowhere else. Pure."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable

_OF_THE_SYSTEM = ("/usr/include/", "/usr/lib/", "/usr/src/")
_PARENT_FOLDERS = re.compile(r"^(?:\.\./)+")


def normal_path(path: str) -> str:
    """`path` without `.`, `..` and repeated slashes, as the names of source files are compared."""
    return os.path.normpath(path)


def relative(file: str, *roots: str) -> str:
    """`file`, normalised and relative to the first of `roots` that it lies below; unchanged when below none."""
    plain = os.path.normpath(file) if file else ""
    below = (root for root in roots if root and plain.startswith(root + "/"))
    return plain.removeprefix(next((root + "/" for root in below), ""))


def without_parent_folders(file: str) -> str:
    """`../hw/x.c`, as a compiler names it that runs in a build folder, is `hw/x.c`."""
    return _PARENT_FOLDERS.sub("", file)


def source_root(files: Iterable[str]) -> str:
    """The deepest folder that all absolute paths in `files` have in common; "" when there is none but the root."""
    folders = {os.path.dirname(os.path.normpath(file)) for file in files if file.startswith("/")}  # noqa: PTH120
    root = os.path.commonpath(folders) if folders else ""
    return "" if root == "/" else root


def likely_source_root(files: Iterable[str]) -> str:
    """The absolute path of the source tree that `files` belong to; "" when no absolute path shows it.

    It is the common folder of all absolute paths, without system headers; of several trees that with most files.
    All absolute paths may be in one part of the tree: then the root ends before the last of its folders that a
    relative path begins with.
    """
    plain = {os.path.normpath(file) for file in files if file}
    absolute = [file for file in plain if file.startswith("/") and not file.startswith(_OF_THE_SYSTEM)]
    if not absolute:
        return ""
    trees = Counter(map(_tree, absolute))
    tree = min(trees, key=lambda one: (-trees[one], one))
    root = source_root(file for file in absolute if _tree(file) == tree)
    parts = root.split("/")
    tops = {top for file in plain if (top := _top(file))}
    deepest = max((position for position in range(2, len(parts)) if parts[position] in tops), default=len(parts))
    return "/".join(parts[:deepest])


def _tree(file: str) -> tuple[str, ...]:
    """The first two folders of an absolute path."""
    return tuple(file.split("/")[1:3])


def _top(file: str) -> str:
    """The first folder of a relative path; "" for an absolute path or a bare file name."""
    inner = without_parent_folders(file)
    return inner.split("/")[0] if "/" in inner and not inner.startswith("/") else ""
