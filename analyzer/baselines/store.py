"""Baselines in a folder: names them, matches recordings with them, and writes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.baselines.reader import read_baseline
from analyzer.baselines.writer import machine, profile, write_baseline
from analyzer.diff.calls import explained
from analyzer.diff.change import NamedGraph
from analyzer.diff.ioctls import has_full_log
from analyzer.errors import AnalyzerError, UsageError
from analyzer.files import write_text
from analyzer.graph.call_graph import CallGraph, Provenance

_ALLOW_LIST = "allow.toml"  # in the folder of the baselines: accepted changes and rules
_SUFFIX = ".txt"
_VERSION = re.compile(r"\d+\.\d+")
_NOT_IN_FILE_NAMES = re.compile(r"[^\w.+-]+")
_LONGEST = 60  # characters of QEMU's arguments in a file name
_SHORT_ARGUMENTS = re.compile(rf"-[a-zA-Z0-9][a-zA-Z0-9.+ -]{{,{_LONGEST - 1}}}")
_DEFAULTS = {"scenario": "startup", "accelerator": "kvm", "guest": "tiny"}


@dataclass(frozen=True)
class BaselineEntry:
    """A recording, and the path of its baseline, which need not exist."""

    source: NamedGraph
    baseline: Path


def match_baselines(folder: Path, recordings: Iterable[NamedGraph]) -> list[BaselineEntry]:
    """Return each recording with the path of its baseline in `folder`.

    Raises UsageError when two recordings have the same baseline, or when one is an imported backtrace.
    """
    entries = [BaselineEntry(source, folder / file_name(source.graph.provenance)) for source in recordings]
    if imported := next((entry.source.name for entry in entries if entry.source.imported), None):
        raise UsageError(
            f"{imported} is an imported backtrace, which cannot become a baseline.", "Record a run of QEMU."
        )
    names: dict[Path, str] = {}
    for entry in entries:
        if first := names.get(entry.baseline):
            raise UsageError(
                f"{first} and {entry.source.name} have the same baseline, {entry.baseline.name}.",
                "Name one of them with --of.",
            )
        names[entry.baseline] = entry.source.name
    return entries


def file_name(provenance: Provenance) -> str:
    """Return the file name of a recording's baseline.

    It consists of QEMU's major and minor version, machine type, build profile, and what differs from the defaults:
    scenario, accelerator, guest and QEMU's arguments. Different arguments give different names.
    """
    version = _VERSION.match(provenance.qemu_version)
    parts = ["qemu", version[0] if version else provenance.qemu_version or "unknown"]
    parts += [machine(provenance), profile(provenance)]
    parts += [str(vars(provenance)[key]) for key, default in _DEFAULTS.items() if vars(provenance)[key] != default]
    parts += [_shortened(provenance.arguments)]
    return _NOT_IN_FILE_NAMES.sub("_", "-".join(part for part in parts if part)) + _SUFFIX


def _shortened(arguments: str) -> str:
    """Return the arguments for a file name: with a digest unless they are short and plain."""
    shown = arguments.lstrip("-")[:_LONGEST]
    if not arguments or _SHORT_ARGUMENTS.fullmatch(arguments):
        return shown
    return f"{shown}-{hashlib.sha256(arguments.encode(errors='surrogatepass')).hexdigest()[:8]}"


def allow_list_in(folder: Path) -> Path | None:
    """Return the path of the allow-list in the folder; None when there is none."""
    file = folder / _ALLOW_LIST
    return file if file.exists() else None


def update_baselines(entries: Sequence[BaselineEntry]) -> Iterator[str]:
    """Write the baselines, and yield a line about each: new, unchanged or updated, path, recording.

    Raises AnalyzerError for an incomplete recording, and when a folder or a file cannot be written.
    """
    for entry in entries:
        baseline = entry.baseline
        if not entry.source.complete:
            raise AnalyzerError(
                f"{entry.source.name} was not recorded to its end and cannot become a baseline.",
                "Record it again; analyze report shows what is missing.",
            )
        new = write_baseline(entry.source.graph)
        old = baseline.read_text(encoding="utf-8", errors="replace") if baseline.is_file() else None
        if old != new:
            _make_folder(baseline.parent)
            write_text(baseline, new)
        status = "new" if old is None else "unchanged" if old == new else "updated"
        yield f"{status:10}{baseline}  ({entry.source.name}){_removed_parts(old, entry)}"


def _removed_parts(old_text: str | None, entry: BaselineEntry) -> str:
    """Return a note about parts that only the old baseline has; "" for none, or if it is unreadable."""
    try:
        old = read_baseline(old_text or "", entry.baseline.name)
    except AnalyzerError:
        return ""
    new_parts = _optional_parts(entry.source.graph)
    removed = " and ".join(part for part in _optional_parts(old) if part not in new_parts)
    return f": without {removed}, which the old baseline had" if removed else ""


def _optional_parts(graph: CallGraph) -> list[str]:
    """Return the parts of the graph that options of a recording leave out."""
    pointers = any(explained(step) for chain in graph.chains for step in chain.steps)
    ioctl_log = has_full_log(graph.ioctls)
    return ["who set the function pointers"] * pointers + ["the ioctls"] * ioctl_log


def _make_folder(folder: Path) -> None:
    """Make the folder and its parents. Raises AnalyzerError when that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnalyzerError(f"{folder} cannot be created: {error.strerror}.") from None


def baselines_without_recording(folder: Path, entries: Sequence[BaselineEntry]) -> list[str]:
    """Return the names of the baselines in the folder that belong to none of the entries, sorted."""
    return sorted({file.name for file in folder.glob(f"*{_SUFFIX}")} - {entry.baseline.name for entry in entries})


def missing_baseline_error(entry: BaselineEntry) -> AnalyzerError:
    """Return the error about a recording whose baseline does not exist."""
    folder, recording = entry.baseline.parent, entry.source.name
    present = sorted(file.name for file in folder.glob(f"*{_SUFFIX}"))
    hint = f"There are {', '.join(present)}; make one" if present else "Make one"
    return AnalyzerError(
        f"{recording} has no baseline: {entry.baseline} does not exist.",
        f"{hint}: analyze baseline update {folder} --of {recording}",
    )
