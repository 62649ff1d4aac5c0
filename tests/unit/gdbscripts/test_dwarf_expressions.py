"""DWARF expressions give the numbers that the standard and gdb say."""

from __future__ import annotations

import pytest

from gdbscripts.dwarf_expressions import UNAVAILABLE, Operation, evaluate, folded, parse

REGISTERS = {3: 0x100, 6: 0}
MEMORY = {0x110: 42, 0xF0: 0x110}


def leaf(operation):
    if operation.name == "register":
        content = REGISTERS.get(operation.register)
        return None if content is None else content + operation.operand
    return UNAVAILABLE if operation.name == "entry" else 0x100 + operation.operand


def load(address, size):
    content = MEMORY.get(address)
    return None if content is None else content & ((1 << 8 * size) - 1)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (b"\x35", 5),
        (b"\x09\xff", (1 << 64) - 1),
        (b"\x08\xff", 255),
        (b"\x73\x10\x06", 42),  # breg3 16; deref
        (b"\x91\x70\x06\x94\x01", 42),  # fbreg -16; deref; deref_size 1
        (b"\x73\x00\x23\x02\x9f", 0x102),  # plus_uconst; stack_value
        (b"\x33\x35\x1c", (1 << 64) - 2),  # 3 - 5
        (b"\x33\x34\x24", 48),
        (b"\x31\x08\x40\x24", 0),  # shl by 64
        (b"\x33\x20", (1 << 64) - 4),  # not
        (b"\x33\x35\x12\x2e", 0),  # dup; ne
        (b"\x31\x32\x16\x1c", 1),  # swap: 2 - 1
        (b"\x31\x32\x14", 1),  # over
        (b"\x31\x32\x33\x17", 2),  # rot
        (b"\x76\x00\x35\x73\x00\x30\x29\x28\x01\x00\x16\x13", 5),  # bra not taken: swap; drop leaves the other
        (b"\x76\x00\x35\x76\x00\x30\x29\x28\x01\x00\x16\x13", 0),  # bra taken
        (b"\xa3\x01\x55\x31\x22", UNAVAILABLE),
        (b"\x75\x00", None),  # a register that is not known
        (b"\x30\x06", None),  # memory that cannot be read
        (b"\x22", None),  # nothing on the stack
        (b"\x2f\xfd\xff", None),  # a branch to itself
    ],
)
def test_an_expression_gives_a_number(code, number):
    operations = parse(code)
    assert operations is not None
    assert evaluate(operations, leaf, load) == number


@pytest.mark.parametrize("code", [b"", b"\x73", b"\x31\x32\x1b", b"\x31\x28\x00\x40", b"\xa3\x02\x75\x00"])
def test_other_operations_and_branches_to_nowhere_have_no_form(code):
    assert parse(code) is None


def test_constants_are_folded_into_the_leaf_unless_a_branch_may_lead_in_between():
    added = (Operation("register", 8, 3), Operation("plus_uconst", 2))
    assert folded(added) == (Operation("register", 10, 3),)
    assert folded((*added, Operation("skip", 1))) == (*added, Operation("skip", 1))
