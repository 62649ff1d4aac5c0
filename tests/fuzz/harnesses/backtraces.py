"""Pasted text, in each format that `analyze import` reads and in the one that it recognises."""

from __future__ import annotations

from pathlib import Path

from analyzer.backtraces.formats import FORMATS
from analyzer.backtraces.importer import import_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.errors import AnalyzerError
from analyzer.graph.merge import graph_of
from analyzer.recording.reader import assemble


def check(data: bytes, folder: Path) -> None:
    lines = data.decode("utf-8", "replace").splitlines(keepends=True)
    refused = [error for name in ("", *FORMATS) if (error := _import(lines, name)) is not None]
    if refused:
        raise refused[0]


def _import(lines: list[str], text_format: str) -> AnalyzerError | None:
    try:
        imported = import_text(iter(lines), ImportOrigin("pasted.txt"), text_format)
    except AnalyzerError as error:
        return error
    graph_of(assemble(imported.records, "pasted.txt")).check()
    return None
