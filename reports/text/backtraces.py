"""Writes recorded backtraces in the format of gdb's `bt`; a mark follows inlined and tail call frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Protocol

from analyzer.errors import UsageError
from analyzer.model.frames import Arguments, Frame, Stop, Thread, distinct_stops
from analyzer.model.headings import FRAME_MARKS, StackHeading, write_creator, write_heading, write_open_end
from analyzer.model.recording import Recording
from analyzer.text import some_of
from gdbscripts.enums import FrameKind, StopReason
from gdbscripts.records import IMPORT, UNKNOWN_ARGUMENTS, UNKNOWN_NAME, HeaderRecord

_NAMES_IN_HINT = 30  # functions and milestones; --break may have recorded hundreds


class Context(Protocol):
    """What a backtrace shows beside its stop: of a recording in memory, or of one that is read meanwhile."""

    @property
    def titles(self) -> dict[str, str]: ...

    def thread(self, number: int) -> Thread: ...

    def creation(self, thread: Thread) -> Stop | None: ...


def backtraces(recording: Recording, function: str = "", each: bool = False) -> Iterator[str]:
    """Yield a backtrace with its heading for each stop of `stops_about`. Raises UsageError as `stops_about`."""
    for stop in stops_about(recording, function, each):
        yield _text(stop, recording)


def backtraces_of(
    stops: Iterable[Stop], context: Context, header: HeaderRecord, function: str = ""
) -> Iterator[str]:
    """Yield a backtrace with its heading for each of `stops`, at once; only for those in or for `function` when it
    is given. UsageError after the last stop when there is none."""
    known: set[str] = set()
    found = not function
    for stop in stops:
        if not function or _concerns(stop, function):
            found = True
            yield _text(stop, context)
        elif not found:
            known.update(_names(stop))
    if not found:
        raise _nothing_recorded(known, header, function)


def _text(stop: Stop, context: Context) -> str:
    return f"{heading(stop, context)}\n{backtrace(stop, context)}"


def stops_about(recording: Recording, function: str = "", each: bool = False) -> list[Stop]:
    """The stops in the order recorded; only those in or for `function` when it is given.

    Stops with equal headings and stacks are one, the first one with the count of all, unless `each` is set.
    `function` may be the innermost function's name or a milestone's. Raises UsageError when none was recorded.
    """
    stops = [stop for stop in recording.stops if not function or _concerns(stop, function)]
    if function and not stops:
        known = {name for stop in recording.stops for name in _names(stop)}
        raise _nothing_recorded(known, recording.header, function)
    return stops if each else distinct_stops(stops, merge_ioctls=True)


def heading(stop: Stop, recording: Context) -> str:
    """Return the heading of a stop, in a line: reason, milestones, thread, time and count."""
    return write_heading(_stack_heading(stop, recording))


def heading_sentence(stop: Stop, recording: Context) -> str:
    """Return the heading of a stop without thread, time and count."""
    return _stack_heading(stop, recording).sentence


def _stack_heading(stop: Stop, recording: Context) -> StackHeading:
    function = stop.signal or stop.function
    if stop.reason is StopReason.THREAD_CREATE:
        function = stop.starts.function.name if stop.starts else UNKNOWN_NAME
    return StackHeading(
        reason=stop.reason,
        thread=recording.thread(stop.thread).label,
        time=stop.time,
        function=function,
        titles=tuple(recording.titles.get(name, name) for name in stop.milestones),
        ioctl=(stop.ioctl.request, stop.ioctl.file) if stop.ioctl else None,
        count=stop.count,
    )


def backtrace(stop: Stop, recording: Context) -> str:
    """Return the stack of a stop, innermost frame first, with a line end.

    The stack that created the thread follows when it was recorded.
    """
    lines = _frame_lines(stop)
    if stop.open_ended:
        lines.append(write_open_end(stop.frames[-1].name))
    thread = recording.thread(stop.thread)
    creation = recording.creation(thread)
    if creation is not None:
        lines.append(write_creator(thread.label))
        lines.extend(_frame_lines(creation))
    return "\n".join(lines) + "\n"


def _frame_lines(stop: Stop) -> list[str]:
    frames = enumerate(stop.frames_with_arguments())
    return [frame_line(level, frame, arguments) for level, (frame, arguments) in frames]


def frame_line(level: int, frame: Frame, arguments: Arguments = ()) -> str:
    """Return the line that gdb's `bt` prints for a frame at `level`, 0 for the innermost."""
    number = f"#{level:<2} "
    if frame.kind is FrameKind.SIGNAL:
        return f"{number}{frame.name}"
    address = f"0x{frame.pc:016x} in " if frame.addressed else ""
    values = ", ".join(
        UNKNOWN_ARGUMENTS[0] if pair == UNKNOWN_ARGUMENTS else "{}={}".format(*pair) for pair in arguments
    )
    location = ""
    if frame.file:
        location = f" at {frame.file}:{frame.line}"
    elif frame.library:
        location = f" from {frame.library}"
    mark = f"  {FRAME_MARKS[frame.kind]}" if frame.kind in FRAME_MARKS else ""
    return f"{number}{address}{frame.name} ({values}){location}{mark}"


def _concerns(stop: Stop, function: str) -> bool:
    innermost = stop.frames[0].function.name if stop.frames else ""
    return function in (innermost, stop.function, *stop.milestones)


def _names(stop: Stop) -> set[str]:
    """The names by which a user can ask for a stop."""
    return {name for name in (stop.function, *stop.milestones) if name}


def _nothing_recorded(known: set[str], header: HeaderRecord, function: str) -> UsageError:
    near = get_close_matches(function, known, n=3)
    those = (
        f"Similar: {', '.join(near)}"
        if near
        else f"The recording has backtraces of: {some_of(sorted(known), _NAMES_IN_HINT)}"
    )
    is_function = header.scenario != IMPORT and re.fullmatch(r"[A-Za-z_]\w*", function)
    another = f" Record another with: analyze startup --break {function}" if is_function else ""
    return UsageError(f"No backtrace of {function} was recorded.", f"{those}.{another}")
