"""Which calls through pointers a recording has, and where in its stacks they were seen. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from analyzer.adapters.gdb import Gdb, GdbError, mi_string
from analyzer.graph.chains import own_frames
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import CallKey, Frame, Stop, call_key, returns_from
from analyzer.model.recording import Recording
from gdbscripts import plan as plans
from gdbscripts.enums import FrameKind, StopReason
from gdbscripts.plan import IndirectCallSite

MOST_SITES = 64  # a recording with many --break may have thousands of such calls
_WITH_CHAINS = (StopReason.MILESTONE, StopReason.BREAK, StopReason.THREAD_CREATE, StopReason.IO)
_TARGET = re.compile(r"\b0x[0-9a-f]+")


def pointer_sites(recording: Recording) -> list[IndirectCallSite]:
    """Each call through a pointer once, as it was seen first; those on the way to a milestone come first.

    Reached from elsewhere it is another one, since it may concern another object.
    """
    found: dict[CallKey, IndirectCallSite] = {}
    for stop in sorted(recording.stops, key=lambda stop: stop.reason is StopReason.BREAK):
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
    if stop.reason not in _WITH_CHAINS:
        return
    for position in range(1, len(own_frames(stop, recording))):
        frame = stop.frames[position]
        if frame.call is CallKind.INDIRECT or (frame.call is CallKind.UNKNOWN and len(frame.via) == 1):
            yield position


def _site(stop: Stop, position: int, callee: Frame) -> IndirectCallSite | None:
    """Where the call from frame `position` was seen; None when the stack does not show it clearly."""
    frames = stop.frames
    first = next(number for number, frame in enumerate(frames) if not frame.library)
    own = list(_physical(frames, first))
    caller = next((n for n, number in enumerate(own) if number >= position), 0)
    if caller == 0:  # the call leads into a library, or comes out of one
        return None
    return IndirectCallSite(
        stop_address=frames[own[0]].pc,
        return_addresses=[frames[number].pc for number in own[1:]],
        call_position=caller - 1,
        returns=list(returns_from(frames, own[caller])),
        callee_address=callee.pc - (position > 1),
        callee=callee.name,
        in_library=first > 0,
        elided_function=_elided_function(frames[position]),
    )


def _physical(frames: Sequence[Frame], first: int) -> Iterator[int]:
    """Numbers of the frames from `first` on that are really on the stack, as far as they are the program's."""
    for number in range(first, len(frames)):
        if frames[number].library or frames[number].kind is FrameKind.SIGNAL:
            return
        if frames[number].kind is FrameKind.NORMAL:
            yield number


def _elided_function(caller: Frame) -> int:
    """The address of the function that was called by name and went on through a pointer; 0 when there is none."""
    target = _TARGET.search(caller.instruction) if caller.call is CallKind.UNKNOWN else None
    return int(target[0], 16) if target else 0


_MOST_RUNS = 24  # four pointers a run, and a copy takes one more


def explain_pointers(
    gdb: Gdb, recording: Recording, plan_file: Path, timeout: float, tell: Callable[[int, int], None]
) -> list[str]:
    """Explain the pointers of `recording`, whose program has ended or stands still; returns notes for the reader.

    `timeout` is for one run, in seconds; `tell` is told how many of how many pointers are explained.
    """
    sites = pointer_sites(recording)
    libraries = calling_libraries(recording)
    notes = [f"How pointers came to {name}, which calls through them, is not followed." for name in libraries]
    asked = sites[:MOST_SITES]
    if asked != sites:
        notes.append(f"{len(sites) - len(asked)} more calls through pointers were not followed.")
    if not asked:
        return notes
    plans.save(plans.RecordingPlan("", [], [], pointers=asked), str(plan_file))
    left = int(gdb.command(f"-chain-pointers {mi_string(str(plan_file))}", timeout=300)["open"])
    try:
        for _ in range(_MOST_RUNS):
            tell(len(asked) - left, len(asked))
            if not left:
                break
            left = _run(gdb, timeout)
    except KeyboardInterrupt:
        with suppress(GdbError):  # what was found out until now is kept
            gdb.interrupt()
        gdb.command("-chain-explain")
        raise
    gdb.command("-chain-explain")
    return notes


def _run(gdb: Gdb, timeout: float) -> int:
    """One run; returns how many pointers are still open."""
    gdb.console("starti")
    gdb.wait_stopped(timeout)
    gdb.command("-chain-round")
    refused = ""
    try:
        gdb.command("-exec-continue")
    except GdbError as error:  # more watchpoints than the processor has to give
        refused = error.message
    if not refused and gdb.wait_stopped(timeout) is None:
        gdb.interrupt()
    return int(gdb.command(f"-chain-round-end {mi_string(refused) if refused else ''}".strip())["open"])
