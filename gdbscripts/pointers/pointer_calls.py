"""The pointers to be explained, what is known of each so far, and what is to be watched for in the next run."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

from gdbscripts.arch.x86_64_effects import flow, pointer_operand
from gdbscripts.disassembly import Disassembler
from gdbscripts.plan import PointerSite
from gdbscripts.pointers.pointer_dataflow import DataflowEnd, follow, follow_place
from gdbscripts.pointers.slot_names import StaticSlot, static_slot
from gdbscripts.pointers.write_watchpoints import PointerStore
from gdbscripts.tail_calls import JumpPlace as Entry
from gdbscripts.tail_calls import entry_at, paths_by_jumps, place_at, symbol_at

_READ_ONLY = (".rodata", ".data.rel.ro")  # nobody can write there once the program runs


class CandidateCall(NamedTuple):
    """An indirect call or jump that may be the one; `pushed` is what lies on the stack there besides, in bytes."""

    address: int
    operand: str
    pushed: int
    ends: List[DataflowEnd]


class PointerSlot:
    """One place in memory that held the pointer.

    `state`: open, stored, static, lost (the program did not repeat), unknown.
    """

    def __init__(self, slot: int, name: str) -> None:
        self.slot = slot
        self.name = name
        self.state = "open"
        self.reason = ""
        self.store: Optional[PointerStore] = None
        self.static: Optional[StaticSlot] = None
        self.before: Optional[PointerSlot] = None  # where it was copied from
        static = static_slot(slot)
        if static is not None and static.file:
            self.name = static.name
        symbol = symbol_at(slot)
        if symbol is not None and symbol[2].startswith(_READ_ONLY):
            self.be_static()

    def be_static(self) -> None:
        """Nobody writes to it: it has its value from the beginning, when it lies in the program's data."""
        self.static = static_slot(self.slot)
        self.state = "static" if self.static else "unknown"
        self.reason = "" if self.static else "nobody was seen storing it"
        if self.static and not self.name:
            self.name = self.static.name

    def be_stored(self, store: PointerStore) -> None:
        """`store` gave it its value."""
        self.state, self.store = "stored", store
        self.name = self.name or store.name
        if store.copied and store.source:
            self.before = PointerSlot(store.source, store.source_name)
        elif store.copied:
            self.give_up("unknown", "where it was copied from cannot be told")
        elif store.origin == "library":
            self.give_up("unknown", "a library stored it, and where it took it from cannot be told")

    def give_up(self, state: str, reason: str) -> None:
        """Nothing more will be known."""
        self.state, self.reason = state, reason

    @property
    def open(self) -> bool:
        """Whether something is still to be found out."""
        return self.state == "open"


class PointerCall:
    """One indirect edge: where it leaves, and where it goes."""

    def __init__(self, plan: PointerSite, codes: Disassembler) -> None:
        self.plan = plan
        self.entry = entry_at(plan.inside_callee)
        self.reached = _reached(plan, codes)
        self._leads: Dict[int, Optional[List[Entry]]] = {}
        self.calls = _hidden_calls(plan, codes, self.accepts) if plan.hidden else _calls(plan, codes, self.accepts)
        self.call: Optional[CandidateCall] = None
        self.value = 0
        self.end: Optional[DataflowEnd] = None
        self.link: Optional[PointerSlot] = None
        self.local = ""
        self.elsewhere = ""  # where the pointer led instead
        self.reason = ""

    def accepts(self, value: int) -> bool:
        """Whether a pointer to `value` leads to the callee."""
        return self.leads(value) is not None

    def leads(self, value: int) -> Optional[List[Entry]]:
        """The functions, that at `value` first, which jumped on to the callee; None when it leads elsewhere."""
        if value not in self._leads:
            self._leads[value] = self._way(value)
        return self._leads[value]

    def _way(self, value: int) -> Optional[List[Entry]]:
        if value == self.entry:
            return []
        ways = paths_by_jumps(value, self.entry) if entry_at(value) == value else []
        return [place_at(address) for address in ways[0]] if len(ways) == 1 else None

    @property
    def links(self) -> Iterator[PointerSlot]:
        """The places in memory that held the pointer, the one it was read from at the call first."""
        link = self.link
        while link is not None:
            yield link
            link = link.before

    @property
    def open(self) -> bool:
        """Whether something is still to be found out."""
        if self.reason:
            return False
        return self.end is None or any(link.open for link in self.links)


def _reached(plan: PointerSite, codes: Disassembler) -> int:
    """The address at which the stack is as it was seen: for a stack in a library, that of the call into it."""
    call = codes.before(plan.reached) if plan.left else None
    return call.address if call else plan.reached


def _calls(plan: PointerSite, codes: Disassembler, accepts: Callable[[int], bool]) -> List[CandidateCall]:
    call = codes.before(plan.returns[0])
    operand = pointer_operand(call.text) if call else ""
    if call is None or not operand:
        return []
    return [CandidateCall(call.address, operand, 0, follow(codes, plan.returns, accepts))]


def _hidden_calls(plan: PointerSite, codes: Disassembler, accepts: Callable[[int], bool]) -> List[CandidateCall]:
    """The jumps through a pointer by which a function that left no frame may have gone on."""
    code = codes.around(plan.hidden)
    calls = []
    for item in code or ():
        operand = pointer_operand(item.text)
        if operand and not flow(item.text).falls_through:
            ends = follow_place(codes, [item.address + 1, *plan.returns], item.address, operand, accepts)
            calls.append(CandidateCall(item.address, operand, 8, ends))  # the return address lies on the stack
    return calls
