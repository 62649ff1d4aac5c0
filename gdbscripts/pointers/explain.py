"""Explains the indirect calls of a recording by running the program again, several times.

The first run finds the slot that each pointer is loaded from. Each further run watches slots for writes, as many
as there are debug registers, and checks that the slot has the recorded value at the recorded call. Addresses are
the same in each run since address space randomisation is off; otherwise the pointer is recorded as not reproduced.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, List, Optional

import gdb

from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.disassembly import Disassembler
from gdbscripts.plan import IndirectCallSite, RecordingPlan
from gdbscripts.pointers.call_breakpoints import CallBreakpoints, ObservedCall
from gdbscripts.pointers.pointer_calls import PointerCall, PointerSlot
from gdbscripts.pointers.write_watchpoints import (
    MAX_WATCHPOINTS,
    NoWatchpointError,
    PointerStore,
    WriteWatchpoint,
    physical_frames,
)
from gdbscripts.recorder import Recorder


class PointerExplainer:
    """Explains the indirect calls of `plan.pointers`, run by run, and keeps what is known of each."""

    def __init__(self, plan: RecordingPlan, recorder: Recorder) -> None:
        RecordingBreakpoint.remove_all()  # the breakpoints of the recorded run
        disassembler = Disassembler()
        self.calls = [PointerCall(site, disassembler) for site in plan.pointers]
        self._disassembler = disassembler
        self._recorder = recorder
        self._watchpoint_limit = MAX_WATCHPOINTS
        self._breakpoints: Dict[PointerCall, CallBreakpoints] = {}
        self._observed: Dict[PointerCall, Optional[ObservedCall]] = {}
        self._watchpoints: Dict[int, WriteWatchpoint] = {}

    @property
    def open_count(self) -> int:
        """The number of pointers that are neither explained nor marked as unresolved."""
        return sum(call.open for call in self.calls)

    def begin_run(self) -> None:
        """Set the breakpoints and watchpoints of the next run; the program is stopped at its first instruction."""
        RecordingBreakpoint.remove_all()
        self._recorder.restart_clock()
        self._recorder.request_stop(False)
        self._observed = {}
        self._watchpoints = {}
        self._set_watchpoints()
        unwatched = [call for call in self.calls if call.open]
        self._breakpoints = {call: CallBreakpoints(call, self._watchpoints, self._recorder) for call in unwatched}
        for address in {call.stop_address for call in unwatched}:
            StackBreakpoint(address, partial(self._check_stack, address), self._recorder)

    def finish_run(self, start_error: str) -> None:
        """Evaluate a run that has ended.

        `start_error` is gdb's message when it could not start the run, "" otherwise.
        """
        if start_error:
            self._reduce_watchpoints(start_error)
        else:
            for call, _ in self._breakpoints.items():
                self._evaluate_run(call, self._observed.get(call))
        RecordingBreakpoint.remove_all()
        self._recorder.request_stop(False)

    def _set_watchpoints(self) -> None:
        """Set watchpoints on the slots of open pointers, as many as the hardware has."""
        for call in self.calls:
            slots = list(call.slots)
            # A copied slot needs both slots watched: only the copy proves that the source is the right one.
            needed = {slot.address for slot in slots if slot.copied_from is not None or slot.open}
            if len(needed) > self._watchpoint_limit:
                slots[-1].mark_unresolved("unknown", "it was copied more often than there are watchpoints")
                continue
            unwatched = needed - set(self._watchpoints)
            free = self._watchpoint_limit - len(self._watchpoints)
            if (
                not any(slot.open for slot in slots)
                or len(unwatched) > free
                or self._watched_for_other_value(call)
            ):
                continue
            try:
                for address in sorted(unwatched):
                    self._watchpoints[address] = WriteWatchpoint(
                        address, call.value, self._watchpoints, self._disassembler, self._recorder
                    )
            except NoWatchpointError as error:
                self._reduce_watchpoints(str(error))

    def _watched_for_other_value(self, call: PointerCall) -> bool:
        """Return whether a slot of `call` is watched in this run for another value, which it held at another
        time."""
        watchpoints = [self._watchpoints[slot.address] for slot in call.slots if slot.address in self._watchpoints]
        return any(watchpoint.value != call.value for watchpoint in watchpoints)

    def _reduce_watchpoints(self, reason: str) -> None:
        """Use fewer watchpoints in the next run, because gdb could not insert all of them; give up when none is
        left."""
        self._watchpoint_limit = min(len(self._watchpoints), self._watchpoint_limit - 1)
        if self._watchpoint_limit > 0:
            return
        for call in self.calls:
            for slot in call.slots:
                if slot.open:
                    slot.mark_unresolved("unknown", "no hardware watchpoint is available: %s" % reason)

    def _check_stack(self, stop_address: int) -> None:
        """Find the recorded calls that the selected thread is in, now that it has reached `stop_address`."""
        pending = [
            call for call in self._breakpoints if call.stop_address == stop_address and call not in self._observed
        ]
        frames = physical_frames(gdb.newest_frame()) if pending else []
        for call in pending:
            if _is_recorded_stack(frames[1:], call.call_site):
                self._observed[call] = self._breakpoints[call].observed_call(
                    frames[call.call_site.call_position + 1 :]
                )
        self._recorder.request_stop(len(self._observed) == len(self._breakpoints))

    def _evaluate_run(self, call: PointerCall, observed: Optional[ObservedCall]) -> None:
        if call.dataflow is None:
            _apply_first_run(call, observed)
            return
        load = observed.load if observed is not None and observed.value == call.value else None
        reproduced = load is not None and call.slot is not None and load.address == call.slot.address
        store = load.store if load is not None and reproduced else None
        for slot in list(call.slots):
            if slot.open and slot.address in self._watchpoints and not self._watched_for_other_value(call):
                _apply_watchpoint(slot, reproduced, store, self._watchpoints[slot.address])
            # Of the source slot only the last store before the copy counts.
            reproduced = (
                reproduced
                and store is not None
                and slot.copied_from is not None
                and store.source_address == slot.copied_from.address
            )
            store = store.source_store if store is not None and reproduced else None


def _is_recorded_stack(frames: List[gdb.Frame], call_site: IndirectCallSite) -> bool:
    """Return whether the return addresses of these frames are those of the recorded stack."""
    inner = frames[: len(call_site.return_addresses)]
    return [frame.pc() for frame in inner] == call_site.return_addresses


class StackBreakpoint(RecordingBreakpoint):
    """A breakpoint at the pc of the innermost frame of a recorded stack."""

    def __init__(self, address: int, check_stack: Callable[[], None], recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._check_stack = check_stack

    def hit(self) -> None:
        """Compare the stack of the selected thread with the recorded ones."""
        self._check_stack()


def _apply_first_run(call: PointerCall, observed: Optional[ObservedCall]) -> None:
    """Store the result of the first run in `call`: the slot that the pointer was loaded from, or why there is
    none."""
    if not call.candidates:
        call.reason = "the machine code at the call site contains no indirect call"
    elif observed is None:
        call.reason = "the recorded call was not observed in another run"
        if call.other_target:
            call.reason = "the pointer leads to %s, and its path to the callee is unknown" % call.other_target
    elif observed.dataflow is None:
        call.candidate, call.value = observed.candidate, observed.value
        call.reason = "the machine code has several possible origins of the pointer"
    else:
        call.candidate, call.value, call.dataflow, call.local_name = (
            observed.candidate,
            observed.value,
            observed.dataflow,
            observed.local_name,
        )
        if observed.load is not None:
            call.slot = PointerSlot(observed.load.address, observed.load.name)


def _apply_watchpoint(
    slot: PointerSlot, reproduced: bool, store: Optional[PointerStore], watchpoint: WriteWatchpoint
) -> None:
    """Store the result of a run with a watchpoint in `slot`: the store, if a later load saw the stored value."""
    if watchpoint.write_limit_reached:
        slot.mark_unresolved("unknown", "the slot is written to too often")
    elif not reproduced:
        slot.mark_unresolved("lost", "the program did not use the same memory in another run")
    elif store is not None:
        slot.mark_stored(store)
    elif watchpoint.set_by_loader:
        slot.mark_static()
    else:
        slot.mark_unresolved("unknown", "no store observed")
