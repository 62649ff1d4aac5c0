"""One step of reading a recording or a text, in a process of its own: `python -m tests.bench.reading STEP PATH`.

These are the steps that no verb does alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from analyzer.adapters.text_lines import open_lines
from analyzer.backtraces.importer import import_text
from analyzer.backtraces.records import ImportOrigin
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


def _import(text: Path) -> None:
    with open_lines(str(text)) as lines:
        import_text(lines, ImportOrigin(text.name))


STEPS: dict[str, Callable[[Path], None]] = {
    "read": _read,
    "merge": _read_and_merge,
    "backtraces": _backtraces,
    "import": _import,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](Path(sys.argv[2]))
