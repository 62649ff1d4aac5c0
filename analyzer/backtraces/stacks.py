"""The results of the readers of all formats: stacks, and the lines that were not understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.model.frames import CALLERS_OF_MAIN, LIBC_START_FRAMES
from analyzer.model.headings import StackHeading
from analyzer.text import number_of
from gdbscripts.enums import FrameKind
from gdbscripts.records import CUT, UNKNOWN_NAME

MAX_UNREAD_SHOWN = 5  # lines that a message quotes
MAX_FRAMES = 10_000  # frames of one stack; the middle of a deeper one is left out
MAX_INNER_FRAMES = MAX_FRAMES // 2
MAX_OUTER_FRAMES = MAX_FRAMES - MAX_INNER_FRAMES - 1  # one frame stands for those left out
_MAX_QUOTED_LENGTH = 100  # characters of an unread line


class ImportedFrame(NamedTuple):
    """One frame of an imported stack.

    `gap`: lines are missing between it and the next inner frame. Paths are as in the text.
    """

    name: str
    file: str = ""
    line: int = 0
    library: str = ""
    pc: int = 0
    addressed: bool = False
    kind: FrameKind = FrameKind.NORMAL
    arguments: tuple[tuple[str, str], ...] = ()
    gap: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether the frame stands for a function whose name is unknown."""
        return self.name == UNKNOWN_NAME


UNKNOWN_FRAME = ImportedFrame(UNKNOWN_NAME)
_MAX_START_FRAMES = 6
_OUTERMOST = CALLERS_OF_MAIN | LIBC_START_FRAMES | {"main"}
_OMITTED_FRAMES = ImportedFrame(f"{CUT} {MAX_FRAMES} frames>", kind=FrameKind.OTHER)


def have_same_address(frame: ImportedFrame, outer: ImportedFrame) -> bool:
    """Whether `frame` is inlined into `outer`, the next outer frame: both have the same address.

    Frames of a recursive function have the same address too, but also the same name and line.
    """
    return 0 < frame.pc == outer.pc and (frame.name, frame.line) != (outer.name, outer.line)


def reaches_start(frames: Sequence[ImportedFrame]) -> bool:
    """Whether a stack, innermost first, reaches the start of its thread or program, or returns to address 0."""
    last = frames[-1]
    ends_at_zero = last.is_unknown and last.addressed and not last.pc
    # No more than libc's frames are beyond `main`.
    return ends_at_zero or any(frame.name.partition("@")[0] in _OUTERMOST for frame in frames[-_MAX_START_FRAMES:])


class ThreadLabel(NamedTuple):
    """What the text says of a thread: gdb's number, the kernel's tid, its name; 0 or "" when not given.

    `main` is None when the text does not say whether it is the main thread.
    """

    number: int = 0
    tid: int = 0
    name: str = ""
    main: bool | None = None


class ImportedStack(NamedTuple):
    """One stack, frames innermost first. `heading` is of `analyze show`; None in other formats."""

    frames: tuple[ImportedFrame, ...]
    thread: ThreadLabel | None = None
    times: int = 1  # number of equal stacks
    time: float = 0.0  # seconds, of the first one, since the first sample or the program's start
    heading: StackHeading | None = None
    creator: tuple[ImportedFrame, ...] = ()  # the stack that created the thread, as `analyze show` prints it
    open_ended: bool = False  # the callers of the last frame are unknown
    cut: bool = False  # the text shows that it was cut, as gdb's message below it does
    crashed: bool = False  # of apport's field Stacktrace, which names no thread
    position: int = -1  # of frames that gdb printed at a stop or for `up`: the level of the last one
    title: str = ""  # what a tool calls the stack, without addresses: `Write of size 4 by thread T1`


@dataclass
class UnreadLines:
    """The lines that were not understood: their count, and the first few with their line numbers."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, text: str) -> None:
        """Count line `number`, and keep it when it is among the first."""
        self.count += 1
        if len(self.first) < MAX_UNREAD_SHOWN:
            short = text.strip()
            self.first.append(
                (number, short if len(short) <= _MAX_QUOTED_LENGTH else short[:_MAX_QUOTED_LENGTH] + "…")
            )

    def sentence(self) -> str:
        """The message `3 lines could not be read: line 7: …`; "" when there are none."""
        if not self.count:
            return ""
        shown = "; ".join(f"line {number}: {text}" for number, text in self.first)
        more = f"; {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return f"{number_of(self.count, 'line')} could not be read: {shown}{more}"


def limit_depth(frames: list[ImportedFrame]) -> tuple[ImportedFrame, ...]:
    """The frames, innermost first; of more than MAX_FRAMES both ends, and one frame for those left out."""
    return (
        tuple(frames)
        if len(frames) <= MAX_FRAMES
        else (*frames[:MAX_INNER_FRAMES], _OMITTED_FRAMES, *frames[-MAX_OUTER_FRAMES:])
    )


def append_frame(frames: list[ImportedFrame], frame: ImportedFrame) -> None:
    """Append `frame`, the next outer one, to `frames`; their number never exceeds 2 * MAX_FRAMES."""
    frames.append(frame)
    if len(frames) > 2 * MAX_FRAMES:
        frames[:] = limit_depth(frames)


def was_shortened(stack: ImportedStack) -> bool:
    """Whether `limit_depth` left frames of the stack out."""
    return len(stack.frames) == MAX_FRAMES and stack.frames[MAX_INNER_FRAMES] == _OMITTED_FRAMES
