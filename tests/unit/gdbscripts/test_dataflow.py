"""Machine code read backwards, without gdb."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbscripts.arch.x86_64_effects import effect, flow, parse_memory, pointer_operand, without_prefixes
from gdbscripts.pointers.dataflow import FunctionCode, Instruction

START = 0x1000


def code(*lines: str) -> FunctionCode:
    """Instructions of four bytes each, the first at START; `->N` stands for the address of instruction N."""
    texts = []
    for line in lines:
        head, arrow, number = line.partition("->")
        texts.append(f"{head}{START + 4 * int(number):#x} <f>" if arrow else line)
    return FunctionCode([Instruction(START + 4 * number, 4, text) for number, text in enumerate(texts)])


def origins(program: FunctionCode, number: int, place: str) -> list[str]:
    """What `place` may come from, before instruction `number`, in words."""
    words = []
    for origin in program.origins(START + 4 * number, place):
        where = f" at {(origin.address - START) // 4}" if origin.address else ""
        what = {"memory": origin.operand, "constant": hex(origin.value), "argument": str(origin.value)}
        words.append(f"{origin.kind} {what.get(origin.kind, '')}".strip() + where)
    return words


@pytest.mark.parametrize(
    ("lines", "place", "expected"),
    [
        (["mov %rsi,%r14", "call *%r14"], "r14", ["argument 1"]),
        (["mov 0x90(%rax),%rax", "test %rax,%rax", "je ->3", "call *%rax"], "rax", ["memory 0x90(%rax) at 0"]),
        (["lea 0x10(%rip),%rdx        # 0x2000 <leaf>", "call *%rdx"], "rdx", ["constant 0x2000 at 0"]),
        (["mov $0x401136,%eax", "call *%rax"], "rax", ["constant 0x401136 at 0"]),
        (["xor %eax,%eax", "call *%rax"], "rax", ["constant 0x0 at 0"]),
        (["call 0x5000 <pick>", "call *%rax"], "rax", ["result at 0"]),
        (["call 0x5000 <pick>", "call *%rcx"], "rcx", ["unknown at 0"]),
        (["call 0x5000 <pick>", "call *%rbx"], "rbx", ["unknown"]),
        (["add $0x8,%rax", "call *%rax"], "rax", ["unknown at 0"]),
        (["cmovne %rcx,%rsi", "call *%rsi"], "rsi", ["argument 1", "argument 3"]),
        (["pop %rsi", "call *%rsi"], "rsi", ["unknown at 0"]),
        (["xchg %rsi,%rdi", "call *%rdi"], "rdi", ["unknown at 0"]),
        (["cqto", "call *%rdx"], "rdx", ["unknown at 0"]),
        (["movabs $0x1234567890,%r9", "call *%r9"], "r9", ["constant 0x1234567890 at 0"]),
        (["mov %edi,%edi", "call *%rdi"], "rdi", ["unknown at 0"]),
        (["mov $0x1,%al", "call *%rax"], "rax", ["unknown at 0"]),
        (["mov %rdi,%rax", "xor %al,%al", "call *%rax"], "rax", ["unknown at 1"]),
        (["xadd %rdi,(%rdx)", "call *%rdi"], "rdi", ["unknown at 0"]),
        (["vzeroall", "call *%rdi"], "rdi", ["unknown at 0"]),
        (["movslq %edi,%rdi", "call *%rdi"], "rdi", ["unknown at 0"]),
        (["cmpxchg %rcx,(%rdx)", "call *%rax"], "rax", ["unknown at 0"]),
        (["mov %rsi,%rax", "ud2", "call *%rax"], "rax", ["unknown"]),
        (["mov 0x8(%rip),%rax        # 0x3000 <table+8>", "call *%rax"], "rax", ["memory @0x3000 at 0"]),
    ],
)
def test_where_a_value_comes_from_is_read_from_the_instructions(lines, place, expected):
    assert origins(code(*lines), len(lines) - 1, place) == expected


def test_an_argument_is_followed_through_its_place_on_the_stack():
    lines = ["push %rbp", "mov %rsp,%rbp", "mov %rsi,-0x10(%rbp)", "call 0x5000 <f>", "mov -0x10(%rbp),%rdx"]
    assert origins(code(*lines, "call *%rdx"), 5, "rdx") == ["argument 1"]


def test_a_place_on_the_stack_whose_address_is_taken_is_memory():
    lines = ["push %rbp", "mov %rsp,%rbp", "mov %rsi,-0x10(%rbp)", "lea -0x10(%rbp),%rdi", "call 0x5000 <f>"]
    program = code(*lines, "mov -0x10(%rbp),%rdx", "call *%rdx")
    assert origins(program, 6, "rdx") == ["memory -0x10(%rbp) at 5"]


@pytest.mark.parametrize(
    "spoiled",
    ["movl $0x0,-0x4(%rbp)", "movaps %xmm0,-0x18(%rbp)", "mov %rax,-0x28(%rbp,%rcx,8)", "lea -0x20(%rbp),%rdi",
     "mov %rax,-0xc(%rbp)"],
)  # fmt: skip
def test_a_place_on_the_stack_that_is_perhaps_written_to_otherwise_is_not_followed(spoiled):
    lines = ["push %rbp", "mov %rsp,%rbp", "mov %rsi,-0x10(%rbp)", spoiled.replace("-0x4", "-0xc")]
    found = origins(code(*lines, "mov -0x10(%rbp),%rdx", "call *%rdx"), 5, "rdx")
    assert found in (["unknown at 3"], ["memory -0x10(%rbp) at 4"])


def test_without_a_frame_pointer_rbp_is_a_register_like_others():
    program = code("mov %rdi,%rbp", "mov 0x88(%rbp),%rax", "jmp *%rax")
    assert origins(program, 2, "rax") == ["memory 0x88(%rbp) at 1"]


def test_a_place_below_a_moving_stack_pointer_is_not_confused_with_another():
    program = code("mov %rsi,0x8(%rsp)", "push %rbx", "mov 0x8(%rsp),%rax", "call *%rax")
    assert origins(program, 3, "rax") == ["unknown at 1"]


def test_all_ways_that_lead_here_count():
    program = code("test %edi,%edi", "je ->4", "lea 0x0(%rip),%rax # 0x2000 <a>", "jmp ->5",
                   "lea 0x0(%rip),%rax # 0x3000 <b>", "call *%rax")  # fmt: skip
    assert origins(program, 5, "rax") == ["constant 0x2000 at 2", "constant 0x3000 at 4"]


def test_a_loop_ends():
    program = code("mov %rdi,%rbx", "mov (%rbx),%rbx", "test %rbx,%rbx", "jne ->1", "call *%rbx")
    assert origins(program, 4, "rbx") == ["memory (%rbx) at 1"]


def test_what_fills_the_space_before_a_jump_target_is_no_way():
    program = code("mov %rsi,%r14", "test %edi,%edi", "je ->5", "ret", "nopw 0x0(%rax,%rax,1)", "call *%r14")
    assert origins(program, 5, "r14") == ["argument 1"]


def test_code_that_nothing_seems_to_lead_to_makes_the_answer_unknown():
    program = code("mov %rsi,%r14", "jmp *%rax", "test %edi,%edi", "call *%r14")
    assert origins(program, 3, "r14") == ["unknown"]


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("call *0x68(%rbx)", "0x68(%rbx)"),
        ("notrack jmp *%rax", "rax"),
        ("addr32 call 0x5000 <f>", ""),
        ("call *0x2000(%rip)        # 0x3000 <slot>", "@0x3000"),
        ("call 0x5000 <f>", ""),
        ("jmp 0x5000 <f>", ""),
        ("call *0x0(,%rax,8)", "0x0(,%rax,8)"),
    ],
)
def test_the_operand_of_an_indirect_call_is_its_pointer(text, operand):
    assert pointer_operand(text) == operand


@pytest.mark.parametrize("prefix", ["", "bnd ", "notrack ", "addr32 ", "data16 rex.W "])
def test_a_prefix_does_not_hide_a_call_or_a_jump(prefix):
    assert effect(f"{prefix}call 0x5000 <f>").kind == "call"
    assert flow(f"{prefix}jmp 0x5000 <f>").targets == (0x5000,)
    assert without_prefixes(f"{prefix}call 0x5000 <f>") == "call 0x5000 <f>"


def test_memory_operands_are_taken_apart():
    assert parse_memory("-0x8(%rbp,%rax,4)") == (-8, "rbp", "rax", 4)
    assert parse_memory("(%rdi)") == (0, "rdi", "", 1)
    assert parse_memory("0x10(,%rcx,8)") == (16, "", "rcx", 8)
    assert parse_memory("@0x3000") == (0x3000, "", "", 1)
    assert parse_memory("rax") is None


@given(st.text(alphabet="abcdefmovjlr %$#<>()*,-+0x123:", max_size=40))
def test_no_text_makes_reading_an_instruction_fail(text):
    effect(text)
    flow(text)
    pointer_operand(text)
