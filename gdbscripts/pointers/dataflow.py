"""Backward dataflow analysis within the machine code of one function; does not need gdb.

Follows a value from its use to its origins along all paths of the control flow. A value that is stored in a stack
slot is followed through the slot, as long as the function does not take the address of the slot.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbscripts.arch.x86_64_effects import (
    ALL_BITS,
    ARGUMENT_REGISTERS,
    RESULT_REGISTER,
    Effect,
    Memory,
    address_taken,
    effect,
    flow,
    is_filler,
    moves_stack_pointer,
    parse_memory,
)

_PROLOGUE_LENGTH = 12  # instructions
_POINTER_BYTES = 8
_STACK_OPERAND = re.compile(r"^-?(?:0x[0-9a-f]+)?\(%(rbp|rsp)\)$")
_SETS_FRAME_POINTER = "mov %rsp,%rbp"


class Instruction(NamedTuple):
    """One instruction: its address, its length in bytes, and gdb's disassembly with single spaces."""

    address: int
    length: int  # 0 when unknown
    text: str


class ValueOrigin(NamedTuple):
    """One possible origin of a value, and the address of the instruction that produces it.

    `kind`: memory (loaded from `operand`), constant (`value`), argument (`value` is its position, from 0), result
    (of the call at `address`), unknown.
    """

    kind: str
    address: int = 0
    operand: str = ""
    value: int = 0
    stack_slot: str = ""  # the stack slot that it passed through, the one nearest to its use


class FunctionCode:
    """The instructions of one function, and its control flow."""

    def __init__(self, instructions: List[Instruction]) -> None:
        self._instructions = instructions
        self._index = {item.address: number for number, item in enumerate(instructions)}
        self._ends = {
            item.address + item.length: number for number, item in enumerate(instructions) if item.length
        }
        self._has_frame_pointer = any(item.text == _SETS_FRAME_POINTER for item in instructions[:_PROLOGUE_LENGTH])
        self._effects: Dict[int, Effect] = {}
        self._addresses_taken: Optional[List[Memory]] = None
        self._predecessors = self._predecessor_table()

    @property
    def entry(self) -> int:
        """The address of the first instruction of the function."""
        return self._instructions[0].address

    def is_private_slot(self, operand: str) -> bool:
        """Return whether a memory operand is a stack slot whose address the function does not take."""
        match = _STACK_OPERAND.match(operand)
        if match is None or (match[1] == "rbp" and not self._has_frame_pointer):
            return False
        return not self._address_escapes(operand)

    def instruction_at(self, address: int) -> Instruction:
        """Return the instruction that starts at `address`. Raises KeyError when none does."""
        return self._instructions[self._index[address]]

    def instruction_ending_at(self, address: int) -> Instruction:
        """Return the instruction that ends right before `address`. Raises KeyError when none does."""
        if address not in self._ends:
            raise KeyError(address)
        return self._instructions[self._ends[address]]

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self._instructions)

    def origins(self, address: int, operand: str) -> List[ValueOrigin]:
        """Return all origins of the value of `operand` right before the instruction at `address`, sorted.

        Raises KeyError when no instruction starts at `address`.
        """
        origins_found: Set[ValueOrigin] = set()
        seen: Set[Tuple[int, str]] = set()
        pending = [_TrackedValue(self._index[address], operand, operand if "(" in operand else "")]
        while pending:
            tracked = pending.pop()
            predecessors = self._predecessors.get(tracked.number, [])
            if tracked.number == 0 or not predecessors:
                origins_found.add(
                    _origin_at_entry(tracked)
                    if tracked.number == 0
                    else ValueOrigin("unknown", stack_slot=tracked.stack_slot)
                )
            for predecessor in predecessors:
                if (predecessor, tracked.operand) not in seen:
                    seen.add((predecessor, tracked.operand))
                    self._step_back(tracked.at_instruction(predecessor), origins_found, pending)
        return sorted(origins_found)

    def _predecessor_table(self) -> Dict[int, List[int]]:
        """Return, for each instruction number, the numbers of the instructions that may be executed right
        before it."""
        flows = [flow(item.text) for item in self._instructions]
        predecessors: Dict[int, List[int]] = {}
        for number, control_flow in enumerate(flows):
            for target in control_flow.targets:
                if target in self._index:
                    predecessors.setdefault(self._index[target], []).append(number)
        for number, control_flow in enumerate(flows[:-1]):
            # Filler before an aligned jump target is never executed.
            filler = number and number not in predecessors and is_filler(self._instructions[number].text)
            if control_flow.falls_through and not filler:
                predecessors.setdefault(number + 1, []).append(number)
        return predecessors

    def _step_back(
        self, tracked: _TrackedValue, origins_found: Set[ValueOrigin], pending: List[_TrackedValue]
    ) -> None:
        """Move the tracked value back over one instruction: it is the value of `tracked.operand` after that
        instruction."""
        item = self._instructions[tracked.number]
        instruction_effect = self._effect(tracked.number)
        operand = tracked.operand
        unknown = ValueOrigin("unknown", item.address, stack_slot=tracked.stack_slot)
        if instruction_effect.kind == "wild" or self._overlaps_operand(instruction_effect, operand):
            origins_found.add(unknown)
        elif instruction_effect.kind == "call" and (
            operand in instruction_effect.clobbers or operand.startswith("xmm")
        ):
            kind = "result" if operand == RESULT_REGISTER else "unknown"
            origins_found.add(ValueOrigin(kind, item.address, stack_slot=tracked.stack_slot))
        elif operand in instruction_effect.clobbers or (
            operand.endswith("(%rsp)") and moves_stack_pointer(item.text)
        ):
            origins_found.add(unknown)
        elif operand != instruction_effect.destination:
            pending.append(tracked)
        elif instruction_effect.kind == "clobber":
            origins_found.add(unknown)
        else:
            if instruction_effect.kind == "maybe":
                pending.append(tracked)
            self._take_source(instruction_effect.source, item.address, tracked, origins_found, pending)

    @staticmethod
    def _overlaps_operand(instruction_effect: Effect, operand: str) -> bool:
        """Return whether the instruction writes, or may write, to a part of the stack slot `operand`."""
        own_memory = parse_memory(operand)
        destination = (
            parse_memory(instruction_effect.destination)
            if own_memory is not None and instruction_effect.destination != operand
            else None
        )
        if own_memory is None or destination is None or destination.base != own_memory.base:
            return False
        return (
            bool(destination.index_register)
            or -instruction_effect.width < destination.displacement - own_memory.displacement < _POINTER_BYTES
        )

    def _take_source(
        self,
        source: str,
        address: int,
        tracked: _TrackedValue,
        origins_found: Set[ValueOrigin],
        pending: List[_TrackedValue],
    ) -> None:
        """Continue with `source`, which the instruction at `address` copied the value from."""
        if source.startswith("$"):
            origins_found.add(
                ValueOrigin(
                    "constant", address, value=int(source[1:], 16) & ALL_BITS, stack_slot=tracked.stack_slot
                )
            )
        elif parse_memory(source) is None:
            pending.append(tracked._replace(operand=source))
        elif self.is_private_slot(source):
            pending.append(tracked._replace(operand=source, stack_slot=tracked.stack_slot or source))
        else:
            origins_found.add(ValueOrigin("memory", address, source, stack_slot=tracked.stack_slot))

    def _effect(self, number: int) -> Effect:
        if number not in self._effects:
            self._effects[number] = effect(self._instructions[number].text)
        return self._effects[number]

    def _address_escapes(self, operand: str) -> bool:
        """Return whether other code may have the address of this stack slot, or of a structure that contains
        it."""
        own_memory = parse_memory(operand)
        if self._addresses_taken is None:
            self._addresses_taken = [
                taken for taken in (address_taken(item.text) for item in self) if taken is not None
            ]
        # The value of %rsp when the address was taken is unknown, so any stack slot may be reached.
        return own_memory is not None and any(
            taken.base == own_memory.base
            and (own_memory.base == "rsp" or taken.displacement <= own_memory.displacement)
            for taken in self._addresses_taken
        )


class _TrackedValue(NamedTuple):
    """A value that is followed backwards: the value of `operand` before instruction `number`."""

    number: int
    operand: str
    stack_slot: str = ""

    def at_instruction(self, number: int) -> _TrackedValue:
        """Return the same value before instruction `number`."""
        return self._replace(number=number)


def _origin_at_entry(tracked: _TrackedValue) -> ValueOrigin:
    if tracked.operand in ARGUMENT_REGISTERS:
        return ValueOrigin(
            "argument", value=ARGUMENT_REGISTERS.index(tracked.operand), stack_slot=tracked.stack_slot
        )
    return ValueOrigin("unknown", stack_slot=tracked.stack_slot)
