"""Explains the indirect call of one selected frame: the text that `kvm-pointer` prints."""

from __future__ import annotations

from typing import Iterator, Optional

import gdb

from gdbscripts.arch.x86_64_effects import parse_memory, pointer_operand
from gdbscripts.disassembly import Disassembler
from gdbscripts.memory import read_pointer
from gdbscripts.pointers.earlier_registers import EarlierRegisters
from gdbscripts.pointers.pointer_dataflow import DataflowResult, SourceLocation, source_location, trace_call_target
from gdbscripts.pointers.slot_names import called_variable, name_by_type, name_in_scope, static_slot
from gdbscripts.pointers.write_watchpoints import return_addresses
from gdbscripts.tail_calls import entry_at, function_reference


def explain_call(frame: gdb.Frame) -> Iterator[str]:
    """Yield lines of text that explain through which pointer the frame's function was called.

    Raises GdbError when the frame has no caller or its call is not indirect.
    """
    callee: Optional[gdb.Frame] = frame
    while callee is not None and callee.type() == gdb.INLINE_FRAME:
        callee = callee.older()
    caller = callee.older() if callee is not None else None
    while caller is not None and caller.type() == gdb.INLINE_FRAME:
        caller = caller.older()
    if callee is None or caller is None:
        raise gdb.GdbError("This frame has no caller.")
    disassembler = Disassembler()
    code, call = disassembler.function_around(caller.pc() - 1), disassembler.instruction_before(caller.pc())
    if code is None or call is None:
        raise gdb.GdbError("The machine code before 0x%x cannot be read." % caller.pc())
    if not pointer_operand(call.text):
        raise gdb.GdbError("%s was not called through a pointer: %s" % (callee.name(), call.text))
    entry = entry_at(callee.pc() - (1 if callee.newer() is not None else 0))
    yield "%s called %s through a pointer: %s" % (
        source_location(caller.pc() - 1).function,
        callee.name(),
        call.text,
    )
    dataflows = trace_call_target(disassembler, return_addresses(caller), lambda value: value == entry)
    if len(dataflows) != 1:
        yield "The machine code does not show where the pointer comes from."
        return
    yield from _dataflow_lines(
        dataflows[0], caller, EarlierRegisters(caller, code, call.address, registers_unchanged=False), entry
    )


def _dataflow_lines(
    dataflow: DataflowResult, caller: gdb.Frame, earlier: EarlierRegisters, entry: int
) -> Iterator[str]:
    for argument in dataflow.arguments:
        yield "It was passed as %s by %s" % (argument.name or "an argument", _format_location(argument.passed_at))
    if dataflow.kind == "constant":
        yield "The function is named in %s" % _format_location(source_location(dataflow.origin.address))
    elif dataflow.kind == "result":
        yield "It was returned to %s" % _format_location(source_location(dataflow.origin.address))
    elif dataflow.kind == "memory" and not dataflow.caller_level:
        yield from _slot_lines(dataflow, caller, earlier, entry)
    else:
        yield "The machine code does not show where it was set before."


def _slot_lines(
    dataflow: DataflowResult, caller: gdb.Frame, earlier: EarlierRegisters, entry: int
) -> Iterator[str]:
    address = earlier.address(dataflow.origin.address, dataflow.origin.operand)
    if not address:
        memory = parse_memory(dataflow.origin.operand)
        name = name_by_type(memory.displacement, caller) if memory else ""
        name = name or called_variable(caller.pc() - 1) or dataflow.origin.operand
        yield "It was loaded from %s, whose address is no longer in a register." % name
        yield "Set a breakpoint at *0x%x, the load, and use kvm-pointer there." % dataflow.origin.address
        return
    memory = parse_memory(dataflow.origin.operand)
    static = static_slot(address)
    name = name_in_scope(address, memory.displacement if memory else None, caller)
    if static is not None and static.file:
        name = static.name
    yield "It was loaded from %s at 0x%x." % (name or "unnamed memory", address)
    value = read_pointer(address)
    if value != entry:
        yield "That slot holds 0x%x <%s> now: it was changed since." % (value, function_reference(value)[0])
    yield "To find the store, run the program again with: watch *(void **) 0x%x" % address


def _format_location(location: SourceLocation) -> str:
    return (
        "%s at %s:%d" % (location.function, location.file, location.line) if location.file else location.function
    )
