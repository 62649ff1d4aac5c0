"""The verb `baseline`: keeps baselines in a folder, and compares recordings with them."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.baselines.reader import read_baseline
from analyzer.baselines.writer import machine, profile, write_baseline
from analyzer.comparing import ComparisonTerms, OutputOptions, compare_sources, write_comparison
from analyzer.diff.calls import explained
from analyzer.diff.change import NamedGraph
from analyzer.diff.ioctls import has_full_log
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.graph.call_graph import CallGraph, Provenance
from analyzer.inputs import open_graph
from analyzer.output_folder import write_text
from analyzer.recording.reader import FILE_NAME

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


def find_recordings() -> list[NamedGraph]:
    """The output folders below the current one, and below `out`; imported backtraces are none of these.

    AnalyzerError when there is none.
    """
    folders = [*Path().glob("*/"), *Path("out").glob("*/")]
    found = sorted(str(folder) for folder in folders if (folder / FILE_NAME).is_file())
    recorded = [source for source in map(open_graph, found) if not source.pasted]
    if not recorded:
        raise AnalyzerError(
            "There is no recording here.", "Record one: analyze startup --qemu PATH; or name it with --of."
        )
    return recorded


def match_baselines(folder: Path, recordings: Iterable[NamedGraph]) -> list[BaselineEntry]:
    """Each recording with its place among the baselines. UsageError when two have the same place, or when one is a
    pasted backtrace."""
    kept = [BaselineEntry(source, folder / file_name(source.graph.provenance)) for source in recordings]
    if pasted := next((each.source.name for each in kept if each.source.pasted), None):
        raise UsageError(f"{pasted} is a pasted backtrace: no baseline is made of it.", "Record a QEMU.")
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
    ledger = has_full_log(graph.ioctls)
    return ["who set the function pointers"] * slots + ["the ioctls"] * ledger


def check(
    kept: Sequence[BaselineEntry], folder: Path, terms: ComparisonTerms, output: OutputOptions, all_of_it: bool
) -> ExitStatus:
    """Compare each recording with its baseline and tell it; the worst status: differs before not to be compared.

    With `all_of_it` every baseline of the folder is to be compared with: one that is not cannot pass silently.

    AnalyzerError when a recording has none, UsageError when several are to go into one file.
    """
    if len(kept) > 1 and (output.file or output.form != "text"):
        names = ", ".join(each.source.name for each in kept)
        raise UsageError(
            f"One answer for several recordings is text only: {names}.", "Name one of them with --of."
        )
    if missing := next((each for each in kept if not each.baseline.exists()), None):
        raise _without_baseline(missing)
    statuses = set()
    for each in kept:
        old = open_graph(str(each.baseline))
        verdict = compare_sources(old, each.source, terms)
        write_comparison(verdict, old, each.source, terms, output)
        statuses.add(verdict.status)
    for name in _not_checked(folder, kept):
        print(f"analyze: {name} was not compared with: there is no recording for it.", file=sys.stderr)
        statuses.update([ExitStatus.COULD_NOT_RUN] if all_of_it else [])
    worst_first = (ExitStatus.DIFFERS, ExitStatus.COULD_NOT_RUN, ExitStatus.DONE)
    return next(status for status in worst_first if status in statuses)


def _make_folder(folder: Path) -> None:
    """AnalyzerError when the folder cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnalyzerError(f"{folder} cannot be made: {error.strerror}.") from None


def _without_baseline(each: BaselineEntry) -> AnalyzerError:
    """The error for a recording that has nothing to be compared with: it must not look like no difference."""
    others = sorted(file.name for file in each.baseline.parent.glob(f"*{_SUFFIX}"))
    there = f"There are {', '.join(others)}; " if others else ""
    return AnalyzerError(
        f"{each.source.name} has no baseline: {each.baseline} does not exist.",
        f"{there}make one: analyze baseline update {each.baseline.parent} --of {each.source.name}",
    )


def _not_checked(folder: Path, kept: Sequence[BaselineEntry]) -> list[str]:
    """Baselines of the folder that no recording was compared with."""
    return sorted({file.name for file in folder.glob(f"*{_SUFFIX}")} - {each.baseline.name for each in kept})
