"""Reads the stacks that ABRT keeps: `core_backtrace` and the reports of satyr, of programs and of the kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.backtraces.json_text import json_documents, number_at, objects_at, text_at
from analyzer.backtraces.modules import frame_of
from analyzer.backtraces.stacks import (
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    limit_depth,
)
from gdbscripts.records import KERNEL_LIBRARY

_SIGN = re.compile(r'"(?:stacktrace|core_backtrace|crash_thread|function_name|build_id_offset)" *:')
_MAX_TID = 1 << 31


def recognises(line: str) -> bool:
    """Whether `line` has a key that only these reports have."""
    return bool(_SIGN.search(line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stack of each thread; a report that is no JSON goes to `unread`."""
    found = False
    for document in json_documents(lines):
        problem = document.get("problem", document) if isinstance(document, dict) else None
        kernel = text_at(problem, "type") in ("kerneloops", "koops")
        threads = (
            objects_at(problem, "stacktrace") or objects_at(problem, "threads") or ([problem] if problem else [])
        )
        for thread in threads:
            frames = [
                _frame(frame, kernel)
                for frame in objects_at(thread, "frames")
                if frame.get("reliable") is not False
            ]
            if frames:
                found = True
                yield ImportedStack(limit_depth(frames), _thread(thread))
    if not found:
        unread.add(1, "no list of frames in this JSON")


def _thread(thread: Any) -> ThreadLabel | None:
    tid, name = number_at(thread, "tid") or number_at(thread, "id"), text_at(thread, "name")
    return ThreadLabel(tid=tid if tid < _MAX_TID else 0, name=name) if tid or name else None


def _frame(frame: Any, kernel: bool) -> ImportedFrame:
    name, file = text_at(frame, "function_name"), text_at(frame, "source_file")
    if kernel:
        return ImportedFrame(name, library=KERNEL_LIBRARY) if name else UNKNOWN_FRAME
    line = number_at(frame, "line_number") or number_at(frame, "source_line")
    return frame_of(name, module=text_at(frame, "file_name"), file=file, line=line if line < 1_000_000_000 else 0)
