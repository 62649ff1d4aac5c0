"""Breakpoints on the instructions that load a pointer, where registers still hold the address of its slot."""

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
    """One load of the pointer from the slot at `address`.

    `number` counts the loads of a run, from 1; `store` is the last write to the slot in this run, None when the
    slot is not watched.
    """

    address: int
    value: int
    name: str
    number: int  # counts all loads of a run
    store: Optional[PointerStore]


class LoadBreakpoint(RecordingBreakpoint):
    """A breakpoint on an instruction that loads the pointer; keeps the last load per thread and stack pointer."""

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
        """Keep slot and value of the load that is about to happen, if the value leads to the callee."""
        frame = gdb.newest_frame()
        address = operand_address(self._operand, frame)
        value = read_pointer(address)
        if not self._is_pointer(value):
            return
        LoadBreakpoint.load_count += 1
        if self._name is None or "[" in self._name:  # the member is fixed per instruction, an array element is not
            memory = parse_memory(self._operand)
            self._name = name_in_scope(address, memory.displacement if memory else None)
        is_watched = self.watchpoint is not None and self.watchpoint.address == address
        store = self.watchpoint.last_store if self.watchpoint is not None and is_watched else None
        key = (gdb.selected_thread().num, stack_pointer(frame))
        self._last_loads[key] = PointerLoad(address, value, self._name, LoadBreakpoint.load_count, store)

    def last_load(self, thread: int, depth: int, value: int, after: int) -> Optional[PointerLoad]:
        """Return the last load by `thread` with this stack pointer and `value`, numbered higher than `after`.

        Falls back to loads at other stack pointers when all of them are from one slot; None when there is no such
        load. Loads up to number `after` belong to an earlier call.
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
