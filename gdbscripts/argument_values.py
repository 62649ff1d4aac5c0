"""Computes the arguments of calls from registers and stack memory, without gdb's frames.

A place in the code gets a recipe once: from the locations that gdb describes, and from the values that the call
site passes. A recipe counts only after gdb has printed the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from gdbscripts.call_sites import CallValue, Parameters
from gdbscripts.records import Arguments

_ALL_BITS = (1 << 64) - 1
PrintNumber = Callable[[int], Optional[str]]


class ArgumentRecipe(NamedTuple):
    """How to print one argument.

    `value` tells where it is, `entry` the register that it was passed in when the call site may tell its value,
    else None. `show` returns the text of a number of 64 bits, None when it cannot.
    """

    name: str
    value: CallValue
    entry: Optional[int]
    size: int
    show: PrintNumber


class Call(NamedTuple):
    """One call on a stack: its pc, its frame address, 0 for a call that left by a tail call, and its registers by
    their numbers of DWARF: all of them for the innermost call, those that functions preserve for the others.

    `elided`: it called another function than the next inner one, which was then reached by tail calls.
    """

    pc: int
    frame_address: int
    registers: Dict[int, int]
    elided: bool


OPTIMISED_OUT = "<optimized out>"
UNAVAILABLE = -1  # a value that gdb prints as optimised out


@dataclass
class CallStack:
    """The calls on a stack, innermost first, None where they are not known; `window` is memory from the address
    `bottom` on. `site_of` returns the parameters of the call before a return address."""

    calls: List[Optional[Call]]
    bottom: int
    window: memoryview
    site_of: Callable[[int], Optional[Parameters]]

    def print_arguments(self, recipes: Sequence[ArgumentRecipe], position: int) -> Optional[Arguments]:
        """Return the arguments of a frame of the call at `position`, as `bt` prints them; None when one has a
        value that cannot be computed."""
        found: List[Tuple[str, str]] = []
        for name, value, entry, size, show in recipes:
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

    def number(  # noqa: PLR0911 - a return for each kind
        self, value: CallValue, position: int, size: int, depth: int = 0
    ) -> Optional[int]:
        """Return a value in the frame of the call at `position`, UNAVAILABLE when gdb has none; None when the
        registers and the stack do not tell."""
        kind, number, offset, slot_size = value
        call = self.calls[position]
        if kind == "constant":
            return offset & _ALL_BITS
        if kind == "unavailable":
            return UNAVAILABLE
        if kind == "entry":
            found = self.entry_number(number, position, depth)
            return (found + offset) & _ALL_BITS if found is not None and found >= 0 else found
        if call is None:
            return None
        if kind == "register":
            content = call.registers.get(number)
            return (content + offset) & _ALL_BITS if content is not None else None
        if not call.frame_address:
            return None
        if kind == "address":
            return (call.frame_address + offset) & _ALL_BITS
        start, size = call.frame_address + offset - self.bottom, min(size, slot_size)
        memory = self.window[start : start + size] if kind == "slot" and start >= 0 else b""
        return int.from_bytes(memory, "little") if len(memory) == size else None

    def entry_number(self, register: int, position: int, depth: int = 0) -> Optional[int]:
        """Return what `register` had when the call at `position` began, UNAVAILABLE when its call site does not
        tell; None when the call site is not known."""
        if position + 1 >= len(self.calls):
            return UNAVAILABLE
        caller = self.calls[position + 1]
        if caller is None or depth > 1:
            return None
        if caller.elided:  # gdb finds no unambiguous way to it
            return UNAVAILABLE
        site = self.site_of(caller.pc)
        if site is None:
            return None
        value = site.get(register, _NOT_PASSED)
        if value is not None and value.kind not in (_KNOWN_FOR_CALLER if depth else _KNOWN):
            return None  # gdb may evaluate it with the registers or the frame address of another frame
        return self.number(value, position + 1, 8, depth + 1) if value is not None else None


_KNOWN_FOR_CALLER = ("constant", "unavailable")
_KNOWN = ("register", "entry", *_KNOWN_FOR_CALLER)
_NOT_PASSED = CallValue("unavailable")
