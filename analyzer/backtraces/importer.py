"""Which format a text is of, from its beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import NamedTuple

from analyzer.backtraces import folded, gdb_mi, gdb_text, perf_script
from analyzer.backtraces.line_cleanup import FRAME_START, LinePrefixes, clean_line
from analyzer.backtraces.other_frames import foreign
from analyzer.backtraces.records import ImportOrigin, records
from analyzer.backtraces.stacks import (
    DEEPEST,
    MOST_INNER,
    MOST_OUTER,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    is_too_deep,
)
from analyzer.errors import AnalyzerError, UsageError
from analyzer.model.recording import Recording
from analyzer.recording.reader import assemble
from analyzer.text import number_of
from gdbscripts.records import Record

GDB, MI, PERF, FOLDED = "gdb", "mi", "perf", "folded"
FORMATS = {
    GDB: "gdb's bt, bt full, thread apply all bt, coredumpctl info, AddressSanitizer, what analyze show prints",
    MI: "gdb's machine interface (-stack-list-frames)",
    PERF: "perf script",
    FOLDED: "folded stacks",
}
_LINES, _CHARACTERS = 500, 1 << 20  # that are looked at


class DetectedFormat(NamedTuple):
    """The format, "" when the text has no sign of any; and all lines, those looked at among them."""

    format: str
    lines: Iterator[str]


def detect(lines: Iterable[str]) -> DetectedFormat:
    """Looks at the first lines; the first sure sign counts."""
    rest = iter(lines)
    head: list[str] = []
    size, prefixes = 0, LinePrefixes()
    before = ""
    found = ""
    for line in rest:
        head.append(line)
        size += len(line)
        text = clean_line(line)
        found = _sign(text, prefixes.strip(text), before)
        before = text
        if found or len(head) >= _LINES or size > _CHARACTERS:
            break
    return DetectedFormat(found, chain(head, rest))


def _sign(text: str, stripped: str, before: str) -> str:
    if perf_script.sampled(before, text):
        return PERF
    if gdb_mi.RECORD.match(text):
        return MI
    if FRAME_START.match(stripped):
        return GDB
    return FOLDED if ";" in text and "#" not in text[:1] and folded.COUNT.search(text[-20:]) else ""


DISTINCT = 50_000  # different stacks
TEXT = 40_000_000  # characters of the frames of all of them
CALLS = 8_000_000  # characters of the different calls in them: the graph and the report have each
_BESIDES, _BESIDES_OF_CALL = 20, 60  # characters that a frame and a call count besides what they name


@dataclass
class StackCounter:
    """Stacks in the order they came. With `counted` equal ones of a thread are kept once, with their number.

    The first stack there is no room for, and all others that are new from then on, are `left_out`: only counted.
    """

    counted: bool
    distinct: int = DISTINCT
    stacks: list[ImportedStack] = field(default_factory=list)
    left_out: int = 0
    _positions: dict[tuple[ThreadLabel | None, tuple[ImportedFrame, ...]], int] = field(default_factory=dict)
    _frames: dict[ImportedFrame, ImportedFrame] = field(default_factory=dict)  # each different one once
    _calls: set[tuple[str, str]] = field(default_factory=set)
    _text: int = 0
    _text_of_calls: int = 0

    def add(self, stack: ImportedStack) -> None:
        """One more."""
        known = self._positions.get((stack.thread, stack.frames)) if self.counted else None
        if known is not None:
            before = self.stacks[known]
            self.stacks[known] = before._replace(times=before.times + stack.times)
        elif self.left_out or not self._has_room(stack):
            self.left_out += stack.times
        else:
            self._keep(stack)

    def sentence(self) -> str:
        """How many were left out, and what to do; "" when all were kept."""
        if not self.left_out:
            return ""
        kept = f"{len(self.stacks)} {'different ones' if self.counted else 'ones'}"
        return (
            f"{number_of(self.left_out, 'stack')} that came after the first {kept} "
            f"{'is' if self.left_out == 1 else 'are'} left out of everything here: there is no room for more. "
            "Choose a part, as with perf script's --comm or --time."
        )

    def _has_room(self, stack: ImportedStack) -> bool:
        frames = stack.frames + stack.creator
        calls = {(outer.name, inner.name) for inner, outer in pairwise(frames)} - self._calls
        self._calls |= calls
        self._text += sum(map(_length, frames))
        self._text_of_calls += sum(len(outer) + len(inner) + _BESIDES_OF_CALL for outer, inner in calls)
        within = len(self.stacks) < self.distinct and self._text <= TEXT and self._text_of_calls <= CALLS
        return within or not self.stacks  # one there always is

    def _keep(self, stack: ImportedStack) -> None:
        frames = tuple(self._frames.setdefault(frame, frame) for frame in stack.frames)
        if self.counted:
            self._positions[stack.thread, frames] = len(self.stacks)
        self.stacks.append(stack._replace(frames=frames))


def _length(frame: ImportedFrame) -> int:
    arguments = sum(len(name) + len(value) for name, value in frame.arguments)
    return len(frame.name) + len(frame.file) + len(frame.library) + arguments + _BESIDES


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
    records: list[Record]


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
