"""Reads what gdb prints: `bt`, `bt full`, `where`, `thread apply all bt`; and what `analyze show` prints.

The format is that of the gdb manual, "Backtraces". Missing lines and levels become unknown frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.brackets import open_braces
from analyzer.backtraces.gdb_frames import MAX_LINE_LENGTH, FrameState, PendingFrame, parse_frame
from analyzer.backtraces.gdb_headings import (
    CUT_OFF,
    broken_thread,
    gdb_thread,
    is_backtrace_command,
    is_crash_field,
    is_current_thread,
    is_listed,
    is_noise,
    is_pager,
    is_source,
    is_source_of,
    is_stacktrace_field,
    resumes_program,
    show_thread,
)
from analyzer.backtraces.line_cleanup import (
    FRAME_START,
    LinePrefixes,
    clean_line,
    join_broken_line,
    without_entities,
)
from analyzer.backtraces.other_frames import other_thread
from analyzer.backtraces.stacks import (
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    append_frame,
    have_same_address,
    limit_depth,
    reaches_start,
)
from analyzer.model.headings import StackHeading, is_creator, read_heading
from gdbscripts.enums import FrameKind

_LOCAL = re.compile(r"\s*[\w$.:<>@~]{1,200} = ")
_WIDE = 78  # columns: a terminal may have broken a line of this length


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks in gdb's output `lines`, each once it is complete; lines not understood go to `unread`."""
    reader = GdbText(unread)
    number, last = 0, ""
    for number, line in enumerate(lines, 1):
        if number > 1:
            yield from reader.feed(number - 1, last)
        last = line
    whole_line = last.endswith("\n")
    yield from reader.feed(number, last, whole_line)
    yield from reader.end(whole_line)


class GdbText:
    """A parser that takes gdb's output line by line and yields each stack once it is complete."""

    def __init__(self, unread: UnreadLines) -> None:
        self._unread = unread
        self._prefixes = LinePrefixes()
        self._pending: PendingFrame | None = None
        self._stack = _Stack()
        self._thread: ThreadLabel | None = None
        self._current: ThreadLabel | None = None  # gdb's current thread
        self._braces = 0  # open in the value of a local variable
        self._local_goes_on = False
        self._broken_heading = ""  # the first part of a thread's heading
        self._previous = ""  # the preceding line, when it is of no stack
        self._paged = False  # gdb's pager stopped in this line
        self._prompted = False  # gdb's prompt begins this line
        self._prints_backtrace = False  # the next stack is of a backtrace command, or of `thread apply`

    def feed(self, number: int, raw: str, whole_line: bool = True) -> Iterator[ImportedStack]:
        """Parse line `number`; yields the stack that it ends, if any. Without `whole_line` it may be cut."""
        if len(raw) > MAX_LINE_LENGTH:
            yield from self._close_frame()
            self._add_unread(number, raw)
            return
        line = self._prefixes.strip(clean_line(without_entities(raw)))
        self._paged, self._prompted = is_pager(raw), "(gdb)" in raw[:20]
        if FRAME_START.match(line):
            yield from self._close_frame()
            self._broken_heading = self._previous = ""
            self._pending = PendingFrame(number, line)
        elif self._pending is None or not self._pending.takes(number, line):
            yield from self._close_frame()
            yield from self._between(number, line) if whole_line else self._cut_line(number, line)

    def start_command(self) -> Iterator[ImportedStack]:
        """Begin the output of a command: it is of the current thread unless a heading names another."""
        yield from self._close_frame()
        yield from self._finish()
        self._thread = self._current

    def end(self, whole_line: bool = True) -> Iterator[ImportedStack]:
        """End the text; yields the last stack, if any. Without `whole_line` its last line may be cut."""
        if self._pending is not None and not whole_line:
            self._pending.drop_cut_library()
        yield from self._close_frame()
        yield from self._finish(self._stack.followed and whole_line)

    def _close_frame(self) -> Iterator[ImportedStack]:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        self._braces, self._local_goes_on = 0, False
        read = pending.read
        level = read.level if read else int((FRAME_START.match(pending.text) or [0, 0])[1])
        if level <= self._stack.level:
            yield from self.start_command()
        if read is None or read.frame is None:
            self._add_unread(pending.number, pending.text)
        else:
            self._stack.add(level, read.frame)
        self._stack.cut = pending.ends_early
        for number, text in pending.unparsed_lines():
            self._add_unread(number, text)

    def _cut_line(self, number: int, line: str) -> Iterator[ImportedStack]:
        """Parse the text's last line, which may be the beginning of any line, as `n` is of `n = 1`."""
        if self._cuts_stack(line):
            self._stack.cut = True
        elif line.strip() and not is_noise(line) and not self._is_known(line, self._previous):
            self._add_unread(number, line)
        yield from ()

    def _cuts_stack(self, line: str) -> bool:
        return bool(CUT_OFF.match(line)) or (self._paged and line.strip() in ("", "q"))

    def _between(self, number: int, line: str) -> Iterator[ImportedStack]:
        line = join_broken_line(self._broken_heading, line) if self._broken_heading else line
        heading, broken = read_heading(line), broken_thread(line)
        thread = gdb_thread(line) or other_thread(line)
        previous, self._previous = self._previous, line
        self._broken_heading = line if broken and not thread else ""
        if heading is not None:
            yield from self._finish()
            self._thread = show_thread(heading.thread)
            self._stack = _Stack(heading)
        elif thread is not None or broken is not None:
            if self._stack.frames and self._thread is None and is_current_thread(line):
                self._thread = thread
            yield from self._finish()
            self._thread = thread or broken
            self._prints_backtrace = is_listed(line)
            if not self._prints_backtrace:
                self._current = self._thread
        elif is_backtrace_command(line) or is_crash_field(line):
            yield from self.start_command()
            self._prints_backtrace = True
            self._stack.crashed = is_stacktrace_field(line)
        elif is_creator(line) and self._stack.heading:
            self._stack.start_creator()
        elif self._cuts_stack(line):
            self._stack.cut = True
        elif not line.strip():
            self._stack.end_at_empty_line()
        elif resumes_program(line):
            yield from self._finish()
            self._thread = self._current = None
        elif is_noise(line):
            self._stack.followed = self._stack.followed or self._prompted
        elif not self._is_known(line, previous):
            self._add_unread(number, line)

    def _is_known(self, line: str, previous: str) -> bool:
        if self._stack.frames:
            return self._is_below_a_frame(line)
        return is_source_of(previous, line) or stopped_at(line)

    def _is_below_a_frame(self, line: str) -> bool:
        """Whether `line` is a local variable of `bt full`, or the source line that `frame` prints."""
        continued = self._braces > 0 or self._local_goes_on
        local = bool(_LOCAL.match(line))
        if not local and not continued:
            self._stack.note_source_line(line)
            return is_source(line)
        self._braces = max(0, self._braces + open_braces(line))
        self._local_goes_on = len(line) >= _WIDE
        return True

    def _add_unread(self, number: int, line: str) -> None:
        self._unread.add(number, line)
        self._stack.gap = True

    def _finish(self, ended: bool = True) -> Iterator[ImportedStack]:
        """Yield the stack read so far, if any; `ended` says that something follows it in the text."""
        stack, self._stack = self._stack, _Stack()
        printed, self._prints_backtrace = self._prints_backtrace, False
        if stack.frames:
            yield stack.imported(self._thread, ended, printed)


class _Stack:
    """A stack to which frames are still added."""

    def __init__(self, shown: StackHeading | None = None) -> None:
        self.heading = shown if shown and shown.sentence else None
        self._time, self._times = (shown.time, shown.count) if shown else (0.0, 1)
        self.frames: list[ImportedFrame] = []
        # The thread's own stack, while `frames` is its creator's.
        self._thread_frames: list[ImportedFrame] | None = None
        self._thread_cut = False
        self.level = -1
        self.gap = False
        self.cut = False
        self.crashed = False
        self.followed = False  # an empty line follows the last frame
        self._selected = False  # gdb printed a source line below a frame, as for `up` and `frame`
        self._spaced = False  # empty lines are between frames, too: then they end no stack

    def add(self, level: int, frame: ImportedFrame) -> None:
        """Add the frame of `level`; a gap in the levels becomes an unknown frame."""
        if level != self.level + 1:
            append_frame(self.frames, UNKNOWN_FRAME)
        append_frame(self.frames, frame._replace(gap=self.gap and bool(self.frames)))
        self.level, self.gap = level, False
        self._spaced = self._spaced or self.followed
        self.cut = self.followed = False

    def end_at_empty_line(self) -> None:
        """Take an empty line, which follows the last frame unless such lines are between all frames."""
        self.followed = bool(self.frames) and not self._spaced

    def note_source_line(self, line: str) -> None:
        """Note that `line` follows the last frame: its source line, when it begins with the number."""
        place = self.frames[-1].line
        self._selected = self._selected or (place > 0 and line.partition(" ")[0] == str(place))

    def start_creator(self) -> None:
        """Begin the stack that created the thread: later frames belong to it."""
        if self._thread_frames is None:
            self._thread_frames, self._thread_cut = self.frames, self.cut
            self.frames, self.level, self.gap, self.cut = [], -1, False, False

    def imported(self, thread: ThreadLabel | None, ended: bool, printed: bool) -> ImportedStack:
        """The stack read so far, of thread `thread`.

        It is open-ended when it was cut, when nothing shows that it has `ended`, and when it is of frames that no
        backtrace command `printed`; not when it reaches the start of a thread or of the program.
        """
        own, creator = (self.frames, []) if self._thread_frames is None else (self._thread_frames, self.frames)
        cut = self.cut if self._thread_frames is None else self._thread_cut
        frames = own if self.heading else inlined(own)
        known = [frame for frame in own if not frame.is_unknown]
        position = (len(known) == 1 or self._selected) and not (printed or self.heading)
        open_ended = (cut or position or not (ended or creator)) and not reaches_start(own)
        return ImportedStack(
            limit_depth(frames), thread, self._times, self._time, self.heading, limit_depth(creator),
            open_ended, cut, self.crashed, self.level if position else -1,
        )  # fmt: skip


def stopped_at(line: str) -> bool:
    """Whether `line` is gdb's report of where the program stopped: a frame without its number."""
    parsed = parse_frame(f"#0  {line}")
    return parsed is not None and parsed.state is FrameState.COMPLETE


def inlined(frames: list[ImportedFrame]) -> list[ImportedFrame]:
    """The frames with kind `inline` for those inlined into the next outer frame.

    gdb prints no address for a frame whose next inner frame is inlined; other tools print the same address for
    both. Unchanged when no frame has an address, or when frames are marked already.
    """
    marked = any(frame.kind in (FrameKind.INLINE, FrameKind.TAIL) for frame in frames)
    if marked or not any(frame.addressed for frame in frames[1:]):
        return frames
    # The line number of the last frame may be cut: then a recursive call looks like an inlined one.
    recursive = {len(frames) - 2} if len(frames) > 1 and frames[-2].name == frames[-1].name else set[int]()
    return [
        frame._replace(kind=FrameKind.INLINE) if level not in recursive and _is_inlined(frame, outer) else frame
        for level, (frame, outer) in enumerate(zip(frames, [*frames[1:], UNKNOWN_FRAME], strict=True))
    ]


def _is_inlined(frame: ImportedFrame, outer: ImportedFrame) -> bool:
    plain = frame.kind is outer.kind is FrameKind.NORMAL and not frame.is_unknown and not outer.is_unknown
    return plain and not outer.gap and (not outer.addressed or have_same_address(frame, outer))
