"""Imports a text with backtraces: detects its format, reads the stacks, makes the records of a recording.

`formats.py` has the table of formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import NamedTuple

from analyzer.backtraces.formats import FOLDED, FORMATS, GDB, FormatDetector
from analyzer.backtraces.mangled_names import Demangle, demangle_stacks
from analyzer.backtraces.program import TextFacts
from analyzer.backtraces.records import ImportOrigin, records
from analyzer.backtraces.repeated_stacks import without_repeated
from analyzer.backtraces.stacks import (
    MAX_FRAMES,
    MAX_INNER_FRAMES,
    MAX_OUTER_FRAMES,
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    reaches_start,
    was_shortened,
)
from analyzer.backtraces.unsupported import unsupported_tool
from analyzer.errors import AnalyzerError, UsageError
from analyzer.model.recording import Recording
from analyzer.recording.reader import assemble
from analyzer.text import number_of
from gdbscripts.records import Record

_DETECTED_LINES, _DETECTED_CHARACTERS = 500, 1 << 20  # of the beginning, for detecting the format
# A frame as eu-stack, lldb and the sanitizers number it, and as valgrind prints it.
_FRAME_LINE = re.compile(r"(?:^|\s)(?:frame )?#\d{1,9}:?\s|\s(?:at|by) 0x")
_MAX_WATCHED, _MAX_WATCHED_LENGTH = 10_000, 2000  # unread lines that may begin another format; their characters


class DetectedFormat(NamedTuple):
    """A key of FORMATS, "" when no line is typical of a format; and all lines of the text."""

    format: str
    lines: Iterator[str]


def detect(lines: Iterable[str]) -> DetectedFormat:
    """Detect the format by the first line that occurs in one format only, among the first 500 lines."""
    rest = iter(lines)
    head: list[str] = []
    size, detector = 0, FormatDetector()
    found = ""
    for line in rest:
        head.append(line)
        size += len(line)
        found = detector.detect(line)
        if found or len(head) >= _DETECTED_LINES or size > _DETECTED_CHARACTERS:
            break
    return DetectedFormat(found, chain(head, rest))


# Limits that keep the memory of the import and the size of the report bounded.
MAX_DISTINCT_STACKS = 50_000
MAX_FRAME_TEXT = 40_000_000  # characters of the frames of all stacks
MAX_CALL_TEXT = 8_000_000  # characters of the different calls: the graph and the report have each of them
_FRAME_OVERHEAD, _CALL_OVERHEAD = 20, 60  # characters in a file beside the names


@dataclass
class StackCounter:
    """Collects stacks in their order, within the limits. With `merges_equal` equal stacks of a thread are merged.

    `omitted` counts the stacks beyond a limit: the first one that exceeds it, and every new one after that.
    """

    merges_equal: bool
    max_distinct: int = MAX_DISTINCT_STACKS
    stacks: list[ImportedStack] = field(default_factory=list)
    omitted: int = 0
    _positions: dict[tuple[ThreadLabel | None, tuple[ImportedFrame, ...]], int] = field(default_factory=dict)
    # The one object for all equal frames.
    _frames: dict[ImportedFrame, ImportedFrame] = field(default_factory=dict)
    _calls: set[tuple[str, str]] = field(default_factory=set)
    _text: int = 0
    _text_of_calls: int = 0

    def add(self, stack: ImportedStack) -> None:
        """Add one stack, or count it as omitted."""
        known = self._positions.get((stack.thread, stack.frames)) if self.merges_equal else None
        if known is not None:
            equal = self.stacks[known]
            self.stacks[known] = equal._replace(times=equal.times + stack.times)
        elif self.omitted or not self._has_room(stack):
            self.omitted += stack.times
        else:
            self._append(stack)

    def sentence(self) -> str:
        """The message about omitted stacks, with its next step; "" when there are none."""
        if not self.omitted:
            return ""
        imported = f"{len(self.stacks)} {'different stacks' if self.merges_equal else 'stacks'}"
        return (
            f"{number_of(self.omitted, 'stack')} after the first {imported} "
            f"{'is' if self.omitted == 1 else 'are'} not imported: the size limit is reached. "
            "Select a part, for example with --comm or --time of perf script."
        )

    def _has_room(self, stack: ImportedStack) -> bool:
        frames = stack.frames + stack.creator
        calls = {(outer.name, inner.name) for inner, outer in pairwise(frames)} - self._calls
        self._calls |= calls
        self._text += sum(map(_length, frames))
        self._text_of_calls += sum(len(outer) + len(inner) + _CALL_OVERHEAD for outer, inner in calls)
        within = (
            len(self.stacks) < self.max_distinct
            and self._text <= MAX_FRAME_TEXT
            and self._text_of_calls <= MAX_CALL_TEXT
        )
        return within or not self.stacks  # a recording has at least one stack

    def _append(self, stack: ImportedStack) -> None:
        frames = tuple(self._frames.setdefault(frame, frame) for frame in stack.frames)
        if self.merges_equal:
            self._positions[stack.thread, frames] = len(self.stacks)
        self.stacks.append(stack._replace(frames=frames))


def _length(frame: ImportedFrame) -> int:
    arguments = sum(len(name) + len(value) for name, value in frame.arguments)
    return len(frame.name) + len(frame.file) + len(frame.library) + arguments + _FRAME_OVERHEAD


class _WatchedLines(UnreadLines):
    """Unread lines, of which the first that begins another format is noted.

    `other` is the key of that format in FORMATS and the number of the line; ("", 0) when there is none.
    """

    def __init__(self, text_format: str) -> None:
        super().__init__()
        self.other = ("", 0)
        self._format = text_format
        self._detector = FormatDetector()

    def add(self, number: int, text: str) -> None:
        """Count line `number`."""
        super().add(number, text)
        if not self.other[0] and self.count <= _MAX_WATCHED and len(text) <= _MAX_WATCHED_LENGTH:
            found = self._detector.detect(text)
            if found not in ("", self._format, FOLDED):  # any text with a semicolon and a number looks folded
                self.other = (found, number)

    def other_format(self) -> str:
        """The message about the other format, with its next step; "" when there is none."""
        name, number = self.other
        if not name:
            return ""
        return (
            f"Line {number} looks like {FORMATS[name].about}. One format is read at a time: "
            f"import the text once more with --format {name} for those stacks."
        )


@dataclass(frozen=True)
class ImportedText:
    """The result of an import: the records of a recording, and messages about what they lack."""

    format: str  # a key of FORMATS
    stacks: int  # number of stacks in the text, equal and omitted ones included
    unread: UnreadLines
    shortened: str  # message about the stacks whose middle is left out; "" when there are none
    omitted: str  # message about the stacks that are not imported; "" when there are none
    cut: str  # message about the stacks that the text shows to be cut; "" when there are none
    other_format: str  # message about lines of another format; "" when there are none
    mangled: str  # message about names that stay mangled; "" when there are none
    records: list[Record]


def import_text(
    lines: Iterable[str],
    origin: ImportOrigin,
    text_format: str = "",
    max_distinct: int = MAX_DISTINCT_STACKS,
    demangle: Demangle | None = None,
) -> ImportedText:
    """Import the text `lines` in the format `text_format`, a key of FORMATS; "" to detect it.

    At most `max_distinct` stacks are imported, the first ones; a note says how many are omitted. `demangle` is
    given all mangled names at once; without it they stay mangled.
    Raises AnalyzerError when the text has no stack that can be read, UsageError for an unknown format.
    """
    if text_format and text_format not in FORMATS:
        raise UsageError(f"Unknown format {text_format}.", f"Known formats: {', '.join(FORMATS)}.")
    detected = detect(lines)
    chosen = text_format or detected.format or GDB
    unread, counter = _WatchedLines(chosen), StackCounter(FORMATS[chosen].sampled, max_distinct)
    read = cut = deep = 0
    facts = TextFacts()
    for stack in FORMATS[chosen].read(facts.watch(detected.lines), unread):
        counter.add(stack)
        read += 1
        cut += stack.cut
        deep += was_shortened(stack)
    # Any binary file has a line that looks like a folded stack.
    detected_by_chance = chosen == FOLDED != text_format and unread.count > read
    if not counter.stacks or detected_by_chance:
        if facts.lists_threads:
            raise _no_backtrace_of_threads(origin.name_in_messages or origin.name)
        raise _nothing_read(origin.name_in_messages or origin.name, unread)
    shortened = _shortened(deep)
    if FORMATS[chosen].ends_at_start and _ends_in_stack(counter.stacks[-1], facts.last_line):
        counter.stacks[-1] = _open_ended(counter.stacks[-1], facts.last_line)
        cut += 1
    distinct = counter.stacks if counter.merges_equal else without_repeated(counter.stacks)
    stacks, mangled = demangle_stacks(distinct, demangle)
    notes = [*_notes(unread, counter, cut), *filter(None, (unread.other_format(), shortened, mangled))]
    named = replace(origin, program=origin.program or facts.program)
    return ImportedText(
        format=chosen,
        stacks=sum(stack.times for stack in stacks) + counter.omitted,
        unread=unread,
        shortened=shortened,
        omitted=counter.sentence(),
        cut=_cut_sentence(cut),
        other_format=unread.other_format(),
        mangled=mangled,
        records=list(records(stacks, named, notes, counter.merges_equal)),
    )


def _ends_in_stack(last: ImportedStack, last_line: str) -> bool:
    """Whether the text ends in the middle of its last stack: in a frame, and before `main` or a thread's start."""
    in_frame = not last_line.endswith("\n") or bool(_FRAME_LINE.search(last_line[-1000:]))
    return in_frame and not reaches_start(last.frames)


def _open_ended(last: ImportedStack, last_line: str) -> ImportedStack:
    """`last` without known callers. A name that ends the text, without a line end, may be half a name: unknown."""
    *inner, outermost = last.frames
    if not last_line.endswith("\n") and last_line.rstrip().endswith(outermost.name):
        outermost = UNKNOWN_FRAME
    return last._replace(frames=(*inner, outermost), open_ended=True, cut=True)


def recording_from_text(lines: Iterable[str], name: str, text_format: str = "") -> Recording:
    """Import `lines` as a Recording in memory, called `name`; raises what `import_text` raises."""
    return assemble(import_text(lines, ImportOrigin(name), text_format).records, name)


def _notes(unread: UnreadLines, counter: StackCounter, cut: int) -> Iterator[str]:
    if unread.count:
        yield f"{unread.sentence()}."
    if cut:
        yield _cut_sentence(cut)
    if counter.omitted:
        yield counter.sentence()


def _cut_sentence(cut: int) -> str:
    """The message about backtraces that the text shows to be cut; "" when there are none."""
    ends = "was cut and ends" if cut == 1 else "were cut and end"
    message = f"{number_of(cut, 'backtrace')} {ends} before the outermost frame: the callers are unknown."
    return message if cut else ""


def _shortened(deep: int) -> str:
    if not deep:
        return ""
    stacks = number_of(deep, "stack is", "stacks are")
    imported = f"the innermost {MAX_INNER_FRAMES} and the outermost {MAX_OUTER_FRAMES}"
    return f"{stacks} deeper than {MAX_FRAMES} frames: only {imported} frames are imported."


def _no_backtrace_of_threads(name: str) -> AnalyzerError:
    return AnalyzerError(
        f"{name} lists threads with one frame each, as info threads does, and no backtrace.",
        "In gdb, give thread apply all bt, and use what it prints.",
    )


def _nothing_read(name: str, unread: _WatchedLines) -> AnalyzerError:
    reasons = f" {unread.sentence()}." if unread.count else ""
    tool = unsupported_tool([line for _, line in unread.first])
    if tool:
        reasons += f" It looks like the output of {tool.name}, a format that is not supported."
        return AnalyzerError(f"{name} has no backtrace that can be read.{reasons}", tool.instead)
    reasons += f" {unread.other_format()}".rstrip()
    formats = "; ".join(f"{name} ({each.about})" for name, each in FORMATS.items())
    return AnalyzerError(f"{name} has no backtrace that can be read.{reasons}", f"Known formats: {formats}.")
