"""The lines that `analyze show` writes around a stack: how they are written, and how they are read back.

The importer takes what `show` printed. Each sentence stands here once, for the one that writes it and the one that
reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from analyzer.text import opening_parenthesis
from gdbscripts.enums import FrameKind, StopReason

MAIN_THREAD = "main thread"
UNKNOWN_THREAD = "unknown thread"  # of an imported stack whose text does not name its thread
IN_FUNCTION = "In {}"  # also the title of a milestone: an imported stack ends in that function
STARTS = "{} starts"  # title of the milestone `main`, of QEMU or of another program
ASKED_FOR = "Asked for: {}"  # title of the milestone of a function that the user named with --break
FRAME_MARKS = {FrameKind.INLINE: "[inlined]", FrameKind.TAIL: "[tail call]"}  # at the end of a frame's line

_SENTENCES = {
    StopReason.WHERE: "Where it stood at the end",
    StopReason.ATTACH: "Where it stood when gdb attached",
    StopReason.SIGNAL: "Where it crashed: {}",
    StopReason.STORE: "A function pointer is stored",
    StopReason.THREAD_CREATE: "A thread is created, starting in {}",
    StopReason.IO: "A device's function runs for the guest: {}",
    StopReason.SAMPLE: IN_FUNCTION,
}
_BEGINNING = "== "
_BETWEEN_TITLES = "; "
_LONGEST = 2000  # characters of a heading
_IOCTL = re.compile(r"(?P<titles>.*), (?P<request>\w+) on (?P<file>\S+)$")
_MOMENT = re.compile(r"(?P<time>\d{1,9}\.\d{3}) s(?:, (?P<count>\d{1,12}) times)?$")
_NUMBERED_THREAD = re.compile(r"thread (\d{1,9})")
_CREATOR = re.compile(r"-- .{1,200} was created by:$")


@dataclass(frozen=True)
class StackHeading:
    """What the line above a stack says. `thread` is the label of the stopped thread."""

    reason: StopReason
    thread: str
    time: float  # seconds since the program was started
    # thread-create: where the new thread starts; io and sample: the innermost function; signal: its name
    function: str = ""
    titles: tuple[str, ...] = ()  # of the milestones that the stop reached
    ioctl: tuple[str, str] | None = None  # name of the request, file behind the descriptor
    count: int = 1  # how many equal stacks there are

    @property
    def sentence(self) -> str:
        """The heading without thread and time."""
        sentence = _SENTENCES.get(self.reason)
        ioctl = ", {} on {}".format(*self.ioctl) if self.ioctl else ""
        return (_BETWEEN_TITLES.join(self.titles) if sentence is None else sentence.format(self.function)) + ioctl


def write_heading(heading: StackHeading) -> str:
    """`== The goal, KVM_RUN on anon_inode:kvm-vcpu:0 (CPU 0/KVM, 0.313 s, 3 times)`."""
    count = f", {heading.count} times" if heading.count > 1 else ""
    return f"{_BEGINNING}{heading.sentence} ({heading.thread}, {heading.time:.3f} s{count})"


def read_heading(line: str) -> StackHeading | None:
    """The heading that `write_heading` wrote as this line; None for another line.

    A sample is written like a stack that ends at a milestone of its own, and is read as one.
    """
    plausible = line.startswith(_BEGINNING) and line.endswith(")") and len(line) < _LONGEST
    opened = opening_parenthesis(line) if plausible else -1
    thread, comma, rest = line[opened + 1 : -1].partition(", ") if opened > 0 else ("", "", "")
    moment = _MOMENT.match(rest)
    while comma and moment is None:  # a thread may have a comma in its name
        more, comma, rest = rest.partition(", ")
        thread, moment = f"{thread}, {more}", _MOMENT.match(rest)
    if moment is None:
        return None
    heading = _read_sentence(line[len(_BEGINNING) : opened].strip())
    return replace(heading, thread=thread, time=float(moment["time"]), count=int(moment["count"] or 1))


def _read_sentence(text: str) -> StackHeading:
    for reason, sentence in _SENTENCES.items():
        function = filled_in(sentence, text)
        if function is not None and reason is not StopReason.SAMPLE:
            return StackHeading(reason, "", 0.0, function)
    ioctl = _IOCTL.match(text)
    joined = ioctl["titles"] if ioctl else text
    titles = tuple(joined.split(_BETWEEN_TITLES)) if joined else ()
    asked_for = titles and all(filled_in(ASKED_FOR, title) is not None for title in titles)
    reason = StopReason.BREAK if asked_for else StopReason.MILESTONE
    return StackHeading(reason, "", 0.0, titles=titles, ioctl=(ioctl["request"], ioctl["file"]) if ioctl else None)


def filled_in(sentence: str, text: str) -> str | None:
    """The function that `text` names where `sentence` has `{}`, "" when it has none; None for another text."""
    before, gap, _ = sentence.partition("{}")
    matches = text.startswith(before) if gap else text == sentence
    return text[len(before) :] if matches else None


def titles_in(sentence: str) -> list[str]:
    """The titles that a heading's sentence is made of."""
    return sentence.split(_BETWEEN_TITLES)


def write_thread(number: int, name: str) -> str:
    """The label of a thread: `name` unless it is the main one or has none."""
    return MAIN_THREAD if number == 1 else name or f"thread {number}"


def read_thread(label: str) -> tuple[int, str]:
    """(number, name) of the thread that `write_thread` gave this label; number 0 when the label is its name."""
    if label == MAIN_THREAD:
        return 1, ""
    numbered = _NUMBERED_THREAD.fullmatch(label)
    return (int(numbered[1]), "") if numbered else (0, label)


def write_creator(thread: str) -> str:
    """The line below a stack that begins the stack in which the thread of that label was created."""
    return f"-- {thread} was created by:"


def write_open_end(function: str) -> str:
    """The line below an open-ended stack, whose last frame is of `function`."""
    return f"(The callers of {function} are unknown.)"


def is_creator(line: str) -> bool:
    """Whether the line is one that `write_creator` writes."""
    return bool(_CREATOR.match(line))
