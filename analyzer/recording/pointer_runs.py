"""Explains the function pointers of a recording: finds its indirect calls and runs QEMU again to observe them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from analyzer.adapters.gdb import Gdb, GdbError, GdbLostError, mi_string
from analyzer.adapters.gdb_stops import Stopped
from analyzer.graph.chains import own_frames
from analyzer.model.frames import CallKey, Frame, Stop, call_key, return_addresses
from analyzer.model.recording import Recording
from analyzer.recording.early_end import how_it_ended
from gdbscripts import plan as plans
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import FrameKind, StopReason
from gdbscripts.plan import IndirectCallSite

MAX_SITES = 64  # a recording with many --break may have thousands of indirect calls
_WITH_CHAINS = (StopReason.MILESTONE, StopReason.BREAK, StopReason.THREAD_CREATE, StopReason.IO)
_TARGET = re.compile(r"\b0x[0-9a-f]+")


def pointer_sites(recording: Recording) -> list[IndirectCallSite]:
    """The indirect calls of `recording` without duplicates; those in chains of milestones come before --break.

    Calls are equal when they have the same callee and return addresses: with other callers the same call may go
    through a pointer of another object.
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
    """Names of the libraries that call the program through a pointer, sorted; these pointers are not explained."""
    found = {
        stop.frames[position].function.where.strip("[]")
        for stop in recording.stops
        for position in _indirect_call_positions(stop, recording)
        if stop.frames[position].library and not stop.frames[position - 1].library
    }
    return sorted(found)


def _indirect_calls(stop: Stop, recording: Recording) -> Iterator[tuple[int, Frame]]:
    """(position in the stack, callee's frame) of each indirect call that the program makes."""
    for position in _indirect_call_positions(stop, recording):
        if not stop.frames[position].library:
            yield position, stop.frames[position - 1]


def _indirect_call_positions(stop: Stop, recording: Recording) -> Iterator[int]:
    """The positions of the frames in a stop's chain that make an indirect call."""
    if stop.reason not in _WITH_CHAINS:
        return
    for position in range(1, len(own_frames(stop, recording))):
        frame = stop.frames[position]
        if frame.call is CallKind.INDIRECT or (frame.call is CallKind.UNKNOWN and len(frame.elided) == 1):
            yield position


def _site(stop: Stop, position: int, callee: Frame) -> IndirectCallSite | None:
    """The indirect call of frame `position`; None when a frame of a library hides the caller's frame."""
    frames = stop.frames
    first = next(number for number, frame in enumerate(frames) if not frame.library)
    physical = list(_physical(frames, first))
    caller = next((n for n, number in enumerate(physical) if number >= position), 0)
    if caller == 0:  # the call leads into a library, or comes out of one
        return None
    return IndirectCallSite(
        stop_address=frames[physical[0]].pc,
        return_addresses=[frames[number].pc for number in physical[1:]],
        call_position=caller - 1,
        returns=list(return_addresses(frames, physical[caller])),
        callee_address=callee.pc - (position > 1),
        callee=callee.name,
        in_library=first > 0,
        elided_function=_elided_function(frames[position]),
    )


def _physical(frames: Sequence[Frame], first: int) -> Iterator[int]:
    """Positions of the frames from `first` on that have a frame on the stack, up to the first of a library."""
    for number in range(first, len(frames)):
        if frames[number].library or frames[number].kind is FrameKind.SIGNAL:
            return
        if frames[number].kind is FrameKind.NORMAL:
            yield number


def _elided_function(caller: Frame) -> int:
    """The address of the function called directly that made the indirect call as a tail call; 0 if none."""
    target = _TARGET.search(caller.instruction) if caller.call is CallKind.UNKNOWN else None
    return int(target[0], 16) if target else 0


_END_SECONDS = 2.0  # until a program that was killed is known to have ended
_MAX_RUNS = 24  # a run has four hardware watchpoints; a copied pointer needs one more run


def explain_pointers(
    gdb: Gdb,
    recording: Recording,
    plan_file: Path,
    timeout: float,
    report: Callable[[int, int], None],
    known: Sequence[IndirectCallSite] = (),
) -> list[str]:
    """Explain the pointers of `recording` by further runs of QEMU under `gdb`; returns notes for the reader.

    The program has ended or is stopped. The plan goes to `plan_file`, the results into gdb's recording. `timeout`
    is for one run, in seconds; `report` is called with the numbers of explained and of all pointers. The pointers
    of the calls in `known` are left out.
    Raises GdbError when gdb fails, and KeyboardInterrupt after the results so far are recorded.
    """
    sites = [site for site in pointer_sites(recording) if site not in known]
    libraries = calling_libraries(recording)
    notes = [f"Pointers through which the library {name} calls QEMU are not explained." for name in libraries]
    chosen = sites[:MAX_SITES]
    if chosen != sites:
        notes.append(
            f"{len(sites) - len(chosen)} more indirect calls are not explained: the limit is {MAX_SITES}."
        )
    if not chosen:
        return notes
    crashed = any(stop.reason is StopReason.SIGNAL for stop in recording.stops)
    must_survive = not crashed and (recording.exit is None or not recording.exit.signal)
    plans.save(plans.RecordingPlan("", [], [], pointers=chosen), str(plan_file))
    unexplained = int(gdb.command(f"-chain-pointers {mi_string(str(plan_file))}", timeout=300)["open"])
    try:
        for _ in range(_MAX_RUNS):
            report(len(chosen) - unexplained, len(chosen))
            if not unexplained:
                break
            unexplained = _run(gdb, timeout, must_survive)
    except KeyboardInterrupt:
        with suppress(GdbError):  # the results so far are still recorded
            gdb.interrupt()
        gdb.command("-chain-explain")
        raise
    except GdbError:
        with suppress(GdbError):
            gdb.command("-chain-explain")
        raise
    gdb.command("-chain-explain")
    return notes


def _run(gdb: Gdb, timeout: float, must_survive: bool) -> int:
    """Run the program once; returns the number of pointers that are still unexplained.

    GdbError when gdb fails, or a signal kills the program or is fatal although it `must_survive`: it did when it
    was recorded.
    """
    gdb.console("starti")
    _check_alive(gdb.wait_stopped(timeout), must_survive)
    try:
        gdb.command("-chain-round")
    except GdbLostError:
        raise
    except GdbError:
        _check_alive(gdb.wait_stopped(_END_SECONDS), must_survive)
        raise
    refused = ""
    try:
        gdb.command("-exec-continue")
    except GdbError as error:  # more watchpoints than the processor has
        refused = error.message
    if not refused:
        stopped = gdb.wait_stopped(timeout)
        if stopped is None:
            gdb.interrupt()
        _check_alive(stopped, must_survive)
    return int(gdb.command(f"-chain-round-end {mi_string(refused) if refused else ''}".strip())["open"])


def _check_alive(stopped: Stopped | None, must_survive: bool) -> None:
    if stopped is not None and must_survive and (stopped.killed or not (stopped.ended or stopped.can_go_on)):
        raise GdbError(
            f"{how_it_ended(stopped)} in a further run. Record again, into another folder or with --force."
        )
