"""Reads the source lines around each frame, so that a recording can be shown without the source tree.

The names of the files come from the program's debug information, which is untrusted: only source code below the
source roots is read, see `gdbscripts/source_files.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from analyzer.adapters.bounded_files import read_bounded
from gdbscripts.records import NoteRecord, SourceRecord
from gdbscripts.source_files import read_source

_CONTEXT_LINES = 3  # lines before and after the call
_MAX_LINE_LENGTH = 300  # characters; longer lines are cut
_SYSTEM_HEADERS = Path("/usr/include")
_ABOVE = 3  # folders above a program: old trees put the emulator into build/x86_64-softmmu
_FILES_OF_QEMU_TREE = ("VERSION", "configure", "qemu-options.hx")
_SOURCE_PATH = re.compile(r"^SRC_PATH=(/.*)$", re.MULTILINE)
_MAX_CONFIGURATION = 1 << 20  # characters of config-host.mak


def source_roots_of(program: Path) -> tuple[Path, ...]:
    """The folders that may hold the sources of a QEMU, found from its program, not from its debug information.

    They are the QEMU source tree that the program lies in, as in qemu/build/qemu-system-x86_64; else its build
    folder, with the source tree that `config-host.mak` there names as SRC_PATH, as in an out-of-tree build. A
    folder is a QEMU source tree when it has VERSION, configure and qemu-options.hx. Empty for an installed QEMU.
    """
    roots: dict[Path, None] = {}
    for folder in list(program.resolve().parents)[: _ABOVE + 1]:
        if _is_qemu_tree(folder):
            roots[folder] = None
        if tree := _configured_tree(folder):
            roots.update({folder: None, tree: None})
    return tuple(roots)


def source_excerpts(
    files: Mapping[str, Iterable[int]], roots: Sequence[Path], fetch: Callable[[str], Path | None] | None = None
) -> Iterator[SourceRecord | NoteRecord]:
    """Read the lines around each given line, of source files below `roots` and of headers in /usr/include.

    `files` maps an absolute path to line numbers, from 1. Yields one record per range of lines; ranges that touch
    are joined. `fetch` finds a copy of a file that cannot be read here. Files that do not exist yield nothing; for
    files that exist and are left out, one note follows.
    """
    real_roots = [os.path.realpath(root) for root in (*roots, _SYSTEM_HEADERS)]
    left_out: list[str] = []
    for file in sorted(files):
        text = _text(file, real_roots)
        if text is None and fetch is not None and (copy := fetch(file)) is not None:
            text = _read(os.path.realpath(copy))
        if text is None:
            if _exists(file):
                left_out.append(file)
            continue
        for first, last in _ranges(files[file], len(text)):
            yield SourceRecord(file, first, [line[:_MAX_LINE_LENGTH] for line in text[first - 1 : last]])
    if left_out:
        yield _note(left_out)


def _text(file: str, real_roots: Sequence[str]) -> list[str] | None:
    """The lines of a source file below one of the roots; None for any other file."""
    path = _real_path(file)
    return _read(path) if any(path.startswith(root.rstrip("/") + "/") for root in real_roots) else None


def _read(path: str) -> list[str] | None:
    try:
        return read_source(path)
    except (OSError, ValueError):  # ValueError: a NUL character in the name
        return None


def _exists(file: str) -> bool:
    path = _real_path(file)
    return bool(path) and os.path.exists(path)  # noqa: PTH110 - a text, which may not be a valid path


def _real_path(file: str) -> str:
    """The path without links; "" for a relative one, as in the debug information of libraries."""
    try:
        # normpath does not follow the build folder, which may be deleted, as in build/../hw/x.c
        return os.path.realpath(os.path.normpath(file)) if file.startswith("/") else ""
    except ValueError:  # a NUL character
        return ""


def _note(left_out: Sequence[str]) -> NoteRecord:
    count = f"{len(left_out)} file" + ("s, such as" if len(left_out) > 1 else ",")
    return NoteRecord(
        f"No source lines are recorded of {count} {left_out[0]}: only source code below QEMU's source tree is "
        "read. To name the folder of the sources, give --source-root DIR."
    )


def _is_qemu_tree(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _FILES_OF_QEMU_TREE)


def _configured_tree(build: Path) -> Path | None:
    """The QEMU source tree of a build folder; None when `build` is none, or what it names is no QEMU tree."""
    try:
        named = _SOURCE_PATH.search(read_bounded(build / "config-host.mak", _MAX_CONFIGURATION))
    except OSError:
        return None
    tree = Path(named[1]) if named else None
    return tree.resolve() if tree and _is_qemu_tree(tree) else None


def _ranges(lines: Iterable[int], length: int) -> Iterator[tuple[int, int]]:
    """Ranges (first, last) of lines around `lines`, from 1 and inclusive; ranges that touch are joined."""
    start = end = 0
    for line in sorted(set(lines)):
        if not 1 <= line <= length:
            continue
        first, last = max(1, line - _CONTEXT_LINES), min(length, line + _CONTEXT_LINES)
        if end and first <= end + 1:
            end = last
            continue
        if end:
            yield start, end
        start, end = first, last
    if end:
        yield start, end
