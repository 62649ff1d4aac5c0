"""Where a pointer was read from: breakpoints on the very instructions that read it, while registers tell."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import parse_memory
from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.memory import address_in, read_pointer, stack_pointer
from gdbscripts.pointers.pointer_dataflow import Accepts
from gdbscripts.pointers.slot_names import name_in_scope
from gdbscripts.pointers.write_watchpoints import PointerStore, WriteWatchpoint
from gdbscripts.recorder import Recorder


class PointerLoad(NamedTuple):
    """A pointer was read from a place in memory; `store` is the last write to it in this run, when watched."""

    slot: int
    value: int
    name: str
    order: int  # of all readings of a run
    store: Optional[PointerStore]


class LoadBreakpoint(RecordingBreakpoint):
    """Keeps what an instruction read last, for each thread and depth of its stack."""

    count = 0

    def __init__(self, address: int, place: str, accepts: Accepts, recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self.watch: Optional[WriteWatchpoint] = None
        self._place = place
        self._accepts = accepts
        self._name: Optional[str] = None
        self._last: Dict[Tuple[int, int], PointerLoad] = {}

    def hit(self) -> None:
        """The instruction is about to read."""
        frame = gdb.newest_frame()
        slot = address_in(self._place, frame)
        value = read_pointer(slot)
        if not self._accepts(value):
            return
        LoadBreakpoint.count += 1
        if self._name is None or "[" in self._name:  # an instruction reads one member, but any element
            memory = parse_memory(self._place)
            self._name = name_in_scope(slot, memory.displacement if memory else None)
        watched = self.watch is not None and self.watch.slot == slot
        store = self.watch.last if self.watch is not None and watched else None
        key = (gdb.selected_thread().num, stack_pointer(frame))
        self._last[key] = PointerLoad(slot, value, self._name, LoadBreakpoint.count, store)

    def latest(self, thread: int, depth: int, value: int, since: int) -> Optional[PointerLoad]:
        """What `thread` read at this depth of the stack; at another depth only if there is no doubt.

        What was read before reading number `since` was for a call before.
        """
        exact = self._last.get((thread, depth))
        if exact is not None and exact.value == value:
            return exact if exact.order > since else None
        own = [
            reading
            for (t, _), reading in self._last.items()
            if t == thread and reading.value == value and reading.order > since
        ]
        return max(own, key=lambda reading: reading.order) if len({reading.slot for reading in own}) == 1 else None
