"""Opens whatever a verb reads, by any name; the content says what it is, never the suffix.

A name stands for an output folder, a recording, a graph, a baseline, a text with backtraces (all formats that
`analyze import` reads), a reference that ships with this program, or standard input (`-`).
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

from analyzer.adapters.text_lines import open_lines
from analyzer.backtraces.importer import import_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.baselines.reader import is_baseline, read_baseline
from analyzer.diff.change import NamedGraph
from analyzer.errors import NAME_AN_INPUT, AnalyzerError, UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import from_json
from analyzer.graph.merge import combine, graph_of
from analyzer.model.recording import Recording
from analyzer.recording.reader import FILE_NAME, assemble, read_recording
from analyzer.text import visible
from analyzer.toml import load_toml

STANDARD_INPUT = "-"
_GRAPH = "graph.json"
_REFERENCE = "reference:"
_REFERENCES = "analyzer.backtraces.references"
_LARGEST = 1 << 28  # characters of a graph or a baseline; the largest seen had a thousandth
_RECORD = re.compile(r'\{\s*"record"')  # how a recording begins, and no other JSON of ours
_JSON_OBJECT = re.compile(r'\{\s*(?:["}]|$)')  # a text may begin with `{noformat}`


class InputKind(str, Enum):
    """What an input is."""

    RECORDING = "recording"
    BACKTRACE = "backtrace"
    GRAPH = "graph"
    BASELINE = "baseline"


_LACKS = {
    InputKind.GRAPH: "a graph has no arguments, times or single stops; the recording it was made of has them",
    InputKind.BASELINE: "a baseline has no line numbers, arguments, times, hit counts or single stops; "
    "the recording it was made of has them",
}


@dataclass(frozen=True)
class Input:
    """What a name stands for. A graph or a baseline has no `recording`; the graph of a recording is merged when it
    is needed."""

    name: str  # as messages have it
    kind: InputKind
    recording: Recording | None = None
    stored_graph: CallGraph | None = None  # of a graph or a baseline

    @cached_property
    def graph(self) -> CallGraph:
        """The call graph; every input has one."""
        if self.recording is not None:
            return graph_of(self.recording)
        assert self.stored_graph is not None
        return self.stored_graph

    @property
    def named_graph(self) -> NamedGraph:
        """The graph and its name, as a comparison takes them."""
        return NamedGraph(self.name, self.graph)

    @property
    def lacks(self) -> str:
        """What this kind of input cannot give, in a sentence; "" for a kind that has a recording."""
        return _LACKS.get(self.kind, "")


def open_input(name: str) -> Input:
    """The input called `name`. AnalyzerError, with what can be named, when it cannot be read as any kind."""
    if _is_reference(name):
        return Input(name, InputKind.BACKTRACE, load_reference(name))
    if name == STANDARD_INPUT:
        return _open_standard_input()
    path = Path(name)
    if path.is_fifo():  # it can be read once only
        with _readable(name), path.open("rb") as stream:
            return _open_stream(stream, name)
    return _open_file(_file_of(path), name)


def open_inputs(names: Iterable[str]) -> list[Input]:
    """The inputs in the order named; one that is named twice counts once. Errors as `open_input`."""
    different: dict[str, str] = {}
    for name in names:
        different.setdefault(_identity(name), name)
    return list(map(open_input, different.values()))


def open_graph(name: str) -> NamedGraph:
    """The graph of the input called `name`; errors as `open_input`."""
    return open_input(name).named_graph


def merged_graph(inputs: Sequence[Input]) -> CallGraph:
    """One graph of all inputs. AnalyzerError when they are not of one build."""
    return combine([each.graph for each in inputs])


def say_what_is_missing(inputs: Iterable[Input], kinds: Sequence[InputKind] = tuple(InputKind)) -> None:
    """Say on standard error what the inputs of these kinds cannot give."""
    for each in inputs:
        if each.lacks and each.kind in kinds:
            print(f"analyze: {visible(each.name)}: {each.lacks}.", file=sys.stderr)


def check_not_an_input(output: Path, names: Iterable[str]) -> None:
    """UsageError when `output` is one of the files that are to be read."""
    files = (_file_of(Path(name)) for name in names if name != STANDARD_INPUT and not _is_reference(name))
    if output.exists() and any(file.exists() and output.samefile(file) for file in files):
        raise UsageError(f"{output} is what is to be read; it is kept.", "Choose another -o FILE.")


def load_reference(name: str) -> Recording:
    """The recording of the reference `reference:VERSION`; AnalyzerError for an unknown version."""
    known: dict[str, Any] = load_toml(_REFERENCES, "references.toml")
    entry = known.get(name.removeprefix(_REFERENCE))
    if entry is None:
        names = ", ".join(f"{_REFERENCE}{version}" for version in known)
        raise AnalyzerError(f"Unknown reference {name}.", f"Known references: {names}.")
    text = resources.files(_REFERENCES).joinpath(entry["file"]).read_text(encoding="utf-8")
    origin = ImportOrigin(name, entry["qemu_version"], entry["host"], (("which is", entry["from"]),))
    return assemble(import_text(text.splitlines(keepends=True), origin).records, name)


def _is_reference(name: str) -> bool:
    return name.startswith(_REFERENCE)


def _identity(name: str) -> str:
    """The same for two names of one input."""
    own = name == STANDARD_INPUT or _is_reference(name)
    return name if own else str(_file_of(Path(name)).resolve())


def _file_of(path: Path) -> Path:
    """The file itself; of a folder its recording, or else its graph."""
    if not path.is_dir():
        return path
    return next((file for file in (path / FILE_NAME, path / _GRAPH) if file.exists()), path)


def _open_standard_input() -> Input:
    shown = "standard input"
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():  # a person pastes, or there is none
        return _open_backtrace(STANDARD_INPUT, shown)
    return _open_stream(sys.stdin.buffer, shown)


def _open_stream(stream: BinaryIO, name: str) -> Input:
    """What can be read once only is read from a copy."""
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        return _open_file(Path(copy.name), name)


def _open_file(path: Path, name: str) -> Input:
    if path.is_dir():
        raise AnalyzerError(f"{name} holds neither {FILE_NAME} nor {_GRAPH}.", NAME_AN_INPUT)
    kind = _kind_of(_beginning(path, name))
    of_folder = path.name == FILE_NAME and Path(name).is_dir()  # also when it is empty: left by a killed run
    if kind is InputKind.RECORDING or of_folder:
        return Input(name, InputKind.RECORDING, read_recording(path, name))
    if kind is InputKind.BACKTRACE:
        return _open_backtrace(str(path), name)
    read = read_baseline if kind is InputKind.BASELINE else from_json
    return Input(name, kind, stored_graph=read(_read(path, name), name))


def _kind_of(beginning: str) -> InputKind:
    if is_baseline(beginning):
        return InputKind.BASELINE
    if _RECORD.match(beginning):
        return InputKind.RECORDING
    return InputKind.GRAPH if _JSON_OBJECT.match(beginning) else InputKind.BACKTRACE


def _open_backtrace(source: str, name: str) -> Input:
    """The text in `source` (a file, or `-`). What could not be read of it is said on standard error."""
    origin = ImportOrigin(Path(name).name)  # it goes into the graph, which has no absolute paths
    with open_lines(source) as lines:
        try:
            imported = import_text(lines, origin)
        except AnalyzerError as error:
            message = re.sub(rf"^{re.escape(origin.name)} ", lambda _: f"{name} ", error.message)
            raise AnalyzerError(message, f"{NAME_AN_INPUT} {error.hint}".rstrip()) from None
    recording = assemble(imported.records, name)
    for note in recording.notes:
        print(f"analyze: {visible(name)}: {visible(note)}", file=sys.stderr)
    return Input(name, InputKind.BACKTRACE, recording)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """AnalyzerError when what is named cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise AnalyzerError(f"{name}: there is no such file.", NAME_AN_INPUT) from None
    except OSError as error:
        raise AnalyzerError(f"{name} cannot be read: {error.strerror}.", NAME_AN_INPUT) from None


def _beginning(path: Path, name: str) -> str:
    with _readable(name), path.open(encoding="utf-8", errors="replace") as file:
        return file.read(1000).lstrip("\ufeff \t\r\n")


def _read(path: Path, name: str) -> str:
    with _readable(name), path.open(encoding="utf-8-sig", errors="replace") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise AnalyzerError(f"{name} is too large to be a graph.")
    return text
