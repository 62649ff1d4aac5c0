"""What the readers of all formats give: stacks, and the lines they could make nothing of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.model.headings import StackHeading
from analyzer.text import number_of
from gdbscripts.enums import FrameKind
from gdbscripts.records import CUT, UNKNOWN_NAME

SHOWN = 5  # unread lines that are kept to be shown
DEEPEST = 10_000  # frames of one stack: of a deeper one those in the middle are left out
MOST_INNER = DEEPEST // 2
MOST_OUTER = DEEPEST - MOST_INNER - 1  # and one frame stands for those between
_LONGEST_SHOWN = 100  # characters of an unread line


class ImportedFrame(NamedTuple):
    """A frame as the text has it. `gap`: something is missing between it and the next inner one."""

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
        """Whether it only says that something is missing here."""
        return self.name == UNKNOWN_NAME


UNKNOWN_FRAME = ImportedFrame(UNKNOWN_NAME)
_BETWEEN = ImportedFrame(f"{CUT} {DEEPEST} frames>", kind=FrameKind.OTHER)


def at_one_place(frame: ImportedFrame, outer: ImportedFrame) -> bool:
    """Whether two functions have one address: the inner one is inlined. A function that called itself may have it
    too, but then it is at the same line."""
    return 0 < frame.pc == outer.pc and (frame.name, frame.line) != (outer.name, outer.line)


class ThreadLabel(NamedTuple):
    """What the text says of a thread; `main` is None where it does not tell whether it is the main one."""

    number: int = 0
    tid: int = 0
    name: str = ""
    main: bool | None = None


class ImportedStack(NamedTuple):
    """A stack, frames innermost first. `heading` is what `analyze show` printed above it."""

    frames: tuple[ImportedFrame, ...]
    thread: ThreadLabel | None = None
    times: int = 1  # how often it came
    time: float = 0.0  # of the first
    heading: StackHeading | None = None
    creator: tuple[ImportedFrame, ...] = ()  # where the thread was created, as `analyze show` prints it below
    cut: bool = False  # the text says that more frames follow


@dataclass
class UnreadLines:
    """The lines that could not be read: how many, and the first few with their numbers."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, text: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < SHOWN:
            short = text.strip()
            self.first.append((number, short if len(short) <= _LONGEST_SHOWN else short[:_LONGEST_SHOWN] + "…"))

    def sentence(self) -> str:
        """`3 lines could not be read: line 7: …`; "" when there are none."""
        if not self.count:
            return ""
        shown = "; ".join(f"line {number}: {text}" for number, text in self.first)
        more = f"; {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return f"{number_of(self.count, 'line')} could not be read: {shown}{more}"


def bounded(frames: list[ImportedFrame]) -> tuple[ImportedFrame, ...]:
    """The frames, innermost first; of a stack that is too deep both ends, and a frame that stands for the rest."""
    return tuple(frames) if len(frames) <= DEEPEST else (*frames[:MOST_INNER], _BETWEEN, *frames[-MOST_OUTER:])


def append(frames: list[ImportedFrame], frame: ImportedFrame) -> None:
    """One more frame, further out than the others, of which there are never many more than `bounded` keeps."""
    frames.append(frame)
    if len(frames) > 2 * DEEPEST:
        frames[:] = bounded(frames)


def is_too_deep(stack: ImportedStack) -> bool:
    """Whether frames in its middle are left out."""
    return len(stack.frames) == DEEPEST and stack.frames[MOST_INNER] == _BETWEEN
