"""What is compared: anything a call graph can be made of, found out from the file itself."""

from __future__ import annotations

from pathlib import Path

from analyzer.diff.compare import Source
from analyzer.diff.reading import from_text, is_baseline
from analyzer.errors import AnalyzerError
from analyzer.graph.callgraph import CallGraph
from analyzer.graph.document import from_json
from analyzer.graph.merge import graph_of
from analyzer.recording import FILE_NAME, read_recording

_GRAPH = "graph.json"
_LARGEST = 1 << 28  # bytes of a graph or a baseline; the largest seen had a thousandth


def load_source(name: str) -> Source:
    """The graph of an output folder, a recording, a graph, a baseline or a backtrace, and the name it has here.

    AnalyzerError when there is nothing of the kind.
    """
    return Source(name, _load(Path(name), name))


def _load(path: Path, name: str) -> CallGraph:
    if path.is_dir():
        graph = path / _GRAPH
        return _load(graph, name) if not (path / FILE_NAME).exists() and graph.exists() else _recorded(path)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(200).lstrip("\ufeff \n")
    except FileNotFoundError:
        raise AnalyzerError(
            f"{name}: there is no such file.", "Name an output folder, a graph.json, a baseline or a backtrace."
        ) from None
    except OSError as error:
        raise AnalyzerError(f"{name} cannot be read: {error.strerror}.") from None
    if is_baseline(head):
        return from_text(_read(path, name), name)
    if head.startswith('{"record"'):
        return _recorded(path)
    return from_json(_read(path, name), name)


def _recorded(path: Path) -> CallGraph:
    return graph_of(read_recording(path))


def _read(path: Path, name: str) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise AnalyzerError(f"{name} cannot be read: {error.strerror}.") from None
    if len(text) > _LARGEST:
        raise AnalyzerError(f"{name} is too large to be a graph.")
    return text
