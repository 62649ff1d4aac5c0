"""The breakpoints that watch one call through a pointer in one run, and what they saw of the recorded call."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.memory import stack_pointer
from gdbscripts.pointers.load_breakpoints import CallBreakpoint, LoadBreakpoint, PointerCallHit, PointerLoad
from gdbscripts.pointers.pointer_calls import CandidateCall, PointerCall
from gdbscripts.pointers.pointer_dataflow import DataflowEnd
from gdbscripts.pointers.write_watchpoints import WriteWatchpoint
from gdbscripts.recorder import Recorder
from gdbscripts.tail_calls import place_at


class ObservedCall(NamedTuple):
    """What a run saw of a recorded call."""

    call: CandidateCall
    value: int
    end: Optional[DataflowEnd]
    reading: Optional[PointerLoad]
    local: str


class CallBreakpoints:
    """The breakpoints set for one site in one run."""

    def __init__(self, site: PointerCall, watches: Dict[int, WriteWatchpoint], recorder: Recorder) -> None:
        self._site = site
        self._calls = [(call, self._call_point(call, recorder)) for call in self._wanted_calls()]
        self._reads: Dict[DataflowEnd, LoadBreakpoint] = {}
        for call, _ in self._calls:
            for end in call.ends if site.end is None else [site.end]:
                if end.kind == "memory":
                    point = LoadBreakpoint(end.origin.address, end.origin.place, site.accepts, recorder)
                    watch = watches.get(site.link.slot) if site.link else None
                    point.watch = watch if watch is not None and watch.value == site.value else None
                    self._reads[end] = point

    def find_at(self, frames: List[gdb.Frame]) -> Optional[ObservedCall]:
        """What the selected thread called in the innermost of these frames."""
        thread = gdb.selected_thread().num
        for call, point in self._calls:
            depth = stack_pointer(frames[0]) - call.pushed
            made = point.made(thread, depth)
            if made is not None:
                return self._found(call, point, made, thread, frames)
            if point.called(thread, depth):
                self._site.elsewhere = place_at(point.called(thread, depth))[0]
        return None

    def _found(
        self,
        call: CandidateCall,
        point: CallBreakpoint,
        made: PointerCallHit,
        thread: int,
        frames: List[gdb.Frame],
    ) -> ObservedCall:
        """Where the pointer came from, if only one answer is possible."""
        readings = self._readings(call, made, thread, frames)
        others = [end for end in call.ends if end.kind != "memory"]
        end, reading = None, None
        # What was read may have been for a call before, when this time the pointer may have come otherwise.
        if not others and len({found.slot for _, found in readings}) == 1:
            end, reading = readings[0]
        elif not readings and len(others) == 1:
            end = others[0]
        return ObservedCall(call, made.value, end, reading, point.local)

    def _readings(
        self, call: CandidateCall, made: PointerCallHit, thread: int, frames: List[gdb.Frame]
    ) -> List[Tuple[DataflowEnd, PointerLoad]]:
        """What was read for this call, or may have been."""
        found = []
        for end, reads in self._reads.items():
            depth = self._depth(end.level, frames) if end.level else stack_pointer(frames[0]) - call.pushed
            since = 0 if end.level else made.since  # a caller may have read it for several calls
            reading = reads.latest(thread, depth, made.value, since) if end in call.ends else None
            if reading is not None:
                found.append((end, reading))
        return found

    def _depth(self, level: int, frames: List[gdb.Frame]) -> int:
        """The stack pointer of the function `level` callers up; 0 when it has no frame of its own."""
        returns = self._site.plan.returns
        address = returns[level] if level < len(returns) else 0
        return next((stack_pointer(frame) for frame in frames[level:] if frame.pc() == address), 0)

    def _wanted_calls(self) -> List[CandidateCall]:
        return [self._site.call] if self._site.call is not None else self._site.calls

    def _call_point(self, call: CandidateCall, recorder: Recorder) -> CallBreakpoint:
        point = CallBreakpoint(call.address, call.operand, self._site.accepts, recorder)
        point.homes = [end.origin.home for end in call.ends if end.origin.home]
        return point
