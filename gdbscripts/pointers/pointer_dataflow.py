"""Follows a pointer backwards from where it is used, through arguments and their callers, by machine code alone.

Nothing runs here: what is found is where to look while the program runs.
"""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import ARGUMENTS, parse_memory, pointer_operand
from gdbscripts.disassembly import Disassembler
from gdbscripts.pointers.dataflow import FunctionCode, ValueOrigin
from gdbscripts.tail_calls import function_at, symbol_at

_HIGHEST = 8  # callers
_CLONES = (".constprop", ".isra", ".part")  # parameters were removed: the registers say nothing about their names

Accepts = Callable[[int], bool]


class SourcePlace(NamedTuple):
    """A place in the source: `function` is the innermost one inlined there."""

    function: str
    file: str  # absolute, or as the debug information of a library has it
    line: int
    library: str


class PassedArgument(NamedTuple):
    """The pointer came as an argument: its name, and where the caller passed it."""

    name: str
    by: SourcePlace


class DataflowEnd(NamedTuple):
    """How far machine code tells. `kind` is that of an `Origin`; `level` counts callers, from 0."""

    kind: str
    level: int
    origin: ValueOrigin
    passed: Tuple[PassedArgument, ...]


def follow(codes: Disassembler, returns: List[int], accepts: Accepts) -> List[DataflowEnd]:
    """Where the pointer called right before `returns[0]` comes from.

    `returns` are the return addresses of the stack, caller first, with those behind the jumps of functions that
    jumped on; `accepts` tells whether a number is the pointer.
    """
    call = codes.before(returns[0])
    operand = pointer_operand(call.text) if call else ""
    if call is None or not operand:
        return []
    return follow_place(codes, returns, call.address, operand, accepts)


def follow_place(
    codes: Disassembler, returns: List[int], address: int, place: str, accepts: Accepts
) -> List[DataflowEnd]:
    """Where what `place` holds before the instruction at `address` comes from; see `follow`."""
    code = codes.around(address)
    if code is None:
        return []
    if parse_memory(place) is not None and not code.is_private(place):
        return [DataflowEnd("memory", 0, ValueOrigin("memory", address, place), ())]
    return list(dict.fromkeys(_ends(codes, returns, 0, code.origins(address, place), (), accepts)))


def _ends(
    codes: Disassembler,
    returns: List[int],
    level: int,
    origins: List[ValueOrigin],
    passed: Tuple[PassedArgument, ...],
    accepts: Accepts,
) -> List[DataflowEnd]:
    found: List[DataflowEnd] = []
    for origin in origins:
        if origin.kind == "constant" and not accepts(origin.value):
            continue  # another way through the function, which gives another pointer or none
        if origin.kind == "argument" and level < _HIGHEST:
            found += _ends_in_caller(codes, returns, level, origin, passed, accepts)
        else:
            found.append(DataflowEnd(origin.kind, level, origin, passed))
    return found


def _ends_in_caller(
    codes: Disassembler,
    returns: List[int],
    level: int,
    origin: ValueOrigin,
    passed: Tuple[PassedArgument, ...],
    accepts: Accepts,
) -> List[DataflowEnd]:
    callee = codes.around(returns[level] - 1)
    caller = _caller_of(codes, returns, level, callee)
    if caller is None or callee is None:
        return [DataflowEnd("argument", level, origin, passed)]
    code, call = caller
    hop = PassedArgument(parameter_name(callee.entry, origin.value), place_of(call))
    origins = code.origins(call, ARGUMENTS[origin.value])
    return _ends(codes, returns, level + 1, origins, (*passed, hop), accepts)


def _caller_of(
    codes: Disassembler, returns: List[int], level: int, callee: Optional[FunctionCode]
) -> Optional[Tuple[FunctionCode, int]]:
    """The caller's code and the address of its call; None when another function lies between."""
    if callee is None or level + 1 >= len(returns):
        return None
    code, call = codes.around(returns[level + 1] - 1), codes.before(returns[level + 1])
    if code is None or call is None:
        return None
    # A call through a pointer may have reached a function that jumped on to this one: nobody knows.
    return (code, call.address) if direct_target(call.text) == callee.entry else None


def direct_target(call: str) -> int:
    """What the disassembled call or jump names; 0 when it goes through a pointer."""
    operand = call.split()[1] if len(call.split()) > 1 else ""
    return int(operand, 16) if operand.startswith("0x") else 0


def direct_target_at(address: int) -> int:
    """What the call at `address` names; 0 when it goes through a pointer."""
    text = gdb.execute("x/i 0x%x" % address, to_string=True)
    return direct_target(text.partition(":\t")[2])


def place_of(address: int) -> SourcePlace:
    """The place in the source of the instruction at `address`."""
    library = gdb.solib_name(address) or ""
    sal = gdb.find_pc_line(address)
    block = gdb.block_for_pc(address)
    while block is not None and block.function is None:
        block = block.superblock
    if block is None or block.function is None:
        symbol = symbol_at(address)
        return SourcePlace(symbol[0] if symbol else "??", "", 0, library)
    if sal.symtab is None:
        return SourcePlace(str(block.function.print_name), "", 0, library)
    file = sal.symtab.filename if library else sal.symtab.fullname()
    return SourcePlace(str(block.function.print_name), str(file), sal.line, library)


def parameter_name(entry: int, position: int) -> str:
    """The name of the parameter that comes in the integer register number `position`.

    "" when the debug information does not say, or a structure among the parameters may take registers as well.
    """
    function = function_at(entry)
    symbol = symbol_at(entry)
    if function is None or (symbol and any(mark in symbol[0] for mark in _CLONES)):
        return ""
    kind = function.type.target() if function.type is not None else None
    if kind is None or _in_memory(kind):  # then a register is taken by the place for the result
        return ""
    block = gdb.block_for_pc(entry)
    while block is not None and (block.function is None or block.function.name != function.name):
        block = block.superblock
    names = []
    for item in block or ():
        if item.is_argument and item.type is not None:
            if _in_memory(item.type):
                break
            if item.type.strip_typedefs().code != gdb.TYPE_CODE_FLT:  # those come in other registers
                names.append(str(item.print_name))
    return names[position] if position < len(names) else ""


def _in_memory(kind: gdb.Type) -> bool:
    """Whether a value of the type may be passed in memory, or in several registers."""
    plain = kind.strip_typedefs()
    return plain.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY) or plain.sizeof > 8
