"""Compares what an earlier recording found out about pointers with the run that is being recorded.

It holds for this run, too, when the same call is made with the same stack, the slots held the same value then or
at an earlier stop, and the function at this value is the recorded one. The machine code is the same: the host asks
only for recordings of the same build.
"""

from __future__ import annotations

from typing import List, Optional, Set

import gdb

from gdbscripts.memory import read_pointer
from gdbscripts.plan import IndirectCallSite, KnownPointer
from gdbscripts.tail_calls import entry_at, function_reference, tail_call_paths

_WALKED = (gdb.NORMAL_FRAME, gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)


class KnownPointers:
    """The pointers of `known`, compared at each recorded stop until their call is seen."""

    def __init__(self, known: List[KnownPointer]) -> None:
        self._known = known
        self._open = list(range(len(known)))
        self._held: Set[int] = set()
        self._seen: List[int] = []  # calls that were made while or after their slots held the value

    def at_stop(self) -> None:
        """Compare the slots and the stack of the selected thread; called at each recorded stop."""
        if not self._open:
            return
        stack = _program_counters(gdb.newest_frame())
        for number in list(self._open):
            known = self._known[number]
            if all(read_pointer(slot) == known.value for slot in known.slots):
                self._held.add(number)
            if _is_made_in(stack, known.call_site):
                self._open.remove(number)
                if number in self._held:
                    self._seen.append(number)

    def proved(self) -> List[int]:
        """Return the numbers of the pointers that are the same in this run."""
        return [number for number in sorted(self._seen) if _leads_to_callee(self._known[number])]


def _program_counters(newest: gdb.Frame) -> List[int]:
    """Return the pc of each frame on the stack, innermost first, without inlined frames and tail-call frames."""
    counters = []
    frame: Optional[gdb.Frame] = newest
    while frame is not None and frame.type() in _WALKED:
        if frame.type() == gdb.NORMAL_FRAME:
            counters.append(frame.pc())
        frame = frame.older()
    return counters


def _is_made_in(stack: List[int], site: IndirectCallSite) -> bool:
    recorded = [site.stop_address, *site.return_addresses]
    starts = range(len(stack)) if site.in_library else range(1)
    return any(stack[start : start + len(recorded)] == recorded for start in starts)


def _leads_to_callee(known: KnownPointer) -> bool:
    if function_reference(known.value)[0] != known.target:
        return False
    entry = entry_at(known.call_site.callee_address)
    if known.value == entry:
        return not known.leads
    paths = tail_call_paths(known.value, entry) if entry_at(known.value) == known.value else []
    return [[function_reference(address)[0] for address in path] for path in paths] == [known.leads]
