"""A baseline, compared and written again."""

from __future__ import annotations

from pathlib import Path

from analyzer.baselines.reader import read_baseline
from analyzer.baselines.writer import write_baseline
from tests.fuzz.verbs import one_of, run_verb

COMMANDS = [
    ["summary", "baseline.txt"], ["show", "baseline.txt"], ["graph", "baseline.txt", "-o", "a.json"],
    ["diff", "baseline.txt", "reference:1.6.0", "--format", "junit"], ["diff", "baseline.txt", "baseline.txt"],
    ["baseline", "check", ".", "--of", "reference:1.6.0"],
]  # fmt: skip


def check(data: bytes, folder: Path) -> None:
    (folder / "baseline.txt").write_bytes(data)
    graph = read_baseline(data.decode("utf-8-sig", "replace"), "baseline.txt")
    write_baseline(graph)
    run_verb(*one_of(data, COMMANDS))
