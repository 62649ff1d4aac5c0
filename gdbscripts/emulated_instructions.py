"""Chooses the instruction that a probe replaces: some the kernel emulates, for others it takes a second trap.

At a uprobe the kernel emulates `push` of a register, `nop`, and direct calls and jumps; it copies any other
instruction elsewhere and single-steps it (arch/x86/kernel/uprobes.c, docs/probes.md). Does not need gdb.
"""

from __future__ import annotations

import re
from typing import AbstractSet, Iterator, List, NamedTuple, Optional, Sequence

from gdbscripts.arch.x86_64_effects import flow, without_prefixes
from gdbscripts.pointers.dataflow import FunctionCode, Instruction

_PREFIXED = re.compile(r"^(?:data16|bnd|notrack|addr32|cs|ds|es|fs|gs|ss|lock|rep\w*|rex\S*)\s")
_EMULATED = re.compile(r"^(?:push\s+%r\w+$|nop$|call\w?\s+0x|jmp\w?\s+0x|j(?!mp|r?cxz|ecxz)[a-z]+\s+0x)")
# Instructions after which another one than the next may follow, or none.
_LEAVES = re.compile(r"^(?:j|l?call|l?jmp|loop|l?ret|iret|int|sys|hlt|ud|xbegin|xabort|vm|\(bad\))")
_KEEPS_REGISTERS = re.compile(r"^(?:push|nop|endbr64)")
_NEITHER_FAULTS = re.compile(r"^(?:lea|nop|endbr64|push\s+[%$])")
_COMPUTED_JUMP = re.compile(r"^jmp\w?\s+(?:\*|.*<__x86_indirect_thunk_)")
_EXCEPTIONS = re.compile(r"_Unwind_Resume|__cxa_|__clang_call_terminate")
_BEYOND_ENTRY = re.compile(r"<[^>]*(?:\+(?:0x)?[0-9a-f]+|\.cold[.\w]*)>$")


def is_emulated(text: str) -> bool:
    """Return whether the kernel emulates the disassembled instruction at a uprobe."""
    return not _PREFIXED.match(text) and _EMULATED.match(text) is not None


class ProbeAddress(NamedTuple):
    """Where a probe goes instead of to a breakpoint's address.

    `computed_jumps` are the jumps of the function to addresses that it computes. When none of them leads to one of
    the addresses `passed`, each execution of one instruction belongs to one of the other, in the same frame.
    """

    address: int
    passed: List[int]
    computed_jumps: List[int]


def probe_address(
    code: FunctionCode, breakpoint_: int, taken: AbstractSet[int], keep_registers: bool = False
) -> Optional[ProbeAddress]:
    """Return an emulated instruction that is executed as often as that at the address `breakpoint_`.

    Both are in one sequence of instructions of the function: no jump leads to another than its first one, and only
    the last one leads elsewhere. None when the breakpoint's own instruction is emulated, and when
    there is no such instruction. `taken` are addresses of other probes. With `keep_registers`, no instruction
    between the two changes an argument register.
    """
    instructions = list(code)
    position = next((n for n, item in enumerate(instructions) if item.address == breakpoint_), None)
    if position is None or is_emulated(instructions[position].text) or not _has_known_targets(instructions):
        return None
    targets = {target for item in instructions for target in _targets(item.text)}
    best = None
    for number in _same_sequence(instructions, position, targets):
        if not is_emulated(instructions[number].text) or instructions[number].address in taken:
            continue
        between = [item.text for item in instructions[min(number, position) : max(number, position)]]
        if keep_registers and not all(map(_KEEPS_REGISTERS.match, between)):
            continue
        cost = sum(map(_may_fault, between)), len(between), number
        best = cost if best is None else min(best, cost)
    if best is None:
        return None
    first, last = sorted((position, best[2]))
    passed = [item.address for item in instructions[first + 1 : last + 1]]
    jumps = [item.address for item in instructions if _COMPUTED_JUMP.match(without_prefixes(item.text))]
    return ProbeAddress(instructions[best[2]].address, passed, jumps)


def _same_sequence(instructions: Sequence[Instruction], position: int, targets: AbstractSet[int]) -> Iterator[int]:
    """Yield the positions of the other instructions of the sequence that `position` is in."""
    number = position
    while number > 0 and _follows(instructions, number, targets):
        number -= 1
        yield number
    number = position + 1
    while number < len(instructions) and _follows(instructions, number, targets):
        yield number
        number += 1


def _follows(instructions: Sequence[Instruction], number: int, targets: AbstractSet[int]) -> bool:
    """Return whether an instruction is executed after the one before it, and only then."""
    before, item = instructions[number - 1], instructions[number]
    return (
        before.address + before.length == item.address
        and item.address not in targets
        and not _LEAVES.match(without_prefixes(before.text))
    )


def _has_known_targets(instructions: Sequence[Instruction]) -> bool:
    """Return whether all jumps into the function are among its instructions.

    C++ exceptions enter a function without a jump. A jump to another function's inner code, or to a `.cold` part
    that is not among the instructions, may come back anywhere.
    """
    own = {item.address for item in instructions}
    for item in instructions:
        text = without_prefixes(item.text)
        if _EXCEPTIONS.search(text):
            return False
        if text.startswith("j") and _BEYOND_ENTRY.search(text) and not own.issuperset(_targets(text)):
            return False
    return True


def _targets(text: str) -> List[int]:
    """Return the target that a direct jump or call names."""
    plain = without_prefixes(text)
    if plain.startswith("call"):
        plain = "jmp" + plain[4:].lstrip("q")
    return list(flow(plain).targets)


def _may_fault(text: str) -> bool:
    """Return whether the instruction accesses memory other than the stack's next word."""
    return "(" in text and _NEITHER_FAULTS.match(without_prefixes(text)) is None
