"""Reads QEMU's own run state, and stops QEMU when it holds or pauses its guest.

The names come from the plan (`RunStatePlan`); the program is asked which of them it has.
"""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Set

import gdb

from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.plan import RunStatePlan
from gdbscripts.recorder import Recorder

RUNNING = "running"
NO_VCPU = "no vcpu"  # the machine runs and has no processor
WAITS = "waits"  # seen on the stacks: the main loop runs and all vCPU threads wait
_PREFIX = "RUN_STATE_"  # of the enumerators of RunState
_MAX_FRAMES = 64  # of a stack to search


class HeldGuest:
    """Watches for a guest that QEMU holds before its start or pauses for good.

    `state` is the run state in which a breakpoint found it, or NO_VCPU; "" while it is not known to be held.
    """

    def __init__(self, plan: RunStatePlan, recorder: Recorder) -> None:
        self.plan = plan
        self.state = ""
        self._recorder = recorder

    def set_breakpoints(self) -> bool:
        """Set the breakpoints, if the plan asks for them; returns whether the state is seen without an interrupt.

        That takes a function that the main loop calls and a variable with the state; without them the host has to
        interrupt the program and ask `read`.
        """
        if not self.plan.stops:
            return True
        waits = [name for name in self.plan.main_loop_wait if _has_function(name)]
        if not waits or not any(_has_variable(name) for name in self.plan.variables):
            return False
        for name in waits:
            MainLoopBreakpoint(name, self, self._recorder)
        for name in self.plan.setters:
            if _has_function(name):
                RunStateBreakpoint(name, self, self._recorder)
        return True

    def read(self) -> str:
        """Return the state that keeps the guest from running, "" when it runs. The program is stopped.

        It is the state found at a breakpoint, else QEMU's variable, else what the stacks of the threads show.
        Before the main loop the variable says nothing: every start begins in the state `prelaunch`.
        """
        if self.state:
            return self.state
        stacks = self._functions_by_thread()
        if not stacks.get(1, set()).intersection(self.plan.main_loop_wait):
            return ""
        state = self.state_of_variables()
        if state is None:
            waiting = any(names.intersection(self.plan.vcpu_waits) for names in stacks.values())
            return WAITS if waiting else ""
        return state

    def state_of_variables(self) -> Optional[str]:
        """Return the state that keeps the guest from running by QEMU's variables, "" when it runs; None when no
        variable can be read. Holds from the first round of the main loop on."""
        state = self.variable()
        if state == RUNNING:
            return NO_VCPU if self.lacks_vcpus() else ""
        return state or None

    def variable(self) -> str:
        """Return the run state in QEMU's variable, such as `prelaunch`; "" when no variable can be read."""
        return next((state for state in map(_state_in, self.plan.variables) if state), "")

    def lacks_vcpus(self) -> bool:
        """Return whether QEMU's list of processors is empty; False when no list can be read."""
        for expression in self.plan.vcpu_lists:
            if not _has_variable(expression.partition(".")[0]):
                continue  # gdb searches the whole program for a name that it does not find
            try:
                return int(gdb.parse_and_eval(expression)) == 0
            except gdb.error:
                continue
        return False

    def found(self, state: str) -> None:
        """Keep `state` for the host, and let the program stop at the current breakpoint."""
        self.state = state
        self._recorder.request_stop(True)

    @staticmethod
    def _functions_by_thread() -> Dict[int, Set[str]]:
        """Return for each thread, by gdb's number, the names of the functions on its stack."""
        selected = gdb.selected_thread()
        found = {}
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            found[thread.num] = set(_functions_on_stack())
        if selected is not None and selected.is_valid():
            selected.switch()
        return found


class MainLoopBreakpoint(RecordingBreakpoint):
    """A breakpoint on the function in which the main loop waits: the state at its first hit is the result of the
    start."""

    recorder: Recorder

    def __init__(self, function: str, held: HeldGuest, recorder: Recorder) -> None:
        super().__init__(function, internal=True)
        self.recorder = recorder
        self._held = held

    def hit(self) -> None:
        """Stop the program unless the guest runs; the breakpoint is deleted either way."""
        state = self._held.state_of_variables()
        if state:
            self._held.found(state)
        self.delete_later()


class RunStateBreakpoint(RecordingBreakpoint):
    """A breakpoint on the function that changes the run state, for the states in which QEMU pauses a guest."""

    recorder: Recorder

    def __init__(self, function: str, held: HeldGuest, recorder: Recorder) -> None:
        super().__init__(function, internal=True)
        self.recorder = recorder
        self._held = held

    def hit(self) -> None:
        """Stop the program when the new state ends the guest's run for good."""
        state = _new_state()
        plan = self._held.plan
        if state in plan.paused or (
            # QEMU sets these on its way out too, after the main loop
            state in plan.paused_in_main_loop and not set(plan.main_loop).isdisjoint(_functions_on_stack())
        ):
            self._held.found(state)


def _new_state() -> str:
    """Return the run state that the function of the newest frame is called with; "" when it has no value."""
    frame = gdb.newest_frame()
    block = frame.block()
    while block.function is None and block.superblock is not None:
        block = block.superblock
    symbol: Optional[gdb.Symbol] = next((symbol for symbol in block if symbol.is_argument), None)
    if symbol is None:
        return ""
    try:
        return _name(symbol.value(frame))
    except gdb.error:
        return ""


def _state_in(variable: str) -> str:
    try:
        return _name(gdb.parse_and_eval(variable))
    except gdb.error:
        return ""


def _name(value: gdb.Value) -> str:
    """Return the name of a RunState as QMP has it: `RUN_STATE_IO_ERROR` is `io-error`; "" for another value."""
    text = str(value)
    return text[len(_PREFIX) :].lower().replace("_", "-") if text.startswith(_PREFIX) else ""


def _has_variable(name: str) -> bool:
    return gdb.lookup_global_symbol(name) is not None or gdb.lookup_static_symbol(name) is not None


def _has_function(name: str) -> bool:
    try:
        _, locations = gdb.decode_line(name)
    except gdb.error:
        return False
    return bool(locations)


def _functions_on_stack() -> Iterator[str]:
    """Yield the names of the functions on the selected thread's stack, innermost first."""
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return
        yield frame.name() or ""
        try:
            frame = frame.older()
        except gdb.error:
            return
