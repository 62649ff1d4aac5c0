"""Reads the crash reports of macOS 12 and later (`.ips`): a line of JSON, then the report as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.backtraces.json_text import json_documents, number_at, objects_at, text_at
from analyzer.backtraces.macos_crash import mac_frame, mac_thread
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, UnreadLines, limit_depth
from gdbscripts.enums import FrameKind

_MAX_LINE = 1_000_000_000
_SIGN = re.compile(r'"(?:bug_type|usedImages|imageOffset|faultingThread)" ?:')


def recognises(line: str) -> bool:
    """Whether `line` has a key that only these reports have."""
    return bool(_SIGN.search(line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each thread; a report that is no JSON goes to `unread`."""
    reports = [document for document in json_documents(lines) if objects_at(document, "threads")]
    if not reports:
        unread.add(1, "no list of threads in this JSON")
    for report in reports:
        images = [text_at(image, "name") for image in objects_at(report, "usedImages")]
        process = text_at(report, "procName")
        for number, thread in enumerate(objects_at(report, "threads")):
            frames = [_frame(frame, images, process) for frame in objects_at(thread, "frames")]
            if frames:
                yield ImportedStack(limit_depth(frames), mac_thread(number, text_at(thread, "name")))


def _frame(frame: Any, images: list[str], process: str) -> ImportedFrame:
    index = number_at(frame, "imageIndex")
    read = mac_frame(text_at(frame, "symbol") or "???", images[index] if index < len(images) else "", process)
    line = number_at(frame, "sourceLine")
    if read.is_unknown:
        return read
    kind = FrameKind.INLINE if frame.get("inline") is True else FrameKind.NORMAL
    return read._replace(file=text_at(frame, "sourceFile"), line=line if line < _MAX_LINE else 0, kind=kind)
