"""A recording by its name: a file, an output folder, or a reference that ships with this program."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from analyzer.adapters.text_lines import open_lines
from analyzer.backtraces.importer import recording_from_text
from analyzer.backtraces.references import is_reference, load_reference
from analyzer.baselines.reader import is_baseline, read_baseline
from analyzer.diff.change import NamedGraph
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import from_json
from analyzer.graph.merge import combine, graph_of
from analyzer.model.recording import Recording
from analyzer.recording.reader import FILE_NAME, read_recording
from analyzer.text import visible


def open_recording(source: Path) -> Recording:
    """The recording that `source` names; AnalyzerError when there is none."""
    return load_reference(str(source)) if is_reference(str(source)) else read_recording(source)


_GRAPH = "graph.json"
_LARGEST = 1 << 28  # characters of a graph or a baseline; the largest seen had a thousandth


def open_graph(name: str) -> NamedGraph:
    """The graph of an output folder, a recording, a graph, a baseline or a backtrace, and the name it has here.

    `-` is standard input, `reference:1.6.0` the backtrace that ships with this program. AnalyzerError when there
    is nothing of the kind.
    """
    if is_reference(name):
        return NamedGraph(name, graph_of(load_reference(name)))
    path = Path(name)
    if name == "-":
        shown = "standard input"
        at_hand = sys.stdin is not None and not sys.stdin.closed and not sys.stdin.isatty()
        return NamedGraph(shown, _load_stream(sys.stdin.buffer, shown) if at_hand else _imported(name, shown))
    if path.is_fifo():  # it can be read once only
        with _readable(name), path.open("rb") as stream:
            return NamedGraph(name, _load_stream(stream, name))
    return NamedGraph(name, _load(path, name))


def _load_stream(stream: BinaryIO, name: str) -> CallGraph:
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        return _load(Path(copy.name), name)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """AnalyzerError when what is named cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise AnalyzerError(
            f"{name}: there is no such file.", "Name an output folder, a graph.json, a baseline or a backtrace."
        ) from None
    except OSError as error:
        raise AnalyzerError(f"{name} cannot be read: {error.strerror}.") from None


def _load(path: Path, name: str) -> CallGraph:
    if path.is_dir():
        graph = path / _GRAPH
        if (path / FILE_NAME).exists() or not graph.exists():
            return graph_of(read_recording(path))
        path = graph
    head = _beginning(path, name)
    if is_baseline(head):
        return read_baseline(_read(path, name), name)
    if head.startswith('{"record"'):
        return graph_of(read_recording(path))
    return from_json(_read(path, name), name) if head.startswith("{") else _imported(str(path), name)


def _imported(source: str, name: str) -> CallGraph:
    with open_lines(source) as lines:
        recording = recording_from_text(lines, name)
    for note in recording.notes:  # such as lines that could not be read
        print(f"analyze: {visible(name)}: {visible(note)}", file=sys.stderr)
    return graph_of(recording)


def _beginning(path: Path, name: str) -> str:
    with _readable(name), path.open(encoding="utf-8", errors="replace") as file:
        return file.read(200).lstrip("\ufeff \n")


def _read(path: Path, name: str) -> str:
    with _readable(name), path.open(encoding="utf-8-sig", errors="replace") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise AnalyzerError(f"{name} is too large to be a graph.")
    return text


def open_all(sources: Sequence[Path]) -> tuple[list[Recording], CallGraph]:
    """The recordings among `sources`, and one graph of all of them. A source named twice counts once."""
    sources = list(dict.fromkeys(source if is_reference(str(source)) else source.resolve() for source in sources))
    graphs = [_read_graph(source) for source in sources if _is_graph(source)]
    recordings = [open_recording(source) for source in sources if not _is_graph(source)]
    return recordings, combine([*graphs, *map(graph_of, recordings)])


def check_not_an_input(output: Path, sources: Sequence[Path]) -> None:
    """UsageError when `output` is one of the files that are to be read."""
    files = [source / FILE_NAME if source.is_dir() else source for source in sources]
    if output.exists() and any(file.exists() and output.samefile(file) for file in files):
        raise UsageError(f"{output} is what is to be read; it is kept.", "Choose another -o FILE.")


def _is_graph(path: Path) -> bool:
    return path.is_file() and path.suffix == ".json"


def _read_graph(path: Path) -> CallGraph:
    try:
        return from_json(path.read_text(encoding="utf-8", errors="replace"), str(path))
    except OSError as error:
        raise AnalyzerError(f"{path} cannot be read: {error.strerror}.") from None
