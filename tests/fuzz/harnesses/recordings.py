"""A recording: read, and written in one of the formats that are made of recordings."""

from __future__ import annotations

from pathlib import Path

from analyzer.recording.reader import FILE_NAME
from tests.fuzz.verbs import one_of, run_verb

COMMANDS = [
    ["summary", "."], ["summary", ".", "--json"], ["show", "."], ["show", ".", "--pointers"],
    ["show", ".", "--ioctls"], ["show", ".", "--accesses", "--json"], ["show", ".", "--all", "--json"],
    ["show", ".", "--tree"], ["graph", ".", "-o", "graph.json"], ["graph", ".", "-o", "graph.graphml"],
    ["graph", ".", "-o", "graph.dot"], ["export", ".", "-o", "a.json"], ["export", ".", "-o", "a.speedscope"],
    ["export", ".", "-o", "a.trace.json"], ["export", ".", "-o", "a.callgrind"], ["export", ".", "-o", "a.mmd"],
    ["export", ".", "-o", "a.sequence.mmd"], ["export", ".", "-o", "ioctls.csv"],
    ["export", ".", "-o", "accesses.csv"], ["export", ".", "-o", "a.folded"],
    ["baseline", "update", "baseline", "--of", "."], ["diff", ".", "reference:1.6.0", "--format", "json"],
    ["diff", "reference:1.6.0", ".", "-o", "diff.html"], ["diff", ".", ".", "--kernel", "--hits"],
]  # fmt: skip


def check(data: bytes, folder: Path) -> None:
    (folder / FILE_NAME).write_bytes(data)
    run_verb(*one_of(data, COMMANDS))
