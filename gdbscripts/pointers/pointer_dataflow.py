"""Follows a pointer backwards from where it is used, through arguments and their callers, by machine code alone.

Nothing runs here: what is found is where to look while the program runs.
"""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.x86_64_effects import ARGUMENT_REGISTERS, parse_memory, pointer_operand
from gdbscripts.disassembly import Disassembler
from gdbscripts.pointers.dataflow import FunctionCode, ValueOrigin
from gdbscripts.tail_calls import function_at, symbol_at

_MAX_CALLERS = 8  # callers
_CLONE_SUFFIXES = (
    ".constprop",
    ".isra",
    ".part",
)  # parameters were removed: the registers say nothing about their names

PointerTest = Callable[[int], bool]


class SourceLocation(NamedTuple):
    """A place in the source: `function` is the innermost one inlined there."""

    function: str
    file: str  # absolute, or as the debug information of a library has it
    line: int
    library: str


class PassedArgument(NamedTuple):
    """The pointer came as an argument: its name, and where the caller passed it."""

    name: str
    passed_at: SourceLocation


class DataflowResult(NamedTuple):
    """How far machine code tells. `kind` is that of an `Origin`; `level` counts callers, from 0."""

    kind: str
    caller_level: int
    origin: ValueOrigin
    arguments: Tuple[PassedArgument, ...]


def trace_call_target(
    disassembler: Disassembler, returns: List[int], is_pointer: PointerTest
) -> List[DataflowResult]:
    """Where the pointer called right before `returns[0]` comes from.

    `returns` are the return addresses of the stack, caller first, with those behind the jumps of functions that
    jumped on; `accepts` tells whether a number is the pointer.
    """
    call = disassembler.instruction_before(returns[0])
    operand = pointer_operand(call.text) if call else ""
    if call is None or not operand:
        return []
    return trace_operand(disassembler, returns, call.address, operand, is_pointer)


def trace_operand(
    disassembler: Disassembler, returns: List[int], address: int, operand: str, is_pointer: PointerTest
) -> List[DataflowResult]:
    """Where what `place` holds before the instruction at `address` comes from; see `follow`."""
    code = disassembler.function_around(address)
    if code is None:
        return []
    if parse_memory(operand) is not None and not code.is_private_slot(operand):
        return [DataflowResult("memory", 0, ValueOrigin("memory", address, operand), ())]
    return list(dict.fromkeys(_results(disassembler, returns, 0, code.origins(address, operand), (), is_pointer)))


def _results(
    disassembler: Disassembler,
    returns: List[int],
    caller_level: int,
    origins: List[ValueOrigin],
    arguments: Tuple[PassedArgument, ...],
    is_pointer: PointerTest,
) -> List[DataflowResult]:
    results: List[DataflowResult] = []
    for origin in origins:
        if origin.kind == "constant" and not is_pointer(origin.value):
            continue  # another way through the function, which gives another pointer or none
        if origin.kind == "argument" and caller_level < _MAX_CALLERS:
            results += _results_in_caller(disassembler, returns, caller_level, origin, arguments, is_pointer)
        else:
            results.append(DataflowResult(origin.kind, caller_level, origin, arguments))
    return results


def _results_in_caller(
    disassembler: Disassembler,
    returns: List[int],
    caller_level: int,
    origin: ValueOrigin,
    arguments: Tuple[PassedArgument, ...],
    is_pointer: PointerTest,
) -> List[DataflowResult]:
    callee = disassembler.function_around(returns[caller_level] - 1)
    caller = _caller_of(disassembler, returns, caller_level, callee)
    if caller is None or callee is None:
        return [DataflowResult("argument", caller_level, origin, arguments)]
    code, call = caller
    argument = PassedArgument(parameter_name(callee.entry, origin.value), source_location(call))
    origins = code.origins(call, ARGUMENT_REGISTERS[origin.value])
    return _results(disassembler, returns, caller_level + 1, origins, (*arguments, argument), is_pointer)


def _caller_of(
    disassembler: Disassembler, returns: List[int], caller_level: int, callee: Optional[FunctionCode]
) -> Optional[Tuple[FunctionCode, int]]:
    """The caller's code and the address of its call; None when another function lies between."""
    if callee is None or caller_level + 1 >= len(returns):
        return None
    code, call = (
        disassembler.function_around(returns[caller_level + 1] - 1),
        disassembler.instruction_before(returns[caller_level + 1]),
    )
    if code is None or call is None:
        return None
    # A call through a pointer may have reached a function that jumped on to this one: nobody knows.
    return (code, call.address) if call_target(call.text) == callee.entry else None


def call_target(call: str) -> int:
    """What the disassembled call or jump names; 0 when it goes through a pointer."""
    operand = call.split()[1] if len(call.split()) > 1 else ""
    return int(operand, 16) if operand.startswith("0x") else 0


def call_target_at(address: int) -> int:
    """What the call at `address` names; 0 when it goes through a pointer."""
    text = gdb.execute("x/i 0x%x" % address, to_string=True)
    return call_target(text.partition(":\t")[2])


def source_location(address: int) -> SourceLocation:
    """The place in the source of the instruction at `address`."""
    library = gdb.solib_name(address) or ""
    sal = gdb.find_pc_line(address)
    block = gdb.block_for_pc(address)
    while block is not None and block.function is None:
        block = block.superblock
    if block is None or block.function is None:
        symbol = symbol_at(address)
        return SourceLocation(symbol[0] if symbol else "??", "", 0, library)
    if sal.symtab is None:
        return SourceLocation(str(block.function.print_name), "", 0, library)
    file = sal.symtab.filename if library else sal.symtab.fullname()
    return SourceLocation(str(block.function.print_name), str(file), sal.line, library)


def parameter_name(entry: int, position: int) -> str:
    """The name of the parameter that comes in the integer register number `position`.

    "" when the debug information does not say, or a structure among the parameters may take registers as well.
    """
    function = function_at(entry)
    symbol = symbol_at(entry)
    if function is None or (symbol and any(suffix in symbol[0] for suffix in _CLONE_SUFFIXES)):
        return ""
    kind = function.type.target() if function.type is not None else None
    if kind is None or _may_use_memory(kind):  # then a register is taken by the place for the result
        return ""
    block = gdb.block_for_pc(entry)
    while block is not None and (block.function is None or block.function.name != function.name):
        block = block.superblock
    names = []
    for item in block or ():
        if item.is_argument and item.type is not None:
            if _may_use_memory(item.type):
                break
            if item.type.strip_typedefs().code != gdb.TYPE_CODE_FLT:  # those come in other registers
                names.append(str(item.print_name))
    return names[position] if position < len(names) else ""


def _may_use_memory(kind: gdb.Type) -> bool:
    """Whether a value of the type may be passed in memory, or in several registers."""
    plain = kind.strip_typedefs()
    return plain.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY) or plain.sizeof > 8
