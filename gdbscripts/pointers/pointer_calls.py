"""The pointers to be explained, what is known of each so far, and what is to be watched for in the next run."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

from gdbscripts.arch.x86_64_effects import flow, pointer_operand
from gdbscripts.disassembly import Disassembler
from gdbscripts.plan import IndirectCallSite
from gdbscripts.pointers.pointer_dataflow import DataflowResult, trace_call_target, trace_operand
from gdbscripts.pointers.slot_names import StaticSlot, static_slot
from gdbscripts.pointers.write_watchpoints import PointerStore
from gdbscripts.tail_calls import FunctionReference as Entry
from gdbscripts.tail_calls import entry_at, function_reference, symbol_at, tail_call_paths

_READ_ONLY_SECTIONS = (".rodata", ".data.rel.ro")  # nobody can write there once the program runs


class CandidateCall(NamedTuple):
    """An indirect call or jump that may be the one; `pushed` is what lies on the stack there besides, in bytes."""

    address: int
    operand: str
    pushed_bytes: int
    dataflows: List[DataflowResult]


class PointerSlot:
    """One place in memory that held the pointer.

    `state`: open, stored, static, lost (the program did not repeat), unknown.
    """

    def __init__(self, address: int, name: str) -> None:
        self.address = address
        self.name = name
        self.state = "open"
        self.reason = ""
        self.store: Optional[PointerStore] = None
        self.static: Optional[StaticSlot] = None
        self.copied_from: Optional[PointerSlot] = None  # where it was copied from
        static = static_slot(address)
        if static is not None and static.file:
            self.name = static.name
        symbol = symbol_at(address)
        if symbol is not None and symbol[2].startswith(_READ_ONLY_SECTIONS):
            self.mark_static()

    def mark_static(self) -> None:
        """Nobody writes to it: it has its value from the beginning, when it lies in the program's data."""
        self.static = static_slot(self.address)
        self.state = "static" if self.static else "unknown"
        self.reason = "" if self.static else "nobody was seen storing it"
        if self.static and not self.name:
            self.name = self.static.name

    def mark_stored(self, store: PointerStore) -> None:
        """`store` gave it its value."""
        self.state, self.store = "stored", store
        self.name = self.name or store.name
        if store.copied and store.source_address:
            self.copied_from = PointerSlot(store.source_address, store.source_name)
        elif store.copied:
            self.mark_unresolved("unknown", "where it was copied from cannot be told")
        elif store.origin == "library":
            self.mark_unresolved("unknown", "a library stored it, and where it took it from cannot be told")

    def mark_unresolved(self, state: str, reason: str) -> None:
        """Nothing more will be known."""
        self.state, self.reason = state, reason

    @property
    def open(self) -> bool:
        """Whether something is still to be found out."""
        return self.state == "open"


class PointerCall:
    """One indirect edge: where it leaves, and where it goes."""

    def __init__(self, call_site: IndirectCallSite, disassembler: Disassembler) -> None:
        self.call_site = call_site
        self.callee_entry = entry_at(call_site.callee_address)
        self.stop_address = _stop_address(call_site, disassembler)
        self._tail_calls: Dict[int, Optional[List[Entry]]] = {}
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
        self.other_target = ""  # where the pointer led instead
        self.reason = ""

    def leads_to_callee(self, value: int) -> bool:
        """Whether a pointer to `value` leads to the callee."""
        return self.tail_calls_from(value) is not None

    def tail_calls_from(self, value: int) -> Optional[List[Entry]]:
        """The functions, that at `value` first, which jumped on to the callee; None when it leads elsewhere."""
        if value not in self._tail_calls:
            self._tail_calls[value] = self._find_tail_calls(value)
        return self._tail_calls[value]

    def _find_tail_calls(self, value: int) -> Optional[List[Entry]]:
        if value == self.callee_entry:
            return []
        paths = tail_call_paths(value, self.callee_entry) if entry_at(value) == value else []
        return [function_reference(address) for address in paths[0]] if len(paths) == 1 else None

    @property
    def slots(self) -> Iterator[PointerSlot]:
        """The places in memory that held the pointer, the one it was read from at the call first."""
        slot = self.slot
        while slot is not None:
            yield slot
            slot = slot.copied_from

    @property
    def open(self) -> bool:
        """Whether something is still to be found out."""
        if self.reason:
            return False
        return self.dataflow is None or any(slot.open for slot in self.slots)


def _stop_address(call_site: IndirectCallSite, disassembler: Disassembler) -> int:
    """The address at which the stack is as it was seen: for a stack in a library, that of the call into it."""
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
    """The jumps through a pointer by which a function that left no frame may have gone on."""
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
