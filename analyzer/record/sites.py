"""Which calls through pointers a recording has, and where in its stacks they were seen. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzer.graph.chain import own_frames
from analyzer.model import CallKey, CallKind, Frame, Recording, Stop, call_key, returns_from
from gdbscripts.plan import PointerSite
from gdbscripts.wire import IO

MOST_SITES = 64  # a recording with many --break may have thousands of such calls
_TARGET = re.compile(r"\b0x[0-9a-f]+")


def pointer_sites(recording: Recording) -> list[PointerSite]:
    """Each call through a pointer once, as it was seen first; those on the way to a milestone come first.

    Reached from elsewhere it is another one, since it may concern another object.
    """
    found: dict[CallKey, PointerSite] = {}
    for stop in sorted(recording.stops, key=lambda stop: stop.reason == "break"):
        for position, callee in _indirect_calls(stop, recording):
            key = call_key(stop.frames, position, callee.name)
            site = _site(stop, position, callee) if key not in found else None
            if site is not None:
                found[key] = site
    return list(found.values())


def calling_libraries(recording: Recording) -> list[str]:
    """Libraries that call the program through a pointer: how that came to them is not followed."""
    found = {
        stop.frames[position].function.where.strip("[]")
        for stop in recording.stops
        for position in _calls_through_pointers(stop, recording)
        if stop.frames[position].library and not stop.frames[position - 1].library
    }
    return sorted(found)


def _indirect_calls(stop: Stop, recording: Recording) -> Iterator[tuple[int, Frame]]:
    """(position in the stack, frame it leads to) of each call through a pointer that the program makes."""
    for position in _calls_through_pointers(stop, recording):
        if not stop.frames[position].library:
            yield position, stop.frames[position - 1]


def _calls_through_pointers(stop: Stop, recording: Recording) -> Iterator[int]:
    """Positions in the stack of a stop's chain."""
    if stop.reason not in ("milestone", "break", "thread-create", IO):
        return
    for position in range(1, len(own_frames(stop, recording))):
        frame = stop.frames[position]
        if frame.call is CallKind.INDIRECT or (frame.call is CallKind.UNKNOWN and len(frame.via) == 1):
            yield position


def _site(stop: Stop, position: int, callee: Frame) -> PointerSite | None:
    """Where the call from frame `position` was seen; None when the stack does not show it clearly."""
    frames = stop.frames
    first = next(number for number, frame in enumerate(frames) if not frame.library)
    own = list(_physical(frames, first))
    caller = next((n for n, number in enumerate(own) if number >= position), 0)
    if caller == 0:  # the call leads into a library, or comes out of one
        return None
    return PointerSite(
        reached=frames[own[0]].pc,
        stack=[frames[number].pc for number in own[1:]],
        position=caller - 1,
        returns=list(returns_from(frames, own[caller])),
        inside_callee=callee.pc - (position > 1),
        callee=callee.name,
        left=first > 0,
        hidden=_hidden_function(frames[position]),
    )


def _physical(frames: Sequence[Frame], first: int) -> Iterator[int]:
    """Numbers of the frames from `first` on that are really on the stack, as far as they are the program's."""
    for number in range(first, len(frames)):
        if frames[number].library or frames[number].kind == "signal":
            return
        if frames[number].kind == "normal":
            yield number


def _hidden_function(caller: Frame) -> int:
    """The address of the function that was called by name and went on through a pointer; 0 when there is none."""
    target = _TARGET.search(caller.instruction) if caller.call is CallKind.UNKNOWN else None
    return int(target[0], 16) if target else 0
