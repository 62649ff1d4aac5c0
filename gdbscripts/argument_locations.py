"""Tells whether an argument's value follows from its function's preserved registers and its stack alone.

gdb's `info address` shows the location of a variable (DWARF 5, section 2.6). A call that has not returned keeps
its preserved registers and its stack, so such a value needs to be read once only. The value at function entry
(`x@entry`) follows from them, too: what describes it may not use what a call may change (DW_AT_call_value,
DWARF 5, section 3.4.2).
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional

from gdbscripts.arch.host import current as architecture
from gdbscripts.call_sites import CallValue, value_of
from gdbscripts.dwarf_expressions import PLAIN, Operations, with_targets
from gdbscripts.dwarf_expressions import Operation as Evaluated

_RANGE = re.compile(
    r"Range (0x[0-9a-f]+)-(0x[0-9a-f]+): (.*?)(?=\n +Range |\n +Base address |\n?\.\n*\Z)", re.DOTALL
)
_WHOLE = re.compile(r'\ASymbol ".*?" is (.*?)\.\n*\Z', re.DOTALL)
_IN_REGISTER = re.compile(r"a variable in \$(\w+)\Z")
_ON_STACK = re.compile(r"a variable at frame base reg \$\w+ offset ")
_OPERATION = re.compile(r"^( +\d+): DW_OP_(?:GNU_)?(\w+)(?: +(-?\w+))?(?:.*\[\$(\w+)\])?", re.MULTILINE)
_NUMBERED = re.compile(r"(lit|b?reg)(\d+)\Z")
_LINE = re.compile(r"^( +)(\d+): DW_OP_(?:GNU_)?(\w+)(?: +(-?\w+))?", re.MULTILINE)
_CONSTANT_FORMS = ("1u", "1s", "2u", "2s", "4u", "4s", "8u", "8s", "u", "s")
_RENAMED = {"fbreg": "frame", "deref_size": "load"}
_WITH_OPERAND = (*_RENAMED, "plus_uconst", "bra", "skip")
_CONSTANT = re.compile(r"the constant (-?\d+)\Z")
_REGISTER_OPERATION = re.compile(r"(?:reg|breg)\d+\Z|(?:b?regx|regval_type)\Z")
_PURE = re.compile(
    r"(?:lit\d+|const\w+|addr|plus|minus|plus_uconst|and|or|xor|shl|shr|shra|mul|div|mod|neg|not|abs|eq|ne|lt|le|gt"
    r"|ge|swap|dup|drop|over|pick|rot|convert|reinterpret|stack_value|nop|skip|bra|fbreg|entry_value|parameter_ref)\Z"
)
_STACK_ADDRESS = ("fbreg", architecture.STACK_POINTER)  # a deref after one of them reads the frame
_FIXED = ("optimized out", "constant", "the constant ")
_KEPT_REGISTERS = {*architecture.PRESERVED_REGISTERS.values(), architecture.STACK_POINTER}


class _Operation(NamedTuple):
    """One operation of a DWARF expression, without its prefix; `register` is "" when it uses none."""

    name: str
    operand: str
    register: str


def is_determined(description: str, pc: int) -> bool:
    """Return whether the argument that `info address` describes follows from registers and stack at `pc`.

    `pc` is an address in the call instruction. A description in an unknown form is not determined.
    """
    location = _location_at(description, pc)
    return location is not None and _is_determined(location)


def value_at(description: str, pc: int) -> Optional[CallValue]:  # noqa: PLR0911 - a return for each form
    """Return how the value of the argument that `info address` describes follows from the frame at `pc`.

    The kind is that of `CallValue`, or unavailable: optimized out. None for a location in another form.
    """
    location = _location_at(description, pc)
    if location is None:
        return None
    if location == "optimized out":
        return CallValue("unavailable")
    in_register = _IN_REGISTER.match(location)
    if in_register:
        number = architecture.DWARF_REGISTERS.get(in_register[1])
        return CallValue("register", number) if number is not None else None
    constant = _CONSTANT.match(location)
    if constant:
        return CallValue("constant", offset=int(constant[1]))
    if not location.startswith("a complex DWARF expression:"):
        return None
    operations = _operations(location)
    if [operation.name for operation in operations] == ["fbreg"]:
        return CallValue("slot", offset=int(operations[0].operand))
    if not operations or operations[-1].name != "stack_value":  # in memory, or in pieces
        return None
    found = _to_evaluate(location)
    return value_of(found) if found else None


def register_at(description: str, entry: int) -> Optional[int]:
    """Return the number of the register that holds the argument at the function's `entry`; None for none."""
    location = _location_at(description, entry)
    match = _IN_REGISTER.match(location) if location is not None else None
    return architecture.DWARF_REGISTERS.get(match[1]) if match else None


def _to_evaluate(location: str) -> Optional[Operations]:
    """Return the operations of an expression as they are evaluated; None for one with other operations."""
    lines = _LINE.findall(location)
    if len(lines) != location.count("DW_OP_"):
        return None
    indent = min((len(spaces + offset) for spaces, offset, *_ in lines), default=0)
    found: List[Evaluated] = []
    numbers: Dict[int, int] = {}
    inside = False  # of DW_OP_entry_value
    for spaces, offset, name, operand in lines:
        if len(spaces + offset) > indent:
            number = _NUMBERED.match(name)
            if not inside or number is None or number[1] != "reg":
                return None
            found.append(Evaluated("entry", 0, int(number[2])))
            inside = False
            continue
        if inside:
            return None
        numbers[int(offset)] = len(found)
        if name == "entry_value":
            inside = True
        elif name != "stack_value":
            operation = _evaluated(name, operand)
            if operation is None:
                return None
            found.append(operation)
    return with_targets(found, numbers)


def _evaluated(name: str, operand: str) -> Optional[Evaluated]:  # noqa: PLR0911 - a return for each form
    number = _NUMBERED.match(name)
    if number and number[1] == "lit":
        return Evaluated("constant", int(number[2]))
    if number and number[1] == "breg" and operand:
        return Evaluated("register", int(operand), int(number[2]))
    if name in PLAIN:
        return Evaluated(name)
    if name == "deref":
        return Evaluated("load", 8)
    if not operand:
        return None
    if name.startswith("const") and name[5:] in _CONSTANT_FORMS:
        return Evaluated("constant", int(operand))
    if name == "addr":
        return Evaluated("static", int(operand, 16))
    if name in _WITH_OPERAND:
        return Evaluated(_RENAMED.get(name, name), int(operand))
    return None


def _location_at(description: str, pc: int) -> Optional[str]:
    """Return the location at `pc`, "optimized out" when there is none; None for a description in another form."""
    if "multi-location:" not in description:
        match = _WHOLE.match(description)
        return match[1].strip() if match is not None else None
    found = [(int(start, 16), int(end, 16), text) for start, end, text in _RANGE.findall(description)]
    if len(found) != description.count("Range "):
        return None
    here = [text.strip() for start, end, text in found if start <= pc < end]
    return here[0] if here else "optimized out"


def _is_determined(location: str) -> bool:
    in_register = _IN_REGISTER.match(location)
    if in_register:
        return in_register[1] in _KEPT_REGISTERS
    if location.startswith("a complex DWARF expression:"):
        return _is_pure(_operations(location))
    return location.startswith(_FIXED) or _ON_STACK.match(location) is not None


def _operations(location: str) -> List[_Operation]:
    """Return the operations of an expression, without those inside of DW_OP_entry_value, which are indented."""
    found = _OPERATION.findall(location)
    if len(found) != location.count("DW_OP_"):
        return []
    indent = min((len(offset) for offset, *_ in found), default=0)
    return [_Operation(*operation) for offset, *operation in found if len(offset) == indent]


def _is_pure(operations: List[_Operation]) -> bool:
    if [operation.name for operation in operations] == ["fbreg"]:
        return True
    if not operations or operations[-1].name != "stack_value":  # in memory, or in pieces
        return False
    previous = ""
    for operation in operations:
        if _REGISTER_OPERATION.match(operation.name):
            if operation.register not in _KEPT_REGISTERS:
                return False
        elif operation.name.startswith("deref"):
            if previous not in _STACK_ADDRESS:
                return False
        elif not _PURE.match(operation.name):
            return False
        previous = operation.register or operation.name
    return True
