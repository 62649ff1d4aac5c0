"""Backward dataflow analysis from an indirect call through arguments into its callers, by machine code alone.

The program does not run meanwhile: the result says which instructions and slots to observe when it runs.
"""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.arch.x86_64_effects import ARGUMENT_REGISTERS, parse_memory, pointer_operand
from gdbscripts.definitions import file_of_function, file_of_symtab, innermost_function
from gdbscripts.disassembly import Disassembler
from gdbscripts.pointers.dataflow import FunctionCode, ValueOrigin
from gdbscripts.tail_calls import function_at, symbol_at

_MAX_CALLERS = 8
_CLONE_SUFFIXES = (
    ".constprop",
    ".isra",
    ".part",
)  # the compiler removed parameters, so registers do not match the declaration

PointerTest = Callable[[int], bool]


class SourceLocation(NamedTuple):
    """A source location: `function` is the innermost function inlined at the instruction."""

    function: str
    file: str  # absolute, or as the debug information of a library has it
    line: int
    library: str
    defined_in: Optional[str] = None  # the file that defines the function; None: it is `file`


class PassedArgument(NamedTuple):
    """One argument that passed the pointer on: the name of the parameter, and where the caller passed it."""

    name: str
    passed_at: SourceLocation


class DataflowResult(NamedTuple):
    """One possible origin of the pointer.

    `kind` is that of a `ValueOrigin`; `caller_level` is the number of callers between the call and `origin`, from
    0; `arguments` are the arguments that passed the pointer on, innermost first.
    """

    kind: str
    caller_level: int
    origin: ValueOrigin
    arguments: Tuple[PassedArgument, ...]


def trace_call_target(
    disassembler: Disassembler, returns: List[int], is_pointer: PointerTest
) -> List[DataflowResult]:
    """Return the possible origins of the pointer of the indirect call that returns to `returns[0]`.

    `returns` are the return addresses of the stack, innermost first, including tail-call frames; `is_pointer`
    returns whether a number is the pointer. The list is empty when there is no indirect call.
    """
    call = disassembler.instruction_before(returns[0])
    operand = pointer_operand(call.text) if call else ""
    if call is None or not operand:
        return []
    return trace_operand(disassembler, returns, call.address, operand, is_pointer)


def trace_operand(
    disassembler: Disassembler, returns: List[int], address: int, operand: str, is_pointer: PointerTest
) -> List[DataflowResult]:
    """Return the possible origins of the value of `operand` before the instruction at `address`; see
    `trace_call_target`."""
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
            continue  # a path through the function that yields another pointer or none
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
    """Return the caller's code and the address of its call; None when another function is called between them."""
    if callee is None or caller_level + 1 >= len(returns):
        return None
    code, call = (
        disassembler.function_around(returns[caller_level + 1] - 1),
        disassembler.instruction_before(returns[caller_level + 1]),
    )
    if code is None or call is None:
        return None
    # The target of an indirect call may have reached this function by a tail call.
    return (code, call.address) if call_target(call.text) == callee.entry else None


def call_target(call: str) -> int:
    """Return the address that a disassembled call or jump names; 0 when it is indirect."""
    return int(architecture.classify(call)[1])


def call_target_at(address: int) -> int:
    """Return the address that the call instruction at `address` names; 0 when it is indirect."""
    text = gdb.execute("x/i 0x%x" % address, to_string=True)
    return call_target(text.partition(":\t")[2])


def source_location(address: int) -> SourceLocation:
    """Return the source location of the instruction at `address`."""
    library = gdb.solib_name(address) or ""
    sal = gdb.find_pc_line(address)
    found = innermost_function(address)
    if found is None:
        symbol = symbol_at(address)
        return SourceLocation(symbol[0] if symbol else "??", "", 0, library)
    name, defined_in = str(found.function.print_name), file_of_function(found, address, library)
    if sal.symtab is None:
        return SourceLocation(name, "", 0, library, defined_in)
    return SourceLocation(name, file_of_symtab(sal.symtab, library), sal.line, library, defined_in)


def parameter_name(entry: int, position: int) -> str:
    """Return the name of the parameter in integer argument register number `position` (from 0).

    Returns "" when the debug information does not say, or a structure among the parameters may use registers as
    well (x86-64 psABI, section 3.2.3).
    """
    function = function_at(entry)
    symbol = symbol_at(entry)
    if function is None or (symbol and any(suffix in symbol[0] for suffix in _CLONE_SUFFIXES)):
        return ""
    kind = function.type.target() if function.type is not None else None
    if kind is None or _may_use_memory(kind):  # then the first register holds the address of the result
        return ""
    block = gdb.block_for_pc(entry)
    while block is not None and (block.function is None or block.function.name != function.name):
        block = block.superblock
    names = []
    for item in block or ():
        if item.is_argument and item.type is not None:
            if _may_use_memory(item.type):
                break
            if item.type.strip_typedefs().code != gdb.TYPE_CODE_FLT:  # these are in SSE registers
                names.append(str(item.print_name))
    return names[position] if position < len(names) else ""


def _may_use_memory(kind: gdb.Type) -> bool:
    """Return whether a value of the type may be passed in memory or in several registers."""
    plain = kind.strip_typedefs()
    return plain.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY) or plain.sizeof > 8
