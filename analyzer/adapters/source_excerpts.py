"""Reads the source lines around each frame, so that a recording can be shown without the source tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from gdbscripts.records import SourceRecord

_CONTEXT_LINES = 3  # lines before and after the call
_MAX_LINE_LENGTH = 300  # characters; longer lines are cut


def source_excerpts(
    files: Mapping[str, Iterable[int]], fetch: Callable[[str], Path | None] | None = None
) -> Iterator[SourceRecord]:
    """Read the lines around each given line.

    `files` maps an absolute path to line numbers, from 1. Yields one record per range of lines; ranges that touch
    are joined. `fetch` finds a copy of a file that is not here. Files that cannot be read yield nothing.
    """
    for file in sorted(files):
        # normpath does not follow the build folder, which may be deleted, as in build/../hw/x.c
        text = _lines(Path(os.path.normpath(file)))
        if text is None and fetch is not None and (copy := fetch(file)) is not None:
            text = _lines(copy)
        if text is None:
            continue
        for first, last in _ranges(files[file], len(text)):
            yield SourceRecord(file, first, [line[:_MAX_LINE_LENGTH] for line in text[first - 1 : last]])


def _lines(file: Path) -> list[str] | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None


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
