"""One step of reading a recording, in a process of its own: `python -m tests.bench.reading STEP FOLDER`.

These are the steps that no verb does alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from analyzer.graph.merge import graph_of
from analyzer.recording.reader import read_recording
from reports.text.backtraces import backtraces


def _read(folder: Path) -> None:
    read_recording(folder)


def _read_and_merge(folder: Path) -> None:
    graph_of(read_recording(folder))


def _backtraces(folder: Path) -> None:
    with (folder / "backtraces.txt").open("w", encoding="utf-8") as file:
        for line in backtraces(read_recording(folder)):
            file.write(line + "\n")


STEPS: dict[str, Callable[[Path], None]] = {
    "read": _read,
    "merge": _read_and_merge,
    "backtraces": _backtraces,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](Path(sys.argv[2]))
