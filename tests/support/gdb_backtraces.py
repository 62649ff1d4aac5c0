"""Compares recorded stacks with the `bt` gdb printed at the same stops."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from analyzer.model.frames import Frame
from analyzer.model.recording import Recording
from analyzer.recording.source_paths import relative
from reports.text.backtraces import frame_line

_PLACE = re.compile(r" at (\S+):(\d+)$")
_MARK = re.compile(r"  \[(?:inlined|tail call)\]$")


def assert_like_bt(recording: Recording, taken: Path, least_known: float = 0) -> int:
    """Every stop's frames equal gdb's, one by one; returns how many frames were compared.

    So do the stacks known without gdb's frames; `least_known` is the part of the hits that must have one.
    """
    known = Counter(taken.with_name(taken.name + ".known").read_text().splitlines())
    assert not [line for line in known if line.startswith("different")]
    assert known["equal"] >= least_known * known.total()
    texts = taken.read_text().split("\f")[:-1]
    assert len(texts) == len(recording.stops)
    compared = 0
    for stop, text in zip(recording.stops, texts, strict=True):
        lines = [line for line in text.splitlines() if line.startswith("#")]
        assert len(lines) == len(stop.frames), (lines, stop.frames)
        for level, ((frame, arguments), line) in enumerate(zip(stop.frames_with_arguments(), lines, strict=True)):
            ours = _MARK.sub("", frame_line(level, frame, arguments))
            root = recording.source_root
            assert _comparable(ours, frame, root) == _comparable(line, frame, root), (ours, line)
        compared += len(lines)
    return compared


def _comparable(line: str, frame: Frame, root: str) -> str:
    """With paths relative to the root. Of a library's file only the name counts: where its sources were built
    is the distribution's business."""

    def place(match: re.Match[str]) -> str:
        file = Path(match[1]).name if frame.library else relative(match[1], root)
        return f" at {file}:{match[2]}"

    return _PLACE.sub(place, line)
