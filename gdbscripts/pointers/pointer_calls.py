"""The state of each explained call: what is known of the pointer so far, and what the next run has to observe."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

from gdbscripts.arch.x86_64_effects import flow, pointer_operand
from gdbscripts.disassembly import Disassembler
from gdbscripts.plan import IndirectCallSite
from gdbscripts.pointers.pointer_dataflow import DataflowResult, trace_call_target, trace_operand
from gdbscripts.pointers.slot_names import StaticSlot, static_slot
from gdbscripts.pointers.write_watchpoints import PointerStore
from gdbscripts.tail_calls import FunctionReference, entry_at, function_reference, symbol_at, tail_call_paths

_READ_ONLY_SECTIONS = (".rodata", ".data.rel.ro")  # read-only after relocation


class CandidateCall(NamedTuple):
    """An indirect call or jump that may be the recorded one.

    `address` is that of the instruction, `operand` the operand it loads the target from, `pushed_bytes` the size
    of what is on the stack at this instruction in addition to the caller's frame, `dataflows` the possible origins
    of the pointer.
    """

    address: int
    operand: str
    pushed_bytes: int
    dataflows: List[DataflowResult]


class PointerSlot:
    """One slot: an address in memory that held the pointer.

    `state`: open, stored, static, lost (the run did not reproduce it), unknown. `reason` says why the state is
    lost or unknown; `copied_from` is the slot that the pointer was copied from.
    """

    def __init__(self, address: int, name: str) -> None:
        self.address = address
        self.name = name
        self.state = "open"
        self.reason = ""
        self.store: Optional[PointerStore] = None
        self.static: Optional[StaticSlot] = None
        self.copied_from: Optional[PointerSlot] = None
        static = static_slot(address)
        if static is not None and static.file:
            self.name = static.name
        symbol = symbol_at(address)
        if symbol is not None and symbol[2].startswith(_READ_ONLY_SECTIONS):
            self.mark_static()

    def mark_static(self) -> None:
        """Mark the slot as never written: if it is in a variable of the program, its value is the initial one."""
        self.static = static_slot(self.address)
        self.state = "static" if self.static else "unknown"
        self.reason = "" if self.static else "no store observed"
        if self.static and not self.name:
            self.name = self.static.name

    def mark_stored(self, store: PointerStore) -> None:
        """Mark the slot as set by `store`; a copy adds the slot that it was copied from."""
        self.state, self.store = "stored", store
        self.name = self.name or store.name
        if store.copied and store.source_address:
            self.copied_from = PointerSlot(store.source_address, store.source_name)
        elif store.copied:
            self.mark_unresolved("unknown", "the source of the copy is unknown")
        elif store.origin == "library":
            self.mark_unresolved("unknown", "a library stored the pointer, and its source is unknown")

    def mark_unresolved(self, state: str, reason: str) -> None:
        """End the search for this slot with `state` lost or unknown, for `reason`."""
        self.state, self.reason = state, reason

    @property
    def open(self) -> bool:
        """Whether the store to this slot is still to be found."""
        return self.state == "open"


class PointerCall:
    """One indirect call: its call site, its callee, and what the runs found out about its pointer."""

    def __init__(self, call_site: IndirectCallSite, disassembler: Disassembler) -> None:
        self.call_site = call_site
        self.callee_entry = entry_at(call_site.callee_address)
        self.stop_address = _stop_address(call_site, disassembler)
        self._tail_calls: Dict[int, Optional[List[FunctionReference]]] = {}
        self.candidates = (
            _elided_candidates(call_site, disassembler, self.leads_to_callee)
            if call_site.elided_function
            else _candidates(call_site, disassembler, self.leads_to_callee)
        )
        self.candidate: Optional[CandidateCall] = None
        self.value = 0
        self.dataflow: Optional[DataflowResult] = None
        self.slot: Optional[PointerSlot] = None
        self.local_name = ""
        self.other_target = ""  # name of the function that the pointer leads to, when that is not the callee
        self.reason = ""

    def leads_to_callee(self, value: int) -> bool:
        """Return whether the function at address `value` is the callee or reaches it by tail calls."""
        return self.tail_calls_from(value) is not None

    def tail_calls_from(self, value: int) -> Optional[List[FunctionReference]]:
        """Return the elided frames from the function at `value` to the callee, that function first.

        The list is empty when `value` is the callee itself; None when `value` leads to another function.
        """
        if value not in self._tail_calls:
            self._tail_calls[value] = self._find_tail_calls(value)
        return self._tail_calls[value]

    def _find_tail_calls(self, value: int) -> Optional[List[FunctionReference]]:
        if value == self.callee_entry:
            return []
        paths = tail_call_paths(value, self.callee_entry) if entry_at(value) == value else []
        return [function_reference(address) for address in paths[0]] if len(paths) == 1 else None

    @property
    def slots(self) -> Iterator[PointerSlot]:
        """The slots that held the pointer: first the one that the call loads it from, then the one that was
        copied from, and so on."""
        slot = self.slot
        while slot is not None:
            yield slot
            slot = slot.copied_from

    @property
    def open(self) -> bool:
        """Whether a further run can find out more about this pointer."""
        if self.reason:
            return False
        return self.dataflow is None or any(slot.open for slot in self.slots)


def _stop_address(call_site: IndirectCallSite, disassembler: Disassembler) -> int:
    """Return the address of the breakpoint for the recorded stack: for a stack in a library, that of the call
    into it."""
    call = disassembler.instruction_before(call_site.stop_address) if call_site.in_library else None
    return call.address if call else call_site.stop_address


def _candidates(
    call_site: IndirectCallSite, disassembler: Disassembler, is_pointer: Callable[[int], bool]
) -> List[CandidateCall]:
    call = disassembler.instruction_before(call_site.returns[0])
    operand = pointer_operand(call.text) if call else ""
    if call is None or not operand:
        return []
    return [
        CandidateCall(call.address, operand, 0, trace_call_target(disassembler, call_site.returns, is_pointer))
    ]


def _elided_candidates(
    call_site: IndirectCallSite, disassembler: Disassembler, is_pointer: Callable[[int], bool]
) -> List[CandidateCall]:
    """Return the indirect jumps of the function without a frame, any of which may have led to the callee."""
    code = disassembler.function_around(call_site.elided_function)
    candidates = []
    for item in code or ():
        operand = pointer_operand(item.text)
        if operand and not flow(item.text).falls_through:
            dataflows = trace_operand(
                disassembler, [item.address + 1, *call_site.returns], item.address, operand, is_pointer
            )
            candidates.append(
                CandidateCall(item.address, operand, 8, dataflows)
            )  # the return address lies on the stack
    return candidates
