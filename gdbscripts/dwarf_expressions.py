"""Evaluates DWARF expressions (DWARF 5, section 2.5) with the numbers of one frame; does not need gdb.

Only operations whose result is the same for signed and unsigned numbers are evaluated, and logical shifts.
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from gdbscripts.call_frame_rules import read_signed, read_unsigned

_ALL_BITS = (1 << 64) - 1
_MAX_STEPS = 200
UNAVAILABLE = -1  # a number that gdb does not have: "optimized out"


class Operation(NamedTuple):
    """One operation.

    `name` is constant: `operand` itself; register: `register` plus `operand`; frame: the frame address plus
    `operand`; static: the address `operand` in the file; entry: what `register` had when the function was called,
    plus `operand`; plus_uconst: adds `operand`; load: `operand` bytes at the address on top of the stack; bra and
    skip: to the operation with the number `operand`; else the name of DWARF without its prefix.
    """

    name: str
    operand: int = 0
    register: int = -1


Operations = Tuple[Operation, ...]
LEAVES = ("constant", "register", "frame", "static", "entry")

_BINARY: Dict[str, Callable[[int, int], int]] = {
    "plus": lambda first, second: first + second,
    "minus": lambda first, second: first - second,
    "mul": lambda first, second: first * second,
    "and": lambda first, second: first & second,
    "or": lambda first, second: first | second,
    "xor": lambda first, second: first ^ second,
    "shl": lambda first, second: first << second if second < 64 else 0,
    "shr": lambda first, second: first >> second,
    "eq": lambda first, second: int(first == second),
    "ne": lambda first, second: int(first != second),
}
_UNARY: Dict[str, Callable[[int], int]] = {"neg": lambda number: -number, "not": lambda number: ~number}
# How many numbers an operation takes from the stack, and which of them, from the bottom, it leaves there.
_MOVES: Dict[str, Tuple[int, Tuple[int, ...]]] = {
    "dup": (1, (0, 0)),
    "drop": (1, ()),
    "swap": (2, (1, 0)),
    "over": (2, (0, 1, 0)),
    "rot": (3, (2, 0, 1)),
    "nop": (0, ()),
}
PLAIN = frozenset([*_BINARY, *_UNARY, *_MOVES])  # operations without an operand
_CODES = {
    0x12: "dup", 0x13: "drop", 0x14: "over", 0x16: "swap", 0x17: "rot", 0x1A: "and", 0x1C: "minus", 0x1E: "mul",
    0x1F: "neg", 0x20: "not", 0x21: "or", 0x22: "plus", 0x24: "shl", 0x25: "shr", 0x27: "xor", 0x29: "eq",
    0x2E: "ne", 0x96: "nop", 0x9F: "stack_value",
}  # fmt: skip
_FIXED = {  # name, and form of the operand: const1u to const8s, addr, deref_size
    **{0x08 + number: ("constant", "<" + form) for number, form in enumerate("BbHhIiQq")},
    0x03: ("static", "<Q"),
    0x94: ("load", "<B"),
}
_OF_ANY_SIZE = {  # constu, consts, plus_uconst, and fbreg: gcc's frame base is the frame address
    0x10: ("constant", read_unsigned),
    0x11: ("constant", read_signed),
    0x23: ("plus_uconst", read_unsigned),
    0x91: ("frame", read_signed),
}
_BRANCHES = {0x28: "bra", 0x2F: "skip"}


def evaluate(
    operations: Operations,
    leaf: Callable[[Operation], Optional[int]],
    load: Callable[[int, int], Optional[int]],
) -> Optional[int]:
    """Return the number of 64 bits that is on top of the stack at the end.

    `leaf` returns the number of an operation of `LEAVES` other than constants, `load` that of some bytes at an
    address. UNAVAILABLE when a number is that; None when one is not known, and for an expression that does not
    end.
    """
    stack: List[int] = []
    position = 0
    for _ in range(_MAX_STEPS):
        if position == len(operations):
            return stack[-1] if stack else None
        operation = operations[position]
        position += 1
        name = operation.name
        if name == "constant":
            stack.append(operation.operand & _ALL_BITS)
        elif name in LEAVES or name == "load":
            try:
                number = leaf(operation) if name != "load" else load(stack.pop(), operation.operand)
            except IndexError:
                return None
            if number is None or number == UNAVAILABLE:
                return number
            stack.append(number & _ALL_BITS)
        elif name == "plus_uconst" and stack:
            stack.append((stack.pop() + operation.operand) & _ALL_BITS)
        elif name in ("skip", "bra"):
            if name == "skip" or (stack and stack.pop()):
                position = operation.operand
        elif not _apply(name, stack):
            return None
    return None


def _apply(name: str, stack: List[int]) -> bool:
    """Apply a plain operation; returns False when the stack has too few numbers."""
    if name in _BINARY and len(stack) > 1:
        second, first = stack.pop(), stack.pop()
        stack.append(_BINARY[name](first, second) & _ALL_BITS)
    elif name in _UNARY and stack:
        stack.append(_UNARY[name](stack.pop()) & _ALL_BITS)
    elif name in _MOVES and len(stack) >= _MOVES[name][0]:
        count, order = _MOVES[name]
        taken = stack[len(stack) - count :]
        stack[len(stack) - count :] = [taken[number] for number in order]
    else:
        return False
    return True


def parse(code: bytes) -> Optional[Operations]:
    """Return the operations of an expression in machine form; None for an empty one, and for other operations."""
    found: List[Operation] = []
    numbers: Dict[int, int] = {}  # position -> number of the operation there
    position = 0
    try:
        while position < len(code):
            numbers[position] = len(found)
            operation, position = _operation_at(code, position)
            if operation is None:
                return None
            if operation.name != "stack_value":
                found.append(operation)
        numbers[position] = len(found)
    except (IndexError, struct.error):
        return None
    return with_targets(found, numbers) if found else None


def with_targets(found: List[Operation], numbers: Dict[int, int]) -> Optional[Operations]:
    """Return the operations with the numbers of the operations that branches lead to, in place of positions; None
    when there is none at such a position."""
    result = []
    for operation in found:
        if operation.name in ("skip", "bra"):
            if operation.operand not in numbers:
                return None
            operation = operation._replace(operand=numbers[operation.operand])  # noqa: PLW2901
        result.append(operation)
    return tuple(result)


def folded(operations: Operations) -> Operations:
    """Return operations with constants added to the leaf before them, unless a branch may lead in between."""
    if any(operation.name in ("skip", "bra") for operation in operations):
        return operations
    found: List[Operation] = []
    for operation in operations:
        if operation.name == "plus_uconst" and found and found[-1].name in LEAVES:
            found[-1] = found[-1]._replace(operand=found[-1].operand + operation.operand)
        else:
            found.append(operation)
    return tuple(found)


def _operation_at(  # noqa: PLR0911 - a return for each form
    code: bytes, at: int
) -> Tuple[Optional[Operation], int]:
    """Return the operation at a position, None for another one, and the position after it."""
    byte, after = code[at], at + 1
    if byte in _CODES:
        return Operation(_CODES[byte]), after
    if 0x30 <= byte <= 0x4F:  # lit
        return Operation("constant", byte - 0x30), after
    if byte in _FIXED:
        name, form = _FIXED[byte]
        return Operation(name, struct.unpack_from(form, code, after)[0]), after + struct.calcsize(form)
    if byte in _OF_ANY_SIZE or 0x70 <= byte <= 0x8F:  # breg
        name, read = _OF_ANY_SIZE.get(byte, ("register", read_signed))
        number, after = read(code, after)
        return Operation(name, number, byte - 0x70 if name == "register" else -1), after
    if byte == 0xA3 and code[after] == 1 and 0x50 <= code[after + 1] <= 0x6F:  # entry_value of a register
        return Operation("entry", 0, code[after + 1] - 0x50), after + 2
    if byte == 0x06:  # deref
        return Operation("load", 8), after
    if byte in _BRANCHES:
        (distance,) = struct.unpack_from("<h", code, after)
        return Operation(_BRANCHES[byte], after + 2 + distance), after + 2
    return None, after
