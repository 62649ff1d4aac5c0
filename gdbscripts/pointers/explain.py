"""Explains the calls through pointers of a recording, by running the program again, several times.

The first run finds the places the pointers are read from; the next ones watch these places, as many at once as
there are debug registers, and prove that each still held the recorded value at the recorded call. Addresses repeat
since address randomisation is off; where they do not, that is what the recording says.
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
    """All pointers to be explained, run by run."""

    def __init__(self, plan: RecordingPlan, recorder: Recorder) -> None:
        RecordingBreakpoint.remove_all()  # those of the recorded run
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
        """How many pointers are not explained yet, nor given up."""
        return sum(call.open for call in self.calls)

    def begin_run(self) -> None:
        """Set everything up for a run; the program stands at its very first instruction."""
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
        """Learn from a run that has ended; `refused` is why gdb would not even start it."""
        if start_error:
            self._reduce_watchpoints(start_error)
        else:
            for call, _ in self._breakpoints.items():
                self._evaluate_run(call, self._observed.get(call))
        RecordingBreakpoint.remove_all()
        self._recorder.request_stop(False)

    def _set_watchpoints(self) -> None:
        """Watch as many of the places in question as there are watchpoints."""
        for call in self.calls:
            slots = list(call.slots)
            # With a copy goes what it was copied to: only the copying tells that it is the right place.
            needed = {slot.address for slot in slots if slot.copied_from is not None or slot.open}
            if len(needed) > self._watchpoint_limit:
                slots[-1].mark_unresolved("unknown", "it was copied too often")
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
        """Whether a place in question is watched in this run for another value that it held at another time."""
        watchpoints = [self._watchpoints[slot.address] for slot in call.slots if slot.address in self._watchpoints]
        return any(watchpoint.value != call.value for watchpoint in watchpoints)

    def _reduce_watchpoints(self, reason: str) -> None:
        """gdb has fewer watchpoints than wanted, or none."""
        self._watchpoint_limit = min(len(self._watchpoints), self._watchpoint_limit - 1)
        if self._watchpoint_limit > 0:
            return
        for call in self.calls:
            for slot in call.slots:
                if slot.open:
                    slot.mark_unresolved("unknown", "no hardware watchpoint is to be had: %s" % reason)

    def _check_stack(self, stop_address: int) -> None:
        """Which of the recorded calls is the selected thread in, now that it has reached this address?"""
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
            # The watch of a copy's source tells only what came before the copy.
            reproduced = (
                reproduced
                and store is not None
                and slot.copied_from is not None
                and store.source_address == slot.copied_from.address
            )
            store = store.source_store if store is not None and reproduced else None


def _is_recorded_stack(frames: List[gdb.Frame], call_site: IndirectCallSite) -> bool:
    """Whether these frames return to where those of the recorded stack did."""
    inner = frames[: len(call_site.return_addresses)]
    return [frame.pc() for frame in inner] == call_site.return_addresses


class StackBreakpoint(RecordingBreakpoint):
    """The address at which a recorded stack was seen."""

    def __init__(self, address: int, check_stack: Callable[[], None], recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._check_stack = check_stack

    def hit(self) -> None:
        """A thread is there again."""
        self._check_stack()


def _apply_first_run(call: PointerCall, observed: Optional[ObservedCall]) -> None:
    """After the first run: what was read, and from where."""
    if not call.candidates:
        call.reason = "the machine code at the call does not tell"
    elif observed is None:
        call.reason = "the call was not seen again"
        if call.other_target:
            call.reason = "the pointer led to %s, and how that went on cannot be told" % call.other_target
    elif observed.dataflow is None:
        call.candidate, call.value = observed.candidate, observed.value
        call.reason = "the machine code does not tell which of several ways the pointer came"
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
    """After a run with a watchpoint: who stored it, proved by what was read there afterwards."""
    if watchpoint.write_limit_reached:
        slot.mark_unresolved("unknown", "its place is written to too often")
    elif not reproduced:
        slot.mark_unresolved("lost", "the program did not use the same memory again")
    elif store is not None:
        slot.mark_stored(store)
    elif watchpoint.set_by_loader:
        slot.mark_static()
    else:
        slot.mark_unresolved("unknown", "nobody was seen storing it")
