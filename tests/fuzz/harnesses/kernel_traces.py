"""The text of a kernel trace."""

from __future__ import annotations

from pathlib import Path

from analyzer.recording.trace_parser import ioctls, join_ioctls, kernel_path, parse_trace


def check(data: bytes, folder: Path) -> None:
    trace = parse_trace(data.decode("utf-8", "surrogateescape").splitlines(keepends=True))
    assert trace.lost >= 0
    found = ioctls(trace.events)
    assert len(join_ioctls((), trace.events).unclaimed) == len(found)
    for event in trace.events:
        kernel_path(event)
