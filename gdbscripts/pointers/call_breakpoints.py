"""The breakpoints that watch one call through a pointer in one run, and what they saw of the recorded call."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.memory import address_in, stack_pointer, value_in
from gdbscripts.pointers.load_breakpoints import LoadBreakpoint, PointerLoad
from gdbscripts.pointers.pointer_calls import CandidateCall, PointerCall
from gdbscripts.pointers.pointer_dataflow import Accepts, DataflowEnd
from gdbscripts.pointers.slot_names import local_at
from gdbscripts.pointers.write_watchpoints import WriteWatchpoint
from gdbscripts.recorder import Recorder
from gdbscripts.tail_calls import place_at


class PointerCallHit(NamedTuple):
    """A call through a pointer; `since` and `until` are numbers of readings: what was read for it lies between."""

    value: int
    since: int
    until: int


class CallBreakpoint(RecordingBreakpoint):
    """Keeps what an indirect call or jump called last, for each thread and depth of its stack."""

    def __init__(self, address: int, operand: str, accepts: Accepts, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.address = address
        self.recorder = recorder
        self._operand = operand
        self._accepts = accepts
        self._calls: Dict[Tuple[int, int], PointerCallHit] = {}
        self.homes: List[str] = []
        self.local = ""

    def hit(self) -> None:
        """The call is about to be made."""
        frame = gdb.newest_frame()
        value = value_in(self._operand, frame)
        key = (gdb.selected_thread().num, stack_pointer(frame))
        before = self._calls.get(key)
        self._calls[key] = PointerCallHit(value, before.until if before is not None else 0, LoadBreakpoint.count)
        if not self._accepts(value):
            return
        for home in self.homes if not self.local else ():
            self.local = local_at(address_in(home, frame))

    def called(self, thread: int, depth: int) -> int:
        """What `thread` called last at this depth of the stack, wherever that leads; 0 for nothing."""
        made = self._calls.get((thread, depth))
        return made.value if made is not None else 0

    def made(self, thread: int, depth: int) -> Optional[PointerCallHit]:
        """What `thread` called last at this depth of the stack; None when it called another, or nothing, here."""
        made = self._calls.get((thread, depth))
        return made if made is not None and self._accepts(made.value) else None


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
