"""Recorded backtraces as text, in gdb's own format; frames that are inlined or tail calls are marked behind it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from analyzer.errors import UsageError
from analyzer.model.call_kinds import CALL_KINDS, CallKind
from analyzer.model.frames import Frame, Stop
from analyzer.model.recording import Recording
from gdbscripts.records import IO, SAMPLE, STORE

_MARKS = {kind.value: f"  [{CALL_KINDS[kind].label}]" for kind in (CallKind.INLINE, CallKind.TAIL)}  # of frames


def backtraces(recording: Recording, function: str = "") -> Iterator[str]:
    """One text for each stop, with its heading; only those in or for `function` when it is given.

    `function` may be the innermost function's name or a milestone's. Raises UsageError when none was recorded.
    """
    stops = [stop for stop in recording.stops if not function or _is_about(stop, function)]
    if function and not stops:
        raise _nothing_recorded(recording, function)
    for stop in stops:
        yield f"{heading(stop, recording)}\n{backtrace(stop, recording)}"


def heading(stop: Stop, recording: Recording) -> str:
    """What this stop is, in a line."""
    thread = recording.thread(stop.thread)
    titles = {milestone.name: milestone.title for milestone in recording.milestones}
    if stop.reason == "where":
        what = "Where it stood at the end"
    elif stop.reason == "thread-create":
        what = f"A thread is created, starting in {stop.starts or '??'}"
    elif stop.reason == IO:
        what = f"A device's function runs for the guest: {stop.function}"
    elif stop.reason == STORE:
        what = "A function pointer is stored"
    elif stop.reason == SAMPLE:
        what = f"In {stop.function}"
    else:
        what = "; ".join(titles.get(name, name) for name in stop.milestones)
    ioctl = f", {stop.ioctl.request} on {stop.ioctl.file}" if stop.ioctl else ""
    times = f", {stop.count} times" if stop.count > 1 else ""
    return f"== {what}{ioctl} ({thread.label}, {stop.time:.3f} s{times})"


def backtrace(stop: Stop, recording: Recording) -> str:
    """The stop's stack; for a thread, where it was created follows."""
    lines = [frame_line(level, frame) for level, frame in enumerate(stop.frames)]
    thread = recording.thread(stop.thread)
    creation = recording.creation(thread)
    if creation is not None:
        lines.append(f"-- {thread.label} was created by:")
        lines.extend(frame_line(level, frame) for level, frame in enumerate(creation.frames))
    return "\n".join(lines) + "\n"


def frame_line(level: int, frame: Frame) -> str:
    """The line gdb's `bt` prints for a frame."""
    number = f"#{level:<2} "
    if frame.kind == "signal":
        return f"{number}{frame.name}"
    address = f"0x{frame.pc:016x} in " if frame.addressed else ""
    arguments = ", ".join(f"{name}={value}" for name, value in frame.arguments)
    place = ""
    if frame.file:
        place = f" at {frame.file}:{frame.line}"
    elif frame.library:
        place = f" from {frame.library}"
    return f"{number}{address}{frame.name} ({arguments}){place}{_MARKS.get(frame.kind, '')}"


def _is_about(stop: Stop, function: str) -> bool:
    innermost = stop.frames[0].function.name if stop.frames else ""
    return function in (innermost, stop.function, *stop.milestones)


def _nothing_recorded(recording: Recording, function: str) -> UsageError:
    known = {name for stop in recording.stops for name in (stop.function, *stop.milestones) if name}
    near = get_close_matches(function, known, n=3) or sorted(known)
    return UsageError(
        f"No backtrace of {function} was recorded.",
        f"Recorded were: {', '.join(near)}. Stop at more with: analyze startup --break {function}",
    )
