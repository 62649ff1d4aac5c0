"""Which descriptions of `info address` determine an argument, and what value they tell."""

from __future__ import annotations

import pytest

from gdbscripts.argument_locations import is_determined, register_at, value_at
from gdbscripts.call_sites import CallValue
from gdbscripts.dwarf_expressions import Operation

LIST = """Symbol "ti" is multi-location:
  Base address 0x644650  Range 0x100-0x110: a variable in $rdi
  Range 0x110-0x120: a variable in $r12
  Range 0x120-0x128: a complex DWARF expression:
     0: DW_OP_entry_value
       2: DW_OP_reg5 [$rdi]
     3: DW_OP_stack_value

  Range 0x128-0x130: a complex DWARF expression:
     0: DW_OP_breg3 8 [$rbx]
     2: DW_OP_deref
     3: DW_OP_stack_value

  Range 0x130-0x138: a complex DWARF expression:
     0: DW_OP_fbreg -24
.
"""


def expression(*operations):
    return CallValue("expression", operations=operations)


def single(location):
    return f'Symbol "x" is {location}.\n'


@pytest.mark.parametrize(
    ("pc", "determined", "value"),
    [
        (0x100, False, CallValue("register", 5)),  # a call may change it
        (0x110, True, CallValue("register", 12)),
        (0x127, True, CallValue("entry", 5)),
        (0x128, False, expression(Operation("register", 8, 3), Operation("load", 8))),  # somebody may write it
        (0x130, True, CallValue("slot", offset=-24)),
        (0x138, True, CallValue("unavailable")),
    ],
)
def test_a_list_has_one_location_at_each_pc(pc, determined, value):
    assert is_determined(LIST, pc) is determined
    assert value_at(LIST, pc) == value


@pytest.mark.parametrize(
    ("location", "determined", "value"),
    [
        ("optimized out", True, CallValue("unavailable")),
        ("the constant 7", True, CallValue("constant", offset=7)),
        ("a variable in $rbx", True, CallValue("register", 3)),
        ("a variable in $xmm0", False, None),
        ("a variable at frame base reg $rbp offset 16+-20", True, None),
        ("static storage at address 0x4040", False, None),
        ("a complex DWARF expression:\n     0: DW_OP_lit3\n     1: DW_OP_stack_value\n", True,
         CallValue("constant", offset=3)),
        ("a complex DWARF expression:\n     0: DW_OP_addr 0x856724\n     9: DW_OP_stack_value\n", True,
         CallValue("static", offset=0x856724)),
        ("a complex DWARF expression:\n     0: DW_OP_addr 0x856724\n", False, None),
        ("a complex DWARF expression:\n     0: DW_OP_breg3 8 [$rbx]\n     2: DW_OP_stack_value\n", True,
         CallValue("register", 3, 8)),
        ("a complex DWARF expression:\n     0: DW_OP_breg3 8 [$rbx]\n", False, None),
        ("a complex DWARF expression:\n     0: DW_OP_fbreg -8\n     2: DW_OP_deref\n"
         "     3: DW_OP_stack_value\n", True, CallValue("slot", offset=-8)),
        ("a complex DWARF expression:\n     0: DW_OP_breg6 0 [$rbp]\n     2: DW_OP_addr 0x6485d0\n"
         "    11: DW_OP_entry_value\n      13: DW_OP_reg2 [$rcx]\n    14: DW_OP_bra 18\n    17: DW_OP_swap\n"
         "    18: DW_OP_drop\n    19: DW_OP_stack_value\n", True,
         expression(Operation("register", 0, 6), Operation("static", 0x6485D0), Operation("entry", 0, 2),
                    Operation("bra", 5), Operation("swap"), Operation("drop"))),
        ("a complex DWARF expression:\n     0: DW_OP_lit3\n     1: DW_OP_div\n     2: DW_OP_stack_value\n", True,
         None),
        ("something that a later gdb says", False, None),
    ],
)  # fmt: skip
def test_a_single_location_is_determined_by_registers_and_stack_or_not(location, determined, value):
    assert is_determined(single(location), 0x100) is determined
    assert value_at(single(location), 0x100) == value


def test_the_register_at_function_entry_is_that_of_the_first_range():
    assert register_at(LIST, 0x100) == 5
    assert register_at(LIST, 0x130) is None
    assert register_at("", 0x100) is None
