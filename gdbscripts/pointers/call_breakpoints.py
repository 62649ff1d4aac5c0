"""The breakpoints that observe one indirect call in one run, and the evaluation of what they saw."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.memory import operand_address, operand_value, stack_pointer
from gdbscripts.pointers.load_breakpoints import LoadBreakpoint, PointerLoad
from gdbscripts.pointers.pointer_calls import CandidateCall, PointerCall
from gdbscripts.pointers.pointer_dataflow import DataflowResult, PointerTest
from gdbscripts.pointers.slot_names import local_variable_at
from gdbscripts.pointers.write_watchpoints import WriteWatchpoint
from gdbscripts.recorder import Recorder
from gdbscripts.tail_calls import function_reference


class PointerCallHit(NamedTuple):
    """One hit of an indirect call to `value`.

    Loads numbered above `previous_load_count`, up to `load_count`, happened since the previous hit at this stack
    pointer.
    """

    value: int
    previous_load_count: int
    load_count: int


class CallBreakpoint(RecordingBreakpoint):
    """A breakpoint on an indirect call or jump; keeps the last hit per thread and stack pointer."""

    def __init__(self, address: int, operand: str, is_pointer: PointerTest, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.address = address
        self.recorder = recorder
        self._operand = operand
        self._is_pointer = is_pointer
        self._calls: Dict[Tuple[int, int], PointerCallHit] = {}
        self.stack_slots: List[str] = []
        self.local_name = ""

    def hit(self) -> None:
        """Keep the target of the call that is about to happen."""
        frame = gdb.newest_frame()
        value = operand_value(self._operand, frame)
        key = (gdb.selected_thread().num, stack_pointer(frame))
        previous_hit = self._calls.get(key)
        self._calls[key] = PointerCallHit(
            value, previous_hit.load_count if previous_hit is not None else 0, LoadBreakpoint.load_count
        )
        if not self._is_pointer(value):
            return
        for stack_slot in self.stack_slots if not self.local_name else ():
            self.local_name = local_variable_at(operand_address(stack_slot, frame))

    def last_target(self, thread: int, depth: int) -> int:
        """Return the address that `thread` called last with the stack pointer `depth`; 0 when it called
        nothing."""
        hit = self._calls.get((thread, depth))
        return hit.value if hit is not None else 0

    def matching_hit(self, thread: int, depth: int) -> Optional[PointerCallHit]:
        """Return the last hit of `thread` with the stack pointer `depth`; None when it leads to another
        function."""
        hit = self._calls.get((thread, depth))
        return hit if hit is not None and self._is_pointer(hit.value) else None


class ObservedCall(NamedTuple):
    """What one run observed of a recorded call; `dataflow` is None when several origins of the pointer are
    possible."""

    candidate: CandidateCall
    value: int
    dataflow: Optional[DataflowResult]
    load: Optional[PointerLoad]
    local_name: str


class CallBreakpoints:
    """The breakpoints for one indirect call in one run: on its candidates, and on the loads of their pointers."""

    def __init__(self, call: PointerCall, watchpoints: Dict[int, WriteWatchpoint], recorder: Recorder) -> None:
        self._call = call
        self._calls = [
            (candidate, self._call_breakpoint(candidate, recorder)) for candidate in self._active_candidates()
        ]
        self._load_breakpoints: Dict[DataflowResult, LoadBreakpoint] = {}
        for candidate, _ in self._calls:
            for dataflow in candidate.dataflows if call.dataflow is None else [call.dataflow]:
                if dataflow.kind == "memory":
                    breakpoint_ = LoadBreakpoint(
                        dataflow.origin.address, dataflow.origin.operand, call.leads_to_callee, recorder
                    )
                    watchpoint = watchpoints.get(call.slot.address) if call.slot else None
                    breakpoint_.watchpoint = (
                        watchpoint if watchpoint is not None and watchpoint.value == call.value else None
                    )
                    self._load_breakpoints[dataflow] = breakpoint_

    def observed_call(self, frames: List[gdb.Frame]) -> Optional[ObservedCall]:
        """Return what the selected thread called in `frames[0]`; None when no candidate was hit there."""
        thread = gdb.selected_thread().num
        for candidate, breakpoint_ in self._calls:
            depth = stack_pointer(frames[0]) - candidate.pushed_bytes
            hit = breakpoint_.matching_hit(thread, depth)
            if hit is not None:
                return self._observe(candidate, breakpoint_, hit, thread, frames)
            if breakpoint_.last_target(thread, depth):
                self._call.other_target = function_reference(breakpoint_.last_target(thread, depth))[0]
        return None

    def _observe(
        self,
        candidate: CandidateCall,
        breakpoint_: CallBreakpoint,
        hit: PointerCallHit,
        thread: int,
        frames: List[gdb.Frame],
    ) -> ObservedCall:
        """Return the observed call with the origin of its pointer, if exactly one origin is possible."""
        loads = self._loads_for_call(candidate, hit, thread, frames)
        other_dataflows = [dataflow for dataflow in candidate.dataflows if dataflow.kind != "memory"]
        dataflow, load = None, None
        # With another possible origin, the load may belong to an earlier call.
        if not other_dataflows and len({result.address for _, result in loads}) == 1:
            dataflow, load = loads[0]
        elif not loads and len(other_dataflows) == 1:
            dataflow = other_dataflows[0]
        return ObservedCall(candidate, hit.value, dataflow, load, breakpoint_.local_name)

    def _loads_for_call(
        self, candidate: CandidateCall, hit: PointerCallHit, thread: int, frames: List[gdb.Frame]
    ) -> List[Tuple[DataflowResult, PointerLoad]]:
        """Return the loads that may have provided the pointer of this call."""
        result = []
        for dataflow, breakpoint_ in self._load_breakpoints.items():
            depth = (
                self._caller_stack_pointer(dataflow.caller_level, frames)
                if dataflow.caller_level
                else stack_pointer(frames[0]) - candidate.pushed_bytes
            )
            previous_load_count = (
                0 if dataflow.caller_level else hit.previous_load_count
            )  # a caller may have read it for several calls
            load = (
                breakpoint_.last_load(thread, depth, hit.value, previous_load_count)
                if dataflow in candidate.dataflows
                else None
            )
            if load is not None:
                result.append((dataflow, load))
        return result

    def _caller_stack_pointer(self, caller_level: int, frames: List[gdb.Frame]) -> int:
        """Return the stack pointer of the frame `caller_level` callers up; 0 when that function has no frame of
        its own."""
        returns = self._call.call_site.returns
        address = returns[caller_level] if caller_level < len(returns) else 0
        return next((stack_pointer(frame) for frame in frames[caller_level:] if frame.pc() == address), 0)

    def _active_candidates(self) -> List[CandidateCall]:
        return [self._call.candidate] if self._call.candidate is not None else self._call.candidates

    def _call_breakpoint(self, candidate: CandidateCall, recorder: Recorder) -> CallBreakpoint:
        breakpoint_ = CallBreakpoint(candidate.address, candidate.operand, self._call.leads_to_callee, recorder)
        breakpoint_.stack_slots = [
            dataflow.origin.stack_slot for dataflow in candidate.dataflows if dataflow.origin.stack_slot
        ]
        return breakpoint_
