"""Which instruction a probe replaces, without gdb."""

from __future__ import annotations

import pytest

from gdbscripts.emulated_instructions import is_emulated, probe_address
from tests.unit.gdbscripts.test_dataflow import START, code


def address(number: int) -> int:
    return START + 4 * number


def moved(breakpoint_: int, *lines: str, **options) -> int:
    """The number of the instruction that the probe is at, for a breakpoint at that of number `breakpoint_`."""
    found = probe_address(code(*lines), address(breakpoint_), options.pop("taken", frozenset()), **options)
    return breakpoint_ if found is None else (found.address - START) // 4


@pytest.mark.parametrize(
    "text",
    ["push %rbp", "push %r15", "nop", "call 0x401136 <f>", "jmp 0x401136 <f+4>", "je 0x401136 <f+4>",
     "jae 0x401136 <f+4>"],
)  # fmt: skip
def test_the_kernel_emulates(text):
    assert is_emulated(text)


@pytest.mark.parametrize(
    "text",
    ["push $0x5", "push 0x8(%rax)", "endbr64", "nopl 0x0(%rax)", "call *%rax", "jmp *0x8(%rax)", "ret", "pop %rbp",
     "bnd jmp 0x401136 <f>", "data16 call 0x401136 <f>", "jrcxz 0x401136 <f>", "mov %rsp,%rbp", "test %eax,%eax"],
)  # fmt: skip
def test_the_kernel_steps(text):
    assert not is_emulated(text)


def test_a_breakpoint_on_an_emulated_instruction_stays():
    assert moved(1, "push %rbp", "push %rbx", "ret") == 1


def test_a_probe_goes_before_a_prologue():
    assert moved(2, "push %rbp", "mov %rsp,%rbp", "mov -0x8(%rbp),%rax", "ret") == 0


def test_a_probe_goes_to_the_jump_that_ends_the_sequence():
    assert moved(1, "sub $0x8,%rsp", "mov 0x68(%rax),%rax", "test %rax,%rax", "je ->0", "ret") == 3


def test_a_probe_passes_no_instruction_to_which_a_jump_leads():
    lines = ["mov %rdi,%rbx", "test %rax,%rax", "je ->4", "ret", "ret", "mov 0x8(%rdi),%rax", "jmp ->1"]
    assert moved(0, *lines) == 0
    assert moved(1, *lines) == 2, "the jump leads to the beginning of the sequence"


@pytest.mark.parametrize("between", ["call 0x5000 <f>", "jmp *%rax", "ret", "jne ->4", "syscall", "ud2", "hlt"])
def test_a_probe_passes_no_instruction_that_leads_elsewhere(between):
    lines = ["push %rbx", between, "mov %rdi,%rbx", "mov %rbx,%rax", "pop %rbx", "ret"]
    assert moved(2, *lines) == 2


def test_a_probe_does_not_pass_a_hole_between_the_ranges_of_a_function():
    instructions = list(code("push %rbx", "mov %rdi,%rbx", "ret"))
    separate = [instructions[0]._replace(length=0), *instructions[1:]]
    assert probe_address(type(code("ret"))(separate), address(1), frozenset()) is None


def test_an_instruction_that_cannot_fault_is_passed_first():
    """A program that ends there has the same hits as with a breakpoint."""
    assert moved(2, "push %rbx", "mov %rdi,%rbp", "mov 0x68(%rbp),%rax", "je ->0", "ret") == 0


def test_two_probes_are_never_at_one_instruction():
    assert moved(1, "push %rbp", "mov %rsp,%rbp", "mov %rdi,%rbx", "ret", taken={address(0)}) == 1


def test_argument_registers_are_kept_for_a_probe_that_reads_them():
    lines = ["endbr64", "push %rbp", "ret"]
    assert moved(0, *lines, keep_registers=True) == 1
    assert moved(0, "mov %rsi,%rdi", "push %rbp", "ret", keep_registers=True) == 0


def test_computed_jumps_are_told_with_the_addresses_that_they_must_not_lead_to():
    found = probe_address(code("push %rbp", "mov %rsp,%rbp", "leave", "jmp *%rax"), address(1), frozenset())
    assert found == (address(0), [address(1)], [address(3)])
    thunk = probe_address(
        code("push %rbp", "leave", "jmp 0x5000 <__x86_indirect_thunk_rax>"), address(1), frozenset()
    )
    assert thunk is not None
    assert thunk.computed_jumps == [address(2)]


@pytest.mark.parametrize(
    "text",
    ["jne 0x5000 <f.cold>", "jmp 0x5000 <f.cold.3>", "jmp 0x5004 <g+4>", "call 0x5000 <_Unwind_Resume@plt>",
     "call 0x5000 <__cxa_begin_catch@plt>"],
)  # fmt: skip
def test_a_function_that_may_be_entered_from_elsewhere_keeps_its_probes(text):
    assert moved(1, "push %rbp", "mov %rsp,%rbp", text, "ret") == 1


def test_a_tail_call_to_another_function_is_no_reason():
    assert moved(1, "push %rbp", "mov %rsp,%rbp", "jne 0x5000 <g>", "ret") == 0
