"""Finds elided frames: functions that were called by name and left by tail calls, so that the stack lacks them.

gdb reconstructs such frames when exactly one path leads through the call sites of the debug information. Where it
does not, the call instruction still names the first function, and the jumps in its code name the next ones.
"""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.definitions import file_of_function, file_of_symbol, outermost_function
from gdbscripts.disassembly import Disassembler

_SYMBOL = re.compile(r"^(?P<name>.+?)(?: \+ (?P<offset>\d+))? in section (?P<section>\S+)")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_DISASSEMBLER = Disassembler()  # keeps few functions, all of them short
_MAX_FUNCTIONS = 5  # in one path

FunctionReference = List[str]  # name, absolute source file, library


class TailCalls(NamedTuple):
    """The result of `find_tail_calls`: elided frames, and how the last of them calls the callee.

    `functions` are the elided frames, the one called first is first. `kind` is "" when the callee itself was
    called; tail; inline when gdb names the frame by a function that is inlined there; unknown when the machine
    code has no single path.
    """

    kind: str = ""
    functions: Tuple[FunctionReference, ...] = ()


def find_tail_calls(target: int, callee: gdb.Frame) -> TailCalls:
    """Return the elided frames between the function called at address `target` and the frame `callee`."""
    entry = _frame_entry(callee)
    is_callee = target == entry and callee.type() != gdb.TAILCALL_FRAME
    symbol = symbol_at(target) if not is_callee else None  # a lookup takes as long as all else
    if symbol is None:
        return TailCalls()
    name, _, section = symbol
    in_linkage_table = section.startswith(".plt")
    if in_linkage_table:
        name = name.partition("@")[0]
        target = 0 if name.startswith("*") else function_address(name)  # "*ABS*+0x9be70" has no name to look up
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
    if in_linkage_table:  # an alias, or an implementation that the dynamic linker selected (STT_GNU_IFUNC)
        return TailCalls()
    return TailCalls("unknown", (function_reference(target),))


def symbol_at(address: int) -> Optional[Tuple[str, int, str]]:
    """Return (name, offset in bytes, section) of the symbol that covers `address`; None when no symbol does."""
    match = _SYMBOL.match(gdb.execute("info symbol 0x%x" % address, to_string=True))
    if match is None:
        return None
    return match["name"], int(match["offset"] or 0), match["section"]


def function_address(function: str) -> int:
    """Return the address of the function named `function`; 0 when gdb knows none."""
    try:
        # Evaluating `&function` gives the same result and is a hundred times slower.
        answer = gdb.execute("info address %s" % function, to_string=True)
    except gdb.error:
        return 0
    match = _ADDRESS.search(answer)
    return int(match[0], 16) if match else 0


def function_at(address: int) -> Optional[gdb.Symbol]:
    """Return the symbol of the function whose code contains `address`, ignoring functions inlined there; None
    for none."""
    found = outermost_function(address)
    return found.function if found is not None else None


def tail_call_paths(start: int, callee_entry: int) -> List[Tuple[int, ...]]:
    """Return all paths of direct jumps from the function at `start` to the function at `callee_entry`.

    A path is the tuple of the entry addresses of its functions, `start` first and the callee left out.
    """
    return list(_paths(start, callee_entry, ()))


def entry_at(address: int) -> int:
    """Return the entry address of the function whose code contains `address`; 0 when gdb knows none."""
    function = function_at(address)
    if function is not None:
        return _symbol_entry(function)
    symbol = symbol_at(address)
    return address - symbol[1] if symbol else 0


def _paths(start: int, callee_entry: int, path_before: Tuple[int, ...]) -> Iterator[Tuple[int, ...]]:
    """Yield the paths of `tail_call_paths` that extend `path_before`, without cycles."""
    path = (*path_before, start)
    for target in _jump_targets(start):
        if target == callee_entry:
            yield path
        elif target not in path and len(path) < _MAX_FUNCTIONS:
            yield from _paths(target, callee_entry, path)


def _jump_targets(start: int) -> List[int]:
    """Return the sorted entry addresses of other functions that the function at `start` jumps to."""
    code = _DISASSEMBLER.function_around(start)
    if code is None or code.entry != start:
        return []
    own_addresses = {item.address for item in code}
    targets = {architecture.jump_target(item.text) for item in code} - own_addresses
    return sorted(target for target in targets if target and entry_at(target) == target)


def _frame_entry(frame: gdb.Frame) -> int:
    """Return the entry address of the function whose machine code the frame executes; 0 when unknown."""
    # The address after a jump or a noreturn call may belong to the next function.
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
    """Return [name, absolute source file, library] of the function at `address`; "" for a file or library it
    lacks."""
    library = gdb.solib_name(address) or ""
    found = outermost_function(address)
    if found is not None:
        return [str(found.function.name), file_of_function(found, address, library), library]
    symbol = symbol_at(address)
    if symbol is None:
        return [hex(address), "", library]
    return [symbol[0], file_of_symbol(address - symbol[1], library), library]
