"""Text in, a recording out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from analyzer.errors import AnalyzerError, UsageError
from analyzer.imports import folded, gdb_mi, gdb_text, perf_script
from analyzer.imports.detect import FOLDED, FORMATS, GDB, MI, PERF, detect
from analyzer.imports.other_frames import foreign
from analyzer.imports.records import ImportOrigin, records
from analyzer.imports.stacks import DEEPEST, MOST_INNER, MOST_OUTER, ImportedStack, UnreadLines, is_too_deep
from analyzer.imports.tally import DISTINCT, StackCounter
from analyzer.model import Recording
from analyzer.recording import assemble
from analyzer.text import number_of
from gdbscripts import wire

_READERS: dict[str, Callable[[Iterable[str], UnreadLines], Iterator[ImportedStack]]] = {
    GDB: gdb_text.read,
    MI: gdb_mi.read,
    PERF: perf_script.read,
    FOLDED: folded.read,
}
_COUNTED = (PERF, FOLDED)  # samples: equal stacks are kept once


@dataclass(frozen=True)
class ImportedText:
    """A text as the records of a recording."""

    format: str
    stacks: int  # those counted included
    unread: UnreadLines
    shortened: str  # what is said of the stacks that were too deep to be kept whole, "" when none was
    left_out: str  # what is said of the stacks that were not kept, "" when all were
    records: list[wire.Record]


def import_text(
    lines: Iterable[str], origin: ImportOrigin, text_format: str = "", distinct: int = DISTINCT
) -> ImportedText:
    """The stacks in a text. AnalyzerError when it has none, UsageError for a format that nobody knows.

    Of very many stacks the first are kept, `distinct` different ones at most; a note says how many were left out.
    """
    if text_format and text_format not in _READERS:
        raise UsageError(f"{text_format} is no known format.", f"Known are {', '.join(FORMATS)}.")
    detected = detect(lines)
    chosen = text_format or detected.format or GDB
    unread, tally = UnreadLines(), StackCounter(chosen in _COUNTED, distinct)
    read = cut = deep = 0
    for stack in _READERS[chosen](detected.lines, unread):
        tally.add(stack)
        read += 1
        cut += stack.cut
        deep += is_too_deep(stack)
    by_chance = chosen == FOLDED != text_format and unread.count > read  # any bytes have such a line
    if not tally.stacks or by_chance:
        raise _nothing_read(origin.name, unread)
    shortened = _shortened(deep)
    notes = [*_notes(unread, tally, cut), *([shortened] if shortened else [])]
    whole = list(records(tally.stacks, origin, notes, tally.counted))
    stacks = sum(stack.times for stack in tally.stacks) + tally.left_out
    return ImportedText(chosen, stacks, unread, shortened, tally.sentence(), whole)


def recording_from_text(lines: Iterable[str], name: str, text_format: str = "") -> Recording:
    """The recording that a pasted text makes, without a folder; raises what `import_text` raises."""
    return assemble(import_text(lines, ImportOrigin(name), text_format).records, name)


def _notes(unread: UnreadLines, tally: StackCounter, cut: int) -> Iterator[str]:
    if unread.count:
        yield f"{unread.sentence()}."
    if cut:
        yield f"{cut} of the backtraces stop{'s' if cut == 1 else ''} before the outermost frame, as gdb said."
    if tally.left_out:
        yield tally.sentence()


def _shortened(deep: int) -> str:
    if not deep:
        return ""
    whose = number_of(deep, "stack is", "stacks are")
    kept = f"the innermost {MOST_INNER} and the outermost {MOST_OUTER} are kept"
    return f"{whose} deeper than {DEEPEST} frames: {kept}, and those between are left out of everything here."


def _nothing_read(name: str, unread: UnreadLines) -> AnalyzerError:
    said = f" {unread.sentence()}." if unread.count else ""
    whose = foreign([line for _, line in unread.first])
    said += f" It looks like {whose}, which is not read here." if whose else ""
    formats = "; ".join(f"{name} ({about})" for name, about in FORMATS.items())
    return AnalyzerError(f"{name} has no backtrace that could be read.{said}", f"Known formats: {formats}.")
