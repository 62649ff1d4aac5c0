"""Where a value comes from, followed backwards through the machine code of one function: pure, without gdb.

Every way that leads to the instruction is followed. A value kept in a local variable's place on the stack is
followed through it, as long as nobody takes the place's address.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbscripts.arch.x86_64_effects import (
    ALL_BITS,
    ARGUMENTS,
    RESULT,
    Effect,
    Memory,
    address_taken,
    effect,
    flow,
    is_filler,
    moves_stack_pointer,
    parse_memory,
)

_PROLOGUE = 12  # instructions
_POINTER = 8  # bytes
_ON_STACK = re.compile(r"^-?(?:0x[0-9a-f]+)?\(%(rbp|rsp)\)$")
_SETS_FRAME_POINTER = "mov %rsp,%rbp"


class Instruction(NamedTuple):
    """One instruction; `text` as gdb disassembles it, spaces reduced."""

    address: int
    length: int  # 0 when unknown
    text: str


class ValueOrigin(NamedTuple):
    """Where a value comes from, and the instruction that takes it from there.

    `kind`: memory (`place` is the operand), constant (`value`), argument (`value` is its position, from 0),
    result (of the call at `address`), unknown.
    """

    kind: str
    address: int = 0
    place: str = ""
    value: int = 0
    home: str = ""  # the stack place it was kept in on the way, the one nearest to its use


class FunctionCode:
    """The instructions of one function, with the ways between them."""

    def __init__(self, instructions: List[Instruction]) -> None:
        self._instructions = instructions
        self._index = {item.address: number for number, item in enumerate(instructions)}
        self._ends = {
            item.address + item.length: number for number, item in enumerate(instructions) if item.length
        }
        self._has_frame_pointer = any(item.text == _SETS_FRAME_POINTER for item in instructions[:_PROLOGUE])
        self._effects: Dict[int, Effect] = {}
        self._taken: Optional[List[Memory]] = None
        self._before = self._ways()

    @property
    def entry(self) -> int:
        """Where the function begins."""
        return self._instructions[0].address

    def is_private(self, place: str) -> bool:
        """Whether a memory operand is a place on the stack whose address nobody takes."""
        match = _ON_STACK.match(place)
        if match is None or (match[1] == "rbp" and not self._has_frame_pointer):
            return False
        return not self._escapes(place)

    def at(self, address: int) -> Instruction:
        """The instruction that begins at `address`; KeyError when none does."""
        return self._instructions[self._index[address]]

    def ending_at(self, address: int) -> Instruction:
        """The instruction that ends right before `address`; KeyError when none does."""
        if address not in self._ends:
            raise KeyError(address)
        return self._instructions[self._ends[address]]

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self._instructions)

    def origins(self, address: int, place: str) -> List[ValueOrigin]:
        """All origins of what `place` holds right before the instruction at `address`."""
        found: Set[ValueOrigin] = set()
        seen: Set[Tuple[int, str]] = set()
        waiting = [_SoughtValue(self._index[address], place, place if "(" in place else "")]
        while waiting:
            sought = waiting.pop()
            before = self._before.get(sought.number, [])
            if sought.number == 0 or not before:
                found.add(_at_entry(sought) if sought.number == 0 else ValueOrigin("unknown", home=sought.home))
            for previous in before:
                if (previous, sought.place) not in seen:
                    seen.add((previous, sought.place))
                    self._step_back(sought.before(previous), found, waiting)
        return sorted(found)

    def _ways(self) -> Dict[int, List[int]]:
        """For each instruction, by number, those that may be executed right before it."""
        flows = [flow(item.text) for item in self._instructions]
        before: Dict[int, List[int]] = {}
        for number, way in enumerate(flows):
            for target in way.targets:
                if target in self._index:
                    before.setdefault(self._index[target], []).append(number)
        for number, way in enumerate(flows[:-1]):
            # What fills the space up to an aligned jump target is never executed.
            filler = number and number not in before and is_filler(self._instructions[number].text)
            if way.falls_through and not filler:
                before.setdefault(number + 1, []).append(number)
        return before

    def _step_back(self, sought: _SoughtValue, found: Set[ValueOrigin], waiting: List[_SoughtValue]) -> None:
        """Across one instruction: the sought value is the one `sought.place` holds after it."""
        item = self._instructions[sought.number]
        done = self._effect(sought.number)
        place = sought.place
        unknown = ValueOrigin("unknown", item.address, home=sought.home)
        if done.kind == "wild" or self._overlaps(done, place):
            found.add(unknown)
        elif done.kind == "call" and (place in done.also or place.startswith("xmm")):
            kind = "result" if place == RESULT else "unknown"
            found.add(ValueOrigin(kind, item.address, home=sought.home))
        elif place in done.also or (place.endswith("(%rsp)") and moves_stack_pointer(item.text)):
            found.add(unknown)
        elif place != done.written:
            waiting.append(sought)
        elif done.kind == "clobber":
            found.add(unknown)
        else:
            if done.kind == "maybe":
                waiting.append(sought)
            self._take_source(done.source, item.address, sought, found, waiting)

    @staticmethod
    def _overlaps(done: Effect, place: str) -> bool:
        """Whether the instruction writes to a part of a place on the stack, or perhaps does."""
        own = parse_memory(place)
        other = parse_memory(done.written) if own is not None and done.written != place else None
        if own is None or other is None or other.base != own.base:
            return False
        return bool(other.by) or -done.width < other.displacement - own.displacement < _POINTER

    def _take_source(
        self, source: str, address: int, sought: _SoughtValue, found: Set[ValueOrigin], waiting: List[_SoughtValue]
    ) -> None:
        """The value was copied from `source` by the instruction at `address`."""
        if source.startswith("$"):
            found.add(ValueOrigin("constant", address, value=int(source[1:], 16) & ALL_BITS, home=sought.home))
        elif parse_memory(source) is None:
            waiting.append(sought._replace(place=source))
        elif self.is_private(source):
            waiting.append(sought._replace(place=source, home=sought.home or source))
        else:
            found.add(ValueOrigin("memory", address, source, home=sought.home))

    def _effect(self, number: int) -> Effect:
        if number not in self._effects:
            self._effects[number] = effect(self._instructions[number].text)
        return self._effects[number]

    def _escapes(self, place: str) -> bool:
        """Whether somebody may have the address of this place, or of a structure that it is part of."""
        own = parse_memory(place)
        if self._taken is None:
            self._taken = [taken for taken in (address_taken(item.text) for item in self) if taken is not None]
        # How far %rsp had moved when the address was taken is not known here.
        return own is not None and any(
            taken.base == own.base and (own.base == "rsp" or taken.displacement <= own.displacement)
            for taken in self._taken
        )


class _SoughtValue(NamedTuple):
    """A value on its way back: what `place` holds before instruction `number`."""

    number: int
    place: str
    home: str = ""

    def before(self, number: int) -> _SoughtValue:
        return self._replace(number=number)


def _at_entry(sought: _SoughtValue) -> ValueOrigin:
    if sought.place in ARGUMENTS:
        return ValueOrigin("argument", value=ARGUMENTS.index(sought.place), home=sought.home)
    return ValueOrigin("unknown", home=sought.home)
