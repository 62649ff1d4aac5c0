"""Records the functions that one function calls, for --break-calls-of.

A breakpoint on each call instruction of the function sees its own calls and no others, and tells the target also
of a call through a pointer. The first time that a stack calls a target, the stack is recorded at the target's
first instruction, with the frames that gdb shows there; equal calls are counted at the call instruction.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.arch.x86_64_effects import pointer_operand
from gdbscripts.breakpoints import MilestoneCounts, RecordingBreakpoint
from gdbscripts.code_breakpoints import set_at
from gdbscripts.definitions import innermost_function
from gdbscripts.disassembly import Disassembler
from gdbscripts.enums import StopReason
from gdbscripts.load_address import after_prologue, when_located
from gdbscripts.memory import operand_value, register, stack_pointer
from gdbscripts.plan import PlannedMilestone
from gdbscripts.pointers.dataflow import Instruction
from gdbscripts.recorder import Recorder
from gdbscripts.registers import RegisterReader
from gdbscripts.return_addresses import ReturnAddressReader
from gdbscripts.stack import MAX_FRAMES
from gdbscripts.tail_calls import entry_at, function_address, function_reference, symbol_at

_MAX_CALLS = 100000  # different ones, by stack and target, that are told apart
_FLAGS = "eflags"

_Call = Tuple[int, int, int, Tuple[int, ...]]  # thread, call instruction, target, return addresses


class SiteCode(NamedTuple):
    """A call instruction, and the addresses of the code that it is part of."""

    instruction: Instruction
    is_jump: bool
    own: Set[int]


def set_call_breakpoints(milestones: List[PlannedMilestone], counts: MilestoneCounts, recorder: Recorder) -> None:
    """Set the breakpoints that record the calls of the function of each of `milestones`, when it is loaded."""
    if not milestones:
        return

    def create(offset: int) -> None:
        for milestone in milestones:
            calls = CallsOf(milestone, counts, recorder)
            for site in call_instructions(milestone, offset):
                calls.add_site(site)
            for address in milestone.inlined:
                found = innermost_function(address + offset)
                name = str(found.function.name) if found is not None else ""
                set_at(address + offset, [milestone], counts, recorder, internal=False, function=name)

    when_located(create)


def call_instructions(milestone: PlannedMilestone, offset: int) -> Iterator[SiteCode]:
    """Yield the call instructions of the function of `milestone`, and its jumps out of its code, in all copies.

    Calls of functions that are inlined into it are theirs, and left out.
    """
    name = milestone.functions[0].rpartition(":")[2]
    disassembler = Disassembler()
    seen: Set[int] = set()
    for start in milestone.addresses:
        code = disassembler.function_around(start + offset)
        own = {item.address for item in code or ()}
        for item in code or ():
            if item.address in seen:
                continue
            kind = architecture.classify(item.text)[0]
            jump = kind == "tail" or architecture.is_conditional_jump(item.text)
            leaves = kind in ("direct", "indirect") or (jump and _may_leave(item.text, own))
            if leaves and _belongs_to(item.address, name):
                seen.add(item.address)
                yield SiteCode(item, jump, own)


def _may_leave(text: str, own: Set[int]) -> bool:
    """Return whether a jump may be a tail call: through a pointer, or to the entry of another function."""
    target = architecture.jump_target(text)
    return bool(pointer_operand(text)) if not target else target not in own and entry_at(target) == target


def _belongs_to(address: int, function: str) -> bool:
    found = innermost_function(address)
    if found is not None:
        return str(found.function.name) == function
    symbol = symbol_at(address)
    return symbol is not None and symbol[0].partition(".")[0] == function


class CallsOf:
    """The calls of one function: which are recorded, and how often each was made."""

    def __init__(self, milestone: PlannedMilestone, counts: MilestoneCounts, recorder: Recorder) -> None:
        self.milestone = milestone
        self.counts = counts
        self.recorder = recorder
        self.registers = RegisterReader()
        self.stacks = ReturnAddressReader()
        self.recorded: Dict[_Call, int] = {}  # -> number of its stop
        self._sites: List[CallSite] = []
        self._landings: Dict[int, Landing] = {}

    def add_site(self, site: SiteCode) -> None:
        """Set a breakpoint on a call instruction."""
        self._sites.append(CallSite(site, self))

    def count(self, thread: int) -> None:
        """Count a call, and remove the breakpoints when the limit of the milestone has been exceeded."""
        self.counts.count(self.milestone, thread)

    def has_enough(self) -> bool:
        """Return whether no further call is to be recorded; keeps that one was made, and removes breakpoints."""
        if not self.counts.complete(self.milestone):
            return False
        self.counts.note_cut(self.milestone)
        for site in self._sites:
            site.delete_later()
        self._sites.clear()
        return True

    def expect(self, call: _Call, stack_pointer_before: int) -> None:
        """Record `call` when it arrives at its target; the caller's stack pointer is then that before the call."""
        target = call[2]
        landing = self._landings.get(target)
        if landing is None:
            landing = self._landings[target] = Landing(target, self)
        landing.expected[call[0], call[1]] = (stack_pointer_before, call)
        landing.enabled = True


class CallSite(RecordingBreakpoint):
    """A breakpoint on a call instruction, or on a jump that leaves the function."""

    recorder: Recorder

    def __init__(self, site: SiteCode, calls: CallsOf) -> None:
        super().__init__("*0x%x" % site.instruction.address, internal=True)
        self.recorder = calls.recorder
        self._calls = calls
        self._address = site.instruction.address
        self._text = site.instruction.text
        self._operand = pointer_operand(self._text)
        self._named = architecture.named_target(self._text)
        self._is_jump = site.is_jump
        self._own = site.own

    def hit(self) -> None:
        """Count a call that was recorded before, else let its target record it."""
        frame = gdb.newest_frame()
        if self._is_jump and not architecture.condition_holds(self._text, register(frame, _FLAGS)):
            return
        target = call_target(self._named, self._operand, frame)
        if not target or (self._is_jump and target in self._own) or self._calls.has_enough():
            return  # a jump within the function: a switch
        thread = gdb.selected_thread().num
        stack = self._calls.stacks.read(self._calls.registers.read(gdb.selected_thread()), MAX_FRAMES)
        call = (thread, self._address, target, stack or ())
        number = self._calls.recorded.get(call) if stack is not None else None
        if number is None:
            self._calls.expect(call, stack_pointer(frame) + (8 if self._is_jump else 0))
            return
        self._calls.count(thread)
        self.recorder.count_repeat(number)


class Landing(RecordingBreakpoint):
    """A breakpoint at the beginning of a called function, enabled while a call to it is under way.

    `expected`: thread and call instruction -> the caller's stack pointer, and the call.
    """

    recorder: Recorder

    def __init__(self, target: int, calls: CallsOf) -> None:
        super().__init__("*0x%x" % after_prologue(target), internal=True)
        self.recorder = calls.recorder
        self.expected: Dict[Tuple[int, int], Tuple[int, _Call]] = {}
        self._calls = calls
        self._function = function_reference(target)[0]

    def hit(self) -> None:
        """Record the call that arrived; another caller of this function is not recorded."""
        thread = gdb.selected_thread().num
        depth = _callers_stack_pointer(gdb.newest_frame())
        arrived = [
            key for key, (expected, _) in self.expected.items() if key[0] == thread and depth in (0, expected)
        ]
        for key in arrived[-1:]:
            call = self.expected[key][1]
            milestone = self._calls.milestone
            number = self.recorder.record_stop(StopReason.BREAK, [milestone.name], self._function)
            self._calls.count(thread)
            if call[3] and len(self._calls.recorded) < _MAX_CALLS:
                self._calls.recorded[call] = number
        for key in arrived:
            del self.expected[key]
        if not self.expected:
            self.enabled = False


def call_target(named: int, operand: str, frame: gdb.Frame) -> int:
    """Return the entry of the function that the call instruction at the pc of `frame` calls; 0 when unknown.

    `named`: the target that the instruction names, 0 when it has a pointer `operand`. A stub of the procedure
    linkage table and a thunk of retpolines lead further.
    """
    target = named or operand_value(operand, frame)
    symbol = symbol_at(target) if target else None
    if symbol is None:
        return target
    name, _, section = symbol
    if architecture.is_thunk(name):
        return register(frame, architecture.register_of_thunk(name))
    if not section.startswith(".plt"):
        return target
    linked = _linked_function(target)
    if linked:
        return linked
    return function_address(name.partition("@")[0]) or target


def _linked_function(stub: int) -> int:
    """Return the address in the slot that the linkage stub jumps through; 0 while the linker has not filled it."""
    instructions = gdb.selected_inferior().architecture().disassemble(stub, count=3)
    slots = (architecture.linkage_slot(" ".join(str(each["asm"]).split())) for each in instructions)
    slot = next(filter(None, slots), 0)
    address = operand_value("@0x%x" % slot, gdb.newest_frame()) if slot else 0
    symbol = symbol_at(address) if address else None
    return 0 if symbol is None or symbol[2].startswith(".plt") else address


def _callers_stack_pointer(frame: gdb.Frame) -> int:
    """Return the stack pointer of the frame that called `frame`; 0 when gdb cannot unwind it."""
    caller: Optional[gdb.Frame] = frame.older()
    while caller is not None and caller.type() == gdb.TAILCALL_FRAME:
        caller = caller.older()
    return stack_pointer(caller) if caller is not None else 0
