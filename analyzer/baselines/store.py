"""Baselines in a folder: their names, which recording belongs to which, and writing them."""

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
from analyzer.graph.call_graph import CallGraph, Provenance
from analyzer.output_folder import write_text

_ALLOW_FILE = "allow.toml"  # beside the baselines: accepted changes and rules
_SUFFIX = ".txt"
_VERSION = re.compile(r"\d+\.\d+")
_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST = 60  # characters of arguments in a name
_FIT = re.compile(rf"-[a-zA-Z0-9][a-zA-Z0-9.+ -]{{,{_LONGEST - 1}}}")
_USUAL = {"scenario": "startup", "accelerator": "kvm", "guest": "tiny"}


@dataclass(frozen=True)
class BaselineEntry:
    """A recording and the baseline it belongs to, which may not exist yet."""

    source: NamedGraph
    baseline: Path


def match_baselines(folder: Path, recordings: Iterable[NamedGraph]) -> list[BaselineEntry]:
    """Each recording with its place among the baselines. UsageError when two have the same place, or when one is a
    pasted backtrace."""
    kept = [BaselineEntry(source, folder / file_name(source.graph.provenance)) for source in recordings]
    if imported := next((each.source.name for each in kept if each.source.imported), None):
        raise UsageError(f"{imported} is a pasted backtrace: no baseline is made of it.", "Record a QEMU.")
    places: dict[Path, str] = {}
    for each in kept:
        if before := places.get(each.baseline):
            raise UsageError(
                f"{before} and {each.source.name} have the same baseline, {each.baseline.name}.",
                "Name one of them with --of.",
            )
        places[each.baseline] = each.source.name
    return kept


def file_name(provenance: Provenance) -> str:
    """The baseline's name: QEMU's version without its last number, machine, profile, and whatever is not usual.

    Each set of arguments for QEMU has a name of its own."""
    version = _VERSION.match(provenance.qemu_version)
    parts = ["qemu", version[0] if version else provenance.qemu_version or "unknown"]
    parts += [machine(provenance), profile(provenance)]
    parts += [str(vars(provenance)[key]) for key, usual in _USUAL.items() if vars(provenance)[key] != usual]
    parts += [_short(provenance.arguments)]
    return _UNFIT.sub("_", "-".join(part for part in parts if part)) + _SUFFIX


def _short(arguments: str) -> str:
    """Arguments as they stand in a file's name: with a digest when they are not all of them there, so that no two
    have the same name."""
    shown = arguments.lstrip("-")[:_LONGEST]
    if not arguments or _FIT.fullmatch(arguments):
        return shown
    return f"{shown}-{hashlib.sha256(arguments.encode(errors='surrogatepass')).hexdigest()[:8]}"


def allow_list_in(folder: Path) -> Path | None:
    """The allow file among the baselines; None when there is none."""
    file = folder / _ALLOW_FILE
    return file if file.exists() else None


def update(kept: Sequence[BaselineEntry]) -> Iterator[str]:
    """Write the baselines; tells what happened to each, in a line. AnalyzerError for an incomplete recording."""
    for each in kept:
        if not each.source.complete:
            raise AnalyzerError(
                f"{each.source.name} was not recorded to its end: no baseline is made of it.",
                "Record it again; analyze report shows what is missing.",
            )
        text = write_baseline(each.source.graph)
        before = each.baseline.read_text(encoding="utf-8", errors="replace") if each.baseline.exists() else None
        if before != text:
            _make_folder(each.baseline.parent)
            write_text(each.baseline, text)
        what = "new" if before is None else "unchanged" if before == text else "updated"
        yield f"{what:10}{each.baseline}  ({each.source.name}){_without(before, each)}"


def _without(before: str | None, each: BaselineEntry) -> str:
    """What a baseline knows less than the one before; "" for nothing, and where that one cannot be read."""
    try:
        old = read_baseline(before or "", each.baseline.name)
    except AnalyzerError:
        return ""
    known, now = _knows(old), _knows(each.source.graph)
    lost = " and ".join(what for what in known if what not in now)
    return f": without {lost}, which the one before had" if lost else ""


def _knows(graph: CallGraph) -> list[str]:
    """What a recording can be asked to leave out, and this one has."""
    slots = any(explained(step) for chain in graph.chains for step in chain.steps)
    ioctl_log = has_full_log(graph.ioctls)
    return ["who set the function pointers"] * slots + ["the ioctls"] * ioctl_log


def _make_folder(folder: Path) -> None:
    """AnalyzerError when the folder cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnalyzerError(f"{folder} cannot be made: {error.strerror}.") from None


def not_compared(folder: Path, kept: Sequence[BaselineEntry]) -> list[str]:
    """Baselines of the folder that no recording was compared with."""
    return sorted({file.name for file in folder.glob(f"*{_SUFFIX}")} - {each.baseline.name for each in kept})


def without_baseline(each: BaselineEntry) -> AnalyzerError:
    """The error for a recording that has nothing to be compared with: it must not look like no difference."""
    others = sorted(file.name for file in each.baseline.parent.glob(f"*{_SUFFIX}"))
    there = f"There are {', '.join(others)}; " if others else ""
    return AnalyzerError(
        f"{each.source.name} has no baseline: {each.baseline} does not exist.",
        f"{there}make one: analyze baseline update {each.baseline.parent} --of {each.source.name}",
    )
