"""Opens the inputs of the verbs that read; the content decides of which kind an input is, not the suffix.

A name stands for an output folder, a recording, a graph, a baseline, a text with backtraces (all formats that
`analyze import` reads), a reference that ships with this program, or standard input (`-`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import IO, Any, BinaryIO

from analyzer.adapters.bounded_files import is_device
from analyzer.adapters.cxxfilt import demangle
from analyzer.adapters.text_lines import open_lines
from analyzer.backtraces import abrt, macos_ips
from analyzer.backtraces.importer import import_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.baselines.reader import is_baseline, read_baseline
from analyzer.console import ReadingProgress, warn
from analyzer.diff.change import NamedGraph
from analyzer.errors import NAME_AN_INPUT, AnalyzerError, UsageError
from analyzer.files import scratch_folder
from analyzer.folder_lock import holder_of
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import from_json
from analyzer.graph.merge import combine, graph_of
from analyzer.model.recording import Recording
from analyzer.recording.reader import FILE_NAME, assemble, read_recording
from analyzer.recording.streamed import StreamedRecording
from analyzer.strict_json import without_surrogates
from analyzer.toml import load_toml

STANDARD_INPUT = "-"
_GRAPH = "graph.json"
_REFERENCE = "reference:"
_REFERENCES = "analyzer.backtraces.references"
_LARGEST = 1 << 28  # characters of a graph or a baseline; real ones have a thousandth of it
_OWN_PAGE = re.compile(r"<!doctype html>.{0,400}Content-Security-Policy\" content=\"default-src 'none'", re.DOTALL)
_LARGEST_STREAM = 1 << 33  # bytes of a pipe; it is copied to a file
_RECORD = re.compile(r'\{\s*"record"')  # only a recording begins so, no other JSON of this program
_JSON_OBJECT = re.compile(r'\{\s*(?:["}]|$)')  # a text may begin with `{noformat}`


class InputKind(str, Enum):
    """The kinds of inputs that a name can stand for."""

    RECORDING = "recording"
    BACKTRACE = "backtrace"
    GRAPH = "graph"
    BASELINE = "baseline"


_LIMITATIONS = {
    InputKind.GRAPH: "a graph has no arguments, times or single stops; the recording it was made of has them",
    InputKind.BASELINE: "a baseline has no line numbers, arguments, times, hit counts or single stops; "
    "the recording it was made of has them",
}


@dataclass(frozen=True)
class Input:
    """An opened input: a recording (also one made of backtraces), or a stored graph (also one of a baseline).

    The graph of a recording is merged on first use.
    """

    name: str  # as the user named it, for messages
    kind: InputKind
    recording: Recording | None = None
    stored_graph: CallGraph | None = None  # of GRAPH and BASELINE

    @cached_property
    def graph(self) -> CallGraph:
        """The call graph; every input has one."""
        if self.recording is not None:
            return graph_of(self.recording)
        assert self.stored_graph is not None
        return self.stored_graph

    @property
    def named_graph(self) -> NamedGraph:
        """The graph with the name of the input, for a comparison."""
        return NamedGraph(self.name, self.graph)

    @property
    def limitation(self) -> str:
        """What this kind of input does not contain, as a sentence without full stop; "" for a recording."""
        return _LIMITATIONS.get(self.kind, "")


def open_input(name: str) -> Input:
    """Open the input called `name`. AnalyzerError, which lists the possible inputs, when it cannot be read."""
    if _is_reference(name):
        return Input(name, InputKind.BACKTRACE, load_reference(name))
    if name == STANDARD_INPUT:
        return _open_standard_input()
    path = Path(name)
    if path.is_fifo():  # it can be read once only
        with _read_errors_of(name), path.open("rb") as stream:
            return _open_stream(stream, name)
    return _open_file(_file_of(path), name)


def streamed(name: str) -> StreamedRecording | None:
    """The input called `name`, to be read while its stops are printed; None when it is no recording in a file.

    AnalyzerError when it is a recording that cannot be read.
    """
    path = _file_of(Path(name))
    if name == STANDARD_INPUT or _is_reference(name) or not path.is_file() or not os.access(path, os.R_OK):
        return None
    if _kind_of(_beginning(path, name)) is not InputKind.RECORDING:
        return None
    _print_recorder(path, name)
    progress = ReadingProgress(name, path.stat().st_size)
    try:
        return StreamedRecording(path, name, progress.report)
    finally:
        progress.end()


def open_inputs(names: Iterable[str]) -> list[Input]:
    """Open the inputs in the order of `names`, each once even if it is named twice. Errors as `open_input`."""
    unique: dict[str, str] = {}
    for name in names:
        unique.setdefault(_identity(name), name)
    return list(map(open_input, unique.values()))


def open_graph(name: str) -> NamedGraph:
    """The graph of the input called `name`; errors as `open_input`."""
    return open_input(name).named_graph


def merged_graph(inputs: Sequence[Input]) -> CallGraph:
    """Merge the graphs of all inputs. AnalyzerError when they are not of one build of QEMU."""
    return combine([each.graph for each in inputs])


def print_limitations(inputs: Iterable[Input], kinds: Sequence[InputKind] = tuple(InputKind)) -> None:
    """Print on standard error what the inputs of these kinds do not contain."""
    for each in inputs:
        if each.limitation and each.kind in kinds:
            warn(f"{each.name}: {each.limitation}.")


def check_not_an_input(output: Path, names: Iterable[str]) -> None:
    """Raise UsageError when `output` is the file of one of the inputs called `names`."""
    files = (_file_of(Path(name)) for name in names if name != STANDARD_INPUT and not _is_reference(name))
    if output.exists() and any(file.exists() and output.samefile(file) for file in files):
        raise UsageError(f"{output} is an input; it is kept.", "Choose another -o FILE.")


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
    """A text that is equal for two names of the same input."""
    no_file = name == STANDARD_INPUT or _is_reference(name)
    return name if no_file else str(_file_of(Path(name)).resolve())


def _file_of(path: Path) -> Path:
    """The path itself; for a folder that of its recording, else of its graph."""
    if not path.is_dir():
        return path
    return next((file for file in (path / FILE_NAME, path / _GRAPH) if file.exists()), path)


def _open_standard_input() -> Input:
    shown = "standard input"
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():  # typed or pasted text, or none
        return _open_backtrace(STANDARD_INPUT, shown)
    return _open_stream(sys.stdin.buffer, shown)


def _open_stream(stream: BinaryIO, name: str) -> Input:
    """Open a pipe, which can be read only once: from a temporary copy."""
    with scratch_folder() as scratch:
        path = scratch / "input"
        with path.open("wb") as copy:
            _copy(stream, copy, name)
        return _open_file(path, name)


def _copy(stream: BinaryIO, copy: IO[bytes], name: str) -> None:
    size = 0
    while block := stream.read(1 << 20):
        size += len(block)
        if size > _LARGEST_STREAM:
            raise AnalyzerError(f"{name} has more than {_LARGEST_STREAM} bytes.", NAME_AN_INPUT)
        copy.write(block)


def _open_file(path: Path, name: str) -> Input:
    if path.is_dir():
        raise AnalyzerError(f"{name} holds neither {FILE_NAME} nor {_GRAPH}.", NAME_AN_INPUT)
    with _read_errors_of(name):
        device = is_device(path)
    if device or path.is_fifo():
        raise AnalyzerError(
            f"{name} is not a text file: it is {'a device' if device else 'a pipe'}.", NAME_AN_INPUT
        )
    beginning = _beginning(path, name)
    if _OWN_PAGE.match(beginning):
        raise AnalyzerError(f"{name} is a page for people, not an input.", _data_beside(path))
    kind = _kind_of(beginning)
    in_folder = path.name == FILE_NAME and Path(name).is_dir()  # an empty one is left by a killed run
    if kind is InputKind.RECORDING or in_folder:
        _print_recorder(path, name)
        return Input(name, InputKind.RECORDING, _read_recording(path, name))
    if kind is InputKind.BACKTRACE:
        return _open_backtrace(str(path), name)
    read = read_baseline if kind is InputKind.BASELINE else from_json
    return Input(name, kind, stored_graph=read(_read(path, name), name))


def _read_recording(path: Path, name: str) -> Recording:
    progress = ReadingProgress(name, path.stat().st_size if path.exists() else 0)
    try:
        return read_recording(path, name, progress.report)
    finally:
        progress.end()


def _data_beside(page: Path) -> str:
    """The next step: the data that a page was made of, when it lies beside it."""
    files = [file for file in (page.with_name(FILE_NAME), page.with_name(_GRAPH)) if file.exists()]
    return f"Name the data beside it: {files[0]}." if files else NAME_AN_INPUT


def _print_recorder(recording: Path, name: str) -> None:
    """Print on standard error who still records into the folder of `recording`, if anybody does."""
    if recording.name == FILE_NAME and (holder := holder_of(recording.parent)) is not None:
        warn(f"{name} is not complete: {holder} still records into it.")


def _kind_of(beginning: str) -> InputKind:
    if is_baseline(beginning):
        return InputKind.BASELINE
    if _RECORD.match(beginning):
        return InputKind.RECORDING
    is_graph = _JSON_OBJECT.match(beginning) and not (
        abrt.recognises(beginning) or macos_ips.recognises(beginning)
    )
    return InputKind.GRAPH if is_graph else InputKind.BACKTRACE


def _open_backtrace(source: str, name: str) -> Input:
    """Import the text in `source` (a path, or `-`), and print on standard error which lines are unread."""
    origin = ImportOrigin(
        without_surrogates(Path(name).name), name_in_messages=name
    )  # a graph has no absolute paths
    with open_lines(source) as lines:
        try:
            imported = import_text(lines, origin, demangle=demangle)
        except AnalyzerError as error:
            raise AnalyzerError(error.message, f"{NAME_AN_INPUT} {error.hint}".rstrip()) from None
    recording = assemble(imported.records, name)
    for note in recording.notes:
        warn(f"{name}: {note}")
    return Input(name, InputKind.BACKTRACE, recording)


@contextmanager
def _read_errors_of(name: str) -> Iterator[None]:
    """Turn an OSError in the block into an AnalyzerError with the name of the input."""
    try:
        yield
    except FileNotFoundError:
        raise AnalyzerError(f"{name}: there is no such file.", NAME_AN_INPUT) from None
    except OSError as error:
        raise AnalyzerError(f"{name} cannot be read: {error.strerror}.", NAME_AN_INPUT) from None


def _beginning(path: Path, name: str) -> str:
    with _read_errors_of(name), path.open(encoding="utf-8", errors="replace") as file:
        return file.read(1000).lstrip("\ufeff \t\r\n")


def _read(path: Path, name: str) -> str:
    with _read_errors_of(name), path.open(encoding="utf-8-sig", errors="replace") as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise AnalyzerError(f"{name} is too large for a graph or a baseline.", NAME_AN_INPUT)
    return text
