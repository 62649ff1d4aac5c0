"""Finds the functions that left no frame: called by name, they went on to the callee by jumps (tail calls).

gdb shows such functions when only one way leads through the call sites it knows of. Where it shows none, the
call instruction still names the first of them, and its machine code may tell the rest.
"""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.disassembly import Disassembler

_SYMBOL = re.compile(r"^(?P<name>.+?)(?: \+ (?P<offset>\d+))? in section (?P<section>\S+)")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_DISASSEMBLER = Disassembler()  # a few functions, all of them short
_MAX_FUNCTIONS = 5  # functions in a row

FunctionReference = List[str]  # name, absolute source file, library


class TailCalls(NamedTuple):
    """`via` are the functions between, the one called first; `kind` is how the last of them came to the callee.

    Kind is "" when the callee is what was called; tail; inline, when gdb names the frame after what is inlined
    there; unknown, when the machine code does not tell one way.
    """

    kind: str = ""
    functions: Tuple[FunctionReference, ...] = ()


def find_tail_calls(target: int, callee: gdb.Frame) -> TailCalls:
    """The way from the function called at `target` to the frame `callee`."""
    symbol = symbol_at(target)
    entry = _frame_entry(callee)
    if symbol is None:
        return TailCalls()
    name, _, section = symbol
    in_linkage_table = section.startswith(".plt")
    if in_linkage_table:
        name = name.partition("@")[0]
        target = 0 if name.startswith("*") else function_address(name)  # "*ABS*+0x9be70": has no name to look up
    if target == entry:
        called = function_at(target)
        named_after_inlined = (
            callee.type() == gdb.TAILCALL_FRAME and called is not None and called.name != callee.name()
        )
        return TailCalls("inline", (function_reference(target),)) if named_after_inlined else TailCalls()
    if name == callee.name():
        return TailCalls()
    paths = tail_call_paths(target, entry) if target else []
    if len(paths) == 1:
        return TailCalls("tail", tuple(function_reference(address) for address in paths[0]))
    if (
        in_linkage_table
    ):  # an alias, or one of several implementations that the dynamic linker picked (STT_GNU_IFUNC)
        return TailCalls()
    return TailCalls("unknown", (function_reference(target),))


def symbol_at(address: int) -> Optional[Tuple[str, int, str]]:
    """(name, offset, section) of the symbol that covers `address`."""
    match = _SYMBOL.match(gdb.execute("info symbol 0x%x" % address, to_string=True))
    if match is None:
        return None
    return match["name"], int(match["offset"] or 0), match["section"]


def function_address(function: str) -> int:
    """Where the function of that name is; 0 when there is none."""
    try:
        # Evaluating `&function` would give the same, a hundred times slower.
        answer = gdb.execute("info address %s" % function, to_string=True)
    except gdb.error:
        return 0
    match = _ADDRESS.search(answer)
    return int(match[0], 16) if match else 0


def function_at(address: int) -> Optional[gdb.Symbol]:
    """The function whose code `address` is in; what may be inlined there does not count."""
    found = None
    block = gdb.block_for_pc(address)
    while block is not None and not block.is_static:
        found = block.function or found
        block = block.superblock
    return found


def tail_call_paths(start: int, callee_entry: int) -> List[Tuple[int, ...]]:
    """The ways from the function at `start` to the one at `goal` by jumps: the functions passed, `start` first."""
    return list(_paths(start, callee_entry, ()))


def entry_at(address: int) -> int:
    """Where the function begins whose code `address` is in; 0 when gdb knows none."""
    function = function_at(address)
    if function is not None:
        return _symbol_entry(function)
    symbol = symbol_at(address)
    return address - symbol[1] if symbol else 0


def _paths(start: int, callee_entry: int, path_before: Tuple[int, ...]) -> Iterator[Tuple[int, ...]]:
    """The ways from the function at `start` to the one at `goal` by jumps named in the code, without loops."""
    path = (*path_before, start)
    for target in _jump_targets(start):
        if target == callee_entry:
            yield path
        elif target not in path and len(path) < _MAX_FUNCTIONS:
            yield from _paths(target, callee_entry, path)


def _jump_targets(start: int) -> List[int]:
    """Entries of other functions that the function at `start` jumps to."""
    code = _DISASSEMBLER.function_around(start)
    if code is None or code.entry != start:
        return []
    own_addresses = {item.address for item in code}
    targets = {architecture.jump_target(item.text) for item in code} - own_addresses
    return sorted(target for target in targets if target and entry_at(target) == target)


def _frame_entry(frame: gdb.Frame) -> int:
    """Where the function begins whose machine code the frame is in."""
    # The address behind a jump or a call that never returns may belong to the next function.
    inside = frame.pc() - 1 if frame.level() else frame.pc()
    function = function_at(inside) if frame.type() == gdb.TAILCALL_FRAME else frame.function()
    if function is not None:
        return _symbol_entry(function)
    symbol = symbol_at(inside)
    return inside - symbol[1] if symbol else 0


def _symbol_entry(function: gdb.Symbol) -> int:
    address = function.value().address
    return int(address) if address is not None else 0


def function_reference(address: int) -> FunctionReference:
    """The function at `address`."""
    library = gdb.solib_name(address) or ""
    function = function_at(address)
    symbol = symbol_at(address)
    name = str(function.name) if function is not None else symbol[0] if symbol else hex(address)
    symtab = function.symtab if function is not None else gdb.find_pc_line(address).symtab
    if symtab is None:
        return [name, "", library]
    return [name, symtab.filename if library else symtab.fullname(), library]
