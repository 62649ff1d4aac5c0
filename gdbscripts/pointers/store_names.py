"""Names the slot that an instruction has just written, when the variables in scope do not name it any more.

GCC's -fzero-call-used-regs clears the registers after the last use of a variable, so that its value is lost at the
next instruction. And the slot may be beyond the static type of the pointer: QOM allocates the class structure of a
derived type, and functions of the base type get a pointer to it.
"""

from __future__ import annotations

import re
from typing import Iterator, Optional, Set, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import Memory, effect, parse_memory
from gdbscripts.pointers.dataflow import Instruction
from gdbscripts.pointers.slot_names import is_structure, member_at, name_in_scope, pointed_to

_MAX_CALLERS = 3  # whose variables may name the slot
_SCOPE = re.compile(r"^Symbol (?P<name>\w+) is (?P<location>.*?)(?=^Symbol |\Z)", re.MULTILINE | re.DOTALL)
_WHOLE = re.compile(r"a variable in \$(\w+)")
_PART = re.compile(r"Range (0x[0-9a-f]+)-(0x[0-9a-f]+): a variable in \$(\w+)")


def name_of_written_slot(address: int, store: Optional[Instruction]) -> str:
    """Return the name of the slot at `address`, which the instruction `store` of the innermost frame has written.

    The variables in scope give the name, then those that are in the base register of the memory operand of
    `store`, then the variables of the callers. `store` is None when the innermost frame is not the program's.
    Returns "" when none of these gives exactly one name.
    """
    name = name_in_scope(address)
    memory = parse_memory(effect(store.text).destination) if store is not None and not name else None
    if store is not None and memory is not None:
        name = _only(set(_names_by_register(memory, store.address)))
    return name or _name_by_callers(address)


def _names_by_register(memory: Memory, pc: int) -> Iterator[str]:
    """Yield the members at the displacement of `memory` in structures to which a variable in its base register
    points at the instruction at `pc`."""
    if memory.index_register:
        return
    block = gdb.block_for_pc(pc)
    for name, register in _registers_of_variables(pc):
        symbol = gdb.lookup_symbol(name, block)[0] if block is not None and register == memory.base else None
        target = pointed_to(symbol.type) if symbol is not None and symbol.type is not None else None
        member = member_at(target, memory.displacement) if target is not None and is_structure(target) else ""
        if member:
            yield member


def _registers_of_variables(pc: int) -> Iterator[Tuple[str, str]]:
    """Yield (variable, register) for each variable of the function at `pc` that is in a register there."""
    try:
        text = gdb.execute("info scope *0x%x" % pc, to_string=True)
    except gdb.error:
        return
    for match in _SCOPE.finditer(text):
        parts = _PART.findall(match["location"])
        whole = _WHOLE.match(match["location"])
        if whole is not None:
            yield match["name"], whole[1]
        yield from (
            (match["name"], register) for start, end, register in parts if int(start, 16) <= pc < int(end, 16)
        )


def _name_by_callers(address: int) -> str:
    frame = gdb.newest_frame()
    try:
        for _ in range(_MAX_CALLERS):
            older = frame.older()
            if older is None or older.type() not in (gdb.NORMAL_FRAME, gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                return ""
            frame = older
            name = "" if gdb.solib_name(frame.pc()) else name_in_scope(address, frame=frame)
            if name:
                return name
        return ""
    finally:
        gdb.newest_frame().select()


def _only(names: Set[str]) -> str:
    return names.pop() if len(names) == 1 else ""
