"""What gdb prints for people: `bt`, `bt full`, `where`, `thread apply all bt`; and our own `analyze show`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.brackets import open_braces
from analyzer.backtraces.gdb_frames import LONGEST, FrameState, PendingFrame, parse_frame
from analyzer.backtraces.gdb_headings import (
    CUT_OFF,
    asks_for_stack,
    broken_thread,
    gdb_thread,
    goes_on,
    is_listed,
    is_noise,
    is_source,
    is_source_of,
    show_thread,
)
from analyzer.backtraces.line_cleanup import FRAME_START, LinePrefixes, clean_line, joined, without_entities
from analyzer.backtraces.other_frames import other_thread
from analyzer.backtraces.stacks import (
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    append,
    at_one_place,
    bounded,
)
from analyzer.model.headings import StackHeading, is_creator, read_heading
from gdbscripts.enums import FrameKind

_LOCAL = re.compile(r"\s*[\w$.:<>@~]{1,200} = ")
_WIDE = 78  # columns: a line so long may have been broken by the terminal


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks in gdb's output, each as soon as it is whole."""
    reader = GdbText(unread)
    for number, line in enumerate(lines, 1):
        yield from reader.feed(number, line)
    yield from reader.end()


class GdbText:
    """Takes lines one by one."""

    def __init__(self, unread: UnreadLines) -> None:
        self._unread = unread
        self._prefixes = LinePrefixes()
        self._pending: PendingFrame | None = None
        self._stack = _Stack()
        self._thread: ThreadLabel | None = None
        self._current: ThreadLabel | None = None  # the one that gdb is in
        self._braces = 0  # open in the value of a local variable
        self._local_goes_on = False
        self._begun = ""  # a thread's heading that was broken
        self._before = ""  # the line before, when it is of no stack

    def feed(self, number: int, raw: str) -> Iterator[ImportedStack]:
        """One more line; the stack that it ends, if it does."""
        if len(raw) > LONGEST:
            yield from self._close_frame()
            self._nobody_reads(number, raw)
            return
        line = self._prefixes.strip(clean_line(without_entities(raw)))
        if FRAME_START.match(line):
            yield from self._close_frame()
            self._begun = self._before = ""
            self._pending = PendingFrame(number, line)
        elif self._pending is None or not self._pending.takes(number, line):
            yield from self._close_frame()
            yield from self._between(number, line)

    def asked(self) -> Iterator[ImportedStack]:
        """A command begins: what follows is of the thread that gdb is in, unless it says otherwise."""
        yield from self._close_frame()
        yield from self._finish()
        self._thread = self._current

    def end(self) -> Iterator[ImportedStack]:
        """There are no more lines."""
        yield from self._close_frame()
        yield from self._finish()

    def _close_frame(self) -> Iterator[ImportedStack]:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        self._braces, self._local_goes_on = 0, False
        read = pending.read
        level = read.level if read else int((FRAME_START.match(pending.text) or [0, 0])[1])
        if level <= self._stack.level:
            yield from self.asked()
        if read is None or read.frame is None:
            self._nobody_reads(pending.number, pending.text)
        else:
            self._stack.add(level, read.frame)
        for number, text in pending.left_over():
            self._nobody_reads(number, text)

    def _between(self, number: int, line: str) -> Iterator[ImportedStack]:
        line = joined(self._begun, line) if self._begun else line
        ours, thread, broken = read_heading(line), gdb_thread(line) or other_thread(line), broken_thread(line)
        before, self._before, self._begun = self._before, line, line if broken and not thread else ""
        if ours is not None:
            yield from self._finish()
            self._thread = show_thread(ours.thread)
            self._stack = _Stack(ours)
        elif thread is not None or broken is not None:
            yield from self._finish()
            self._thread = thread or broken
            if not is_listed(line):
                self._current = self._thread
        elif asks_for_stack(line):
            yield from self.asked()
        elif is_creator(line) and self._stack.heading:
            self._stack.now_the_creator()
        elif CUT_OFF.match(line):
            self._stack.cut = True
        elif goes_on(line):
            yield from self._finish()
            self._thread = self._current = None
        elif line.strip() and not is_noise(line) and not self._is_known(line, before):
            self._nobody_reads(number, line)

    def _is_known(self, line: str, before: str) -> bool:
        if self._stack.frames:
            return self._is_below_a_frame(line)
        return is_source_of(before, line) or stopped_at(line)

    def _is_below_a_frame(self, line: str) -> bool:
        """A local variable of `bt full`, or the line of source that `frame` prints."""
        continued = self._braces > 0 or self._local_goes_on
        local = bool(_LOCAL.match(line))
        if not local and not continued:
            return is_source(line)
        self._braces = max(0, self._braces + open_braces(line))
        self._local_goes_on = len(line) >= _WIDE
        return True

    def _nobody_reads(self, number: int, line: str) -> None:
        self._unread.add(number, line)
        self._stack.gap = True

    def _finish(self) -> Iterator[ImportedStack]:
        stack, self._stack = self._stack, _Stack()
        if stack.frames:
            yield stack.whole(self._thread)


class _Stack:
    """A stack that is being read."""

    def __init__(self, shown: StackHeading | None = None) -> None:
        self.heading = shown if shown and shown.sentence else None
        self._time, self._times = (shown.time, shown.count) if shown else (0.0, 1)
        self.frames: list[ImportedFrame] = []
        self._inner: list[ImportedFrame] | None = None  # the stack itself, while its thread's creator is read
        self.level = -1
        self.gap = False
        self.cut = False

    def add(self, level: int, frame: ImportedFrame) -> None:
        """The frame of a level: what the text leaves out leaves a hole."""
        if level != self.level + 1:
            append(self.frames, UNKNOWN_FRAME)
        append(self.frames, frame._replace(gap=self.gap and bool(self.frames)))
        self.level, self.gap = level, False

    def now_the_creator(self) -> None:
        """The frames that follow are of the stack that created the thread."""
        if self._inner is None:
            self._inner, self.frames, self.level, self.gap = self.frames, [], -1, False

    def whole(self, thread: ThreadLabel | None) -> ImportedStack:
        """The stack as it was read."""
        own, creator = (self.frames, []) if self._inner is None else (self._inner, self.frames)
        frames = own if self.heading else inlined(own)
        return ImportedStack(
            bounded(frames), thread, self._times, self._time, self.heading, bounded(creator), self.cut
        )


def stopped_at(line: str) -> bool:
    """Whether gdb says where the program stopped: a frame without its number."""
    told = parse_frame(f"#0  {line}")
    return told is not None and told.state is FrameState.WHOLE


def inlined(frames: list[ImportedFrame]) -> list[ImportedFrame]:
    """The frames with those marked that are inlined into the next outer one.

    gdb prints no address for a function that stands in code inlined into it: it has gone nowhere; others print the
    same address for both. This tells
    nothing where no frame has an address, or where frames are marked already.
    """
    marked = any(frame.kind in (FrameKind.INLINE, FrameKind.TAIL) for frame in frames)
    if marked or not any(frame.addressed for frame in frames[1:]):
        return frames
    return [
        frame._replace(kind=FrameKind.INLINE) if _is_inlined(frame, outer) else frame
        for frame, outer in zip(frames, [*frames[1:], UNKNOWN_FRAME], strict=True)
    ]


def _is_inlined(frame: ImportedFrame, outer: ImportedFrame) -> bool:
    plain = frame.kind is outer.kind is FrameKind.NORMAL and not frame.is_unknown and not outer.is_unknown
    return plain and not outer.gap and (not outer.addressed or at_one_place(frame, outer))
