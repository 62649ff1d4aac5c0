"""Computes the arguments of calls from registers and stack memory, without gdb's frames.

A place in the code gets a recipe once: from the locations that gdb describes, and from the values that the call
site passes. A recipe counts only after gdb has printed the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from gdbscripts.call_sites import CallSite, CallValue
from gdbscripts.dwarf_expressions import UNAVAILABLE, Operation, evaluate
from gdbscripts.records import Arguments

_ALL_BITS = (1 << 64) - 1
PrintNumber = Callable[[int], Optional[str]]


class ArgumentRecipe(NamedTuple):
    """How to print one argument.

    `value` tells where it is, `entry` the register that it was passed in when the call site may tell its value,
    else None. `show` returns the text of a number of 64 bits, None when it cannot. `optimised` tells whether call
    sites may tell values at function entry.
    """

    name: str
    value: CallValue
    entry: Optional[int]
    size: int
    show: PrintNumber
    optimised: bool


class Call(NamedTuple):
    """One call on a stack: its pc, its frame address, 0 for a call that left by a tail call, and its registers by
    their numbers of DWARF: all of them for the innermost call, those that functions preserve for the others.

    `elided`: it called another function than the next inner one, which was then reached by tail calls. `inlined`:
    how many functions are inlined where it is, each a frame of gdb inside of this one.
    """

    pc: int
    frame_address: int
    registers: Dict[int, int]
    elided: bool
    inlined: int = 0


class FramePosition(NamedTuple):
    """A frame of gdb: the position of its call on the stack, and how many frames outwards that of its machine code
    is, 0 for that frame itself."""

    call: int
    depth: int = 0


OPTIMISED_OUT = "<optimized out>"


@dataclass
class CallStack:
    """The calls on a stack, innermost first, None where they are not known; `window` is memory from the address
    `bottom` on.

    `site_of` returns the call site before a return address, `entry_of` the address at which the function begins
    that has the machine code at an address, `load` the number of some bytes of other memory. `used` is the number
    of calls whose call sites `print_arguments` has used, from the innermost one on.
    """

    calls: List[Optional[Call]]
    bottom: int
    window: memoryview
    site_of: Callable[[int], Optional[CallSite]]
    entry_of: Callable[[int], int]
    load: Callable[[int, int], Optional[int]]
    used: int = 0

    def print_arguments(self, recipes: Sequence[ArgumentRecipe], position: FramePosition) -> Optional[Arguments]:
        """Return the arguments of a frame, as `bt` prints them; None when one has a value that cannot be
        computed."""
        self.used = 0
        found: List[Tuple[str, str]] = []
        for name, value, entry, size, show, _ in recipes:
            number = self.number(value, position, size)
            text = OPTIMISED_OUT if number == UNAVAILABLE else show(number) if number is not None else None
            if text is None:
                return None
            entry_number: Optional[int] = UNAVAILABLE
            if entry is not None:
                entry_number = self.entry_number(entry, position)
            if entry_number == UNAVAILABLE:
                found.append((name, text))
                continue
            entry_text = show(entry_number) if entry_number is not None else None
            if entry_text is None:
                return None
            if entry_text == text:
                found.append((name, "%s@entry=%s" % (name, text)))
            else:
                found.extend([(name, text), ("%s@entry" % name, entry_text)])
        return found

    def callers_used(self, position: FramePosition) -> Tuple[int, ...]:
        """Return the return addresses before which the call sites are that `print_arguments` has used."""
        calls = self.calls[position.call + 1 : self.used]
        return tuple(call.pc if call is not None else 0 for call in calls)

    def number(  # noqa: PLR0911 - a return for each kind
        self, value: CallValue, position: FramePosition, size: int, nesting: int = 0
    ) -> Optional[int]:
        """Return a value in a frame, UNAVAILABLE when gdb has none; None when the registers and the stack do not
        tell. `nesting` is the number of call sites that led to it."""
        kind, number, offset, slot_size, operations = value
        if kind == "constant":
            return offset & _ALL_BITS
        if kind == "unavailable":
            return UNAVAILABLE
        if kind == "entry":
            found = self.entry_number(number, position, nesting)
            return (found + offset) & _ALL_BITS if found is not None and found >= 0 else found
        call = self.calls[position.call]
        if kind == "expression":
            return evaluate(operations, lambda it: self._leaf(it, position, nesting), self._load)
        if call is None:
            return None
        if kind == "register":
            content = call.registers.get(number)
            return (content + offset) & _ALL_BITS if content is not None else None
        if not call.frame_address:
            return None
        address = (call.frame_address + offset) & _ALL_BITS
        if kind == "address":
            return address
        return self._load(address, min(size, slot_size)) if kind == "slot" else None

    def _leaf(self, operation: Operation, position: FramePosition, nesting: int) -> Optional[int]:
        kind = "address" if operation.name == "frame" else operation.name
        return self.number(CallValue(kind, operation.register, operation.operand), position, 8, nesting)

    def _load(self, address: int, size: int) -> Optional[int]:
        start = address - self.bottom
        if 0 <= start <= len(self.window) - size:
            return int.from_bytes(self.window[start : start + size], "little")
        return self.load(address, size)

    def entry_number(  # noqa: PLR0911 - a return for each reason
        self, register: int, position: FramePosition, nesting: int = 0
    ) -> Optional[int]:
        """Return what `register` had when the function of a frame began, UNAVAILABLE when the call site does not
        tell; None when the call site is not known.

        gdb takes the call site of the machine code's caller, and evaluates what it tells in the next outer frame.
        That is not the caller's for an inlined function: value_of_dwarf_reg_entry in gdb's dwarf2/loc.c.
        """
        index = position.call + 1
        if index >= len(self.calls):
            return UNAVAILABLE
        self.used = max(self.used, index + 1)
        caller = self.calls[index]
        if caller is None or nesting > _MAX_NESTING:
            return None
        if caller.elided:  # gdb finds no unambiguous way to it
            return UNAVAILABLE
        site = self.site_of(caller.pc)
        outer = FramePosition(index, caller.inlined)
        if site is None:
            return None
        if not site.is_used:
            return UNAVAILABLE
        if site.target is not None:
            target = self.number(site.target, outer, 8, nesting + 1)
            callee = self.calls[position.call]
            if target is None or callee is None:
                return None
            if target != self.entry_of(callee.pc - (position.call > 0)):
                return UNAVAILABLE
        value = site.parameters.get(register, _NOT_PASSED)
        if value is None:
            return None
        if position.depth:
            outer = position._replace(depth=position.depth - 1)
        return self.number(value, outer, 8, nesting + 1)


_MAX_NESTING = 8
_NOT_PASSED = CallValue("unavailable")
