"""Where a pointer was read from: breakpoints on the very instructions that read it, while registers tell."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import parse_memory
from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.memory import operand_address, read_pointer, stack_pointer
from gdbscripts.pointers.pointer_dataflow import PointerTest
from gdbscripts.pointers.slot_names import name_in_scope
from gdbscripts.pointers.write_watchpoints import PointerStore, WriteWatchpoint
from gdbscripts.recorder import Recorder


class PointerLoad(NamedTuple):
    """A pointer was read from a place in memory; `store` is the last write to it in this run, when watched."""

    address: int
    value: int
    name: str
    number: int  # of all readings of a run
    store: Optional[PointerStore]


class LoadBreakpoint(RecordingBreakpoint):
    """Keeps what an instruction read last, for each thread and depth of its stack."""

    load_count = 0

    def __init__(self, address: int, operand: str, is_pointer: PointerTest, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self.watchpoint: Optional[WriteWatchpoint] = None
        self._operand = operand
        self._is_pointer = is_pointer
        self._name: Optional[str] = None
        self._last_loads: Dict[Tuple[int, int], PointerLoad] = {}

    def hit(self) -> None:
        """The instruction is about to read."""
        frame = gdb.newest_frame()
        address = operand_address(self._operand, frame)
        value = read_pointer(address)
        if not self._is_pointer(value):
            return
        LoadBreakpoint.load_count += 1
        if self._name is None or "[" in self._name:  # an instruction reads one member, but any element
            memory = parse_memory(self._operand)
            self._name = name_in_scope(address, memory.displacement if memory else None)
        is_watched = self.watchpoint is not None and self.watchpoint.address == address
        store = self.watchpoint.last_store if self.watchpoint is not None and is_watched else None
        key = (gdb.selected_thread().num, stack_pointer(frame))
        self._last_loads[key] = PointerLoad(address, value, self._name, LoadBreakpoint.load_count, store)

    def last_load(self, thread: int, depth: int, value: int, after: int) -> Optional[PointerLoad]:
        """What `thread` read at this depth of the stack; at another depth only if there is no doubt.

        What was read before reading number `since` was for a call before.
        """
        exact = self._last_loads.get((thread, depth))
        if exact is not None and exact.value == value:
            return exact if exact.number > after else None
        thread_loads = [
            load
            for (load_thread, _), load in self._last_loads.items()
            if load_thread == thread and load.value == value and load.number > after
        ]
        return (
            max(thread_loads, key=lambda load: load.number)
            if len({load.address for load in thread_loads}) == 1
            else None
        )
