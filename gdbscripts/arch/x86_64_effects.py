"""The effect of single x86-64 instructions, parsed from gdb's disassembly in AT&T syntax; does not need gdb.

An operand is a register by its 64-bit name (`rax`, `xmm0`), a memory operand as disassembled (`0x68(%rbx)`), or,
when it is relative to the program counter, the address that gdb adds as a comment (`@0x5555…`). Instruction names:
AMD64 Architecture Programmer's Manual, volume 3.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

ALL_BITS = (1 << 64) - 1  # mask of a 64-bit register
ARGUMENT_REGISTERS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
RESULT_REGISTER = "rax"
# Registers that a call may change, and registers that it preserves (x86-64 psABI, figure 3.4).
_CALLER_SAVED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
CALLEE_SAVED = ("rbx", "rbp", "rsp", "r12", "r13", "r14", "r15")
_COMMENT = re.compile(r"\s+#\s+(0x[0-9a-f]+).*$")
# addr32: the linker makes `addr32 call f` of `call *f@GOTPCREL(%rip)`, which -fno-plt creates, to keep its length.
_PREFIX = re.compile(r"^(?:(?:notrack|bnd|lock|rep|repz|repnz|data16|addr32|cs|rex\.W)\s+)+")
_ABSOLUTE = re.compile(r"-?0x[0-9a-f]+\(%rip\)")
_TARGET = re.compile(r"^\*?(0x[0-9a-f]+)\b")
_MEMORY = re.compile(
    r"^(?P<displacement>-?(?:0x)?[0-9a-f]+)?\((?:%(?P<base>\w+))?(?:,%(?P<index>\w+)(?:,(?P<scale>\d))?)?\)$"
)
_REGISTER = re.compile(r"%(\w+)")
_OPERAND = re.compile(r"[^,(]*\([^)]*\)|[^,]+")
_READS_ONLY = re.compile(
    r"^(?:cmp|test|push|j|nop|bt[bwlq]?$|u?comis|prefetch|endbr|ret|leave|sfence|lfence|mfence)"
)
_MOVES = re.compile(r"^(?:mov(?:abs)?[bwlq]?|v?mov(?:aps|ups|apd|upd|dqa|dqu)|v?mov[dq])$")
_NO_EFFECT = re.compile(
    r"^(?:nop|endbr|ret|leave|hlt|ud2|pause|[lsm]fence|cld|std|cmc|clc|stc|fn|emms|vzeroupper|data16|cs|int3|wait|fwait)"
)
_IMPLICIT_REGISTERS: Dict[str, Tuple[str, ...]] = {
    "mul": ("rax", "rdx"), "imul": ("rax", "rdx"), "div": ("rax", "rdx"), "idiv": ("rax", "rdx"),
    "cltq": ("rax",), "cwtl": ("rax",), "cltd": ("rdx",), "cqto": ("rdx",), "cpuid": ("rax", "rbx", "rcx", "rdx"),
    "rdtsc": ("rax", "rdx"), "rdtscp": ("rax", "rdx", "rcx"), "xgetbv": ("rax", "rdx"), "lods": ("rax", "rsi"),
    "cmpxchg16b": ("rax", "rdx"), "cwtd": ("rdx",), "scas": ("rdi", "rcx"), "cmps": ("rdi", "rsi", "rcx"),
    "syscall": ("rax", "rcx", "r11"), "leave": ("rsp", "rbp"),
    "stos": ("rdi", "rcx"), "movs": ("rdi", "rsi", "rcx"), "cmpxchg": ("rax",), "xchg": (),
}  # fmt: skip


class Memory(NamedTuple):
    """A memory operand: displacement + base + index_register * scale, in bytes; "" for a register that it
    lacks."""

    displacement: int
    base: str
    index_register: str
    scale: int

    def address(self, base: int, index: int) -> int:
        """Return the 64-bit address of the operand for these register values."""
        return (self.displacement + base + index * self.scale) & ALL_BITS


class Effect(NamedTuple):
    """The effect of an instruction on operands.

    `kind`: copy (`destination` gets the value of `source`), maybe (it gets that value or keeps its own), clobber
    (it gets another value), call, wild (unknown instruction: any operand may change), nothing. `source` is an
    operand, or `$0x…` for a number; `width` is in bytes.
    """

    kind: str
    destination: str = ""
    source: str = ""
    clobbers: Tuple[str, ...] = ()  # further operands that get another value
    width: int = 8


class Flow(NamedTuple):
    """The next instruction: the following one if `falls_through`, and the `targets` of a direct jump, as
    addresses."""

    falls_through: bool
    targets: Tuple[int, ...] = ()


def effect(text: str) -> Effect:
    """Return the effect of the disassembled instruction `text` on operands."""
    name, operands = _split_instruction(text)
    if name.startswith("call"):
        return Effect("call", clobbers=_CALLER_SAVED)
    clobbers = _implicit(name, operands)
    if _READS_ONLY.match(name) or not operands:
        harmless = clobbers or operands or _NO_EFFECT.match(name) or _READS_ONLY.match(name)
        return Effect("clobber" if clobbers else "nothing" if harmless else "wild", clobbers=clobbers)
    width = _width(name, text)
    if len(operands) == 1:
        return Effect("clobber", operands[0], clobbers=clobbers, width=width)
    move = _move(name, operands[0], operands[-1], width)
    return move or Effect("clobber", operands[-1], clobbers=clobbers, width=width)


def _move(name: str, source: str, destination: str, width: int) -> Optional[Effect]:
    """Return the effect of an instruction that moves a value; None for one that computes another value."""
    if name.startswith(("xchg", "xadd")):
        return Effect("clobber", destination, clobbers=(source,), width=width)
    # Half of a pointer is no pointer; but a 32-bit write to a register clears its upper half.
    if width < 8 and not (width == 4 and (source.startswith("$") or name.startswith("xor"))):
        return None
    if name.startswith("lea"):
        return Effect("copy", destination, "$" + source[1:]) if source.startswith("@") else None
    if name.startswith("xor"):
        return Effect("copy", destination, "$0x0") if source == destination else None
    if _MOVES.match(name) and (width >= 8 or "(" not in destination):
        return Effect("copy", destination, source, width=width)
    return Effect("maybe", destination, source) if name.startswith("cmov") else None


def _width(name: str, text: str) -> int:
    """Return the number of bytes that the instruction writes."""
    registers = _REGISTER.findall(_COMMENT.sub("", re.sub(r"\([^)]*\)", "", text)))
    if registers:
        return max(_register_width(register) for register in registers[-1:])
    return {"b": 1, "w": 2, "l": 4, "q": 8}.get(name[-1:], 8)


def _register_width(register: str) -> int:
    if register[1:] in ("mm" + str(number) for number in range(32)):
        return {"x": 16, "y": 32, "z": 64}.get(register[0], 8)
    if re.match(r"^r(?:[89]|1[0-5])[bwd]$", register):
        return {"b": 1, "w": 2, "d": 4}[register[-1]]
    if register in _REGISTER_PARTS:
        return 4 if register.startswith("e") else 1 if register[-1] in "lh" and len(register) < 4 else 2
    return 8


def flow(text: str) -> Flow:
    """Return where control goes after the disassembled instruction. A call continues at the following
    instruction."""
    name, operands = _split_instruction(text)
    if name.startswith("ret") or name in ("ud2", "hlt"):
        return Flow(False)
    if not name.startswith("j"):
        return Flow(True)
    match = _TARGET.match(operands[0]) if operands else None
    targets = (int(match[1], 16),) if match and not operands[0].startswith("*") else ()
    return Flow(not name.startswith("jmp"), targets)


def is_filler(text: str) -> bool:
    """Return whether the instruction does nothing, such as `nop`."""
    name, operands = _split_instruction(text)
    return name.startswith("nop") or (name.startswith("xchg") and operands == ["rax", "rax"])


def pointer_operand(text: str) -> str:
    """Return the operand that an indirect call or jump loads its target from; "" for any other instruction."""
    name, operands = _split_instruction(text)
    if not name.startswith(("call", "jmp")) or not operands or not operands[0].startswith("*"):
        return ""
    return operands[0][1:]


def parse_memory(operand: str) -> Optional[Memory]:
    """Return the parts of a memory operand; None for a register or a number."""
    if operand.startswith("@"):
        return Memory(int(operand[1:], 16), "", "", 1)
    match = _MEMORY.match(operand)
    if match is None:
        return None
    displacement = int(match["displacement"], 16) if match["displacement"] else 0
    return Memory(displacement, match["base"] or "", match["index"] or "", int(match["scale"] or 1))


def address_taken(text: str) -> Optional[Memory]:
    """Return the stack operand whose address the instruction computes; None for any other instruction.

    Code that has this address may access all of the stack above it.
    """
    name, operands = _split_instruction(text)
    if name.startswith("lea") and len(operands) == 2:
        memory = parse_memory(operands[0])
        return memory if memory is not None and memory.base in ("rbp", "rsp") else None
    if name.startswith("mov") and operands[:1] == ["rsp"] and operands[1:] != ["rbp"]:
        return Memory(0, "rsp", "", 1)
    return None


def moves_stack_pointer(text: str) -> bool:
    """Return whether the instruction changes the stack pointer, so that `0x8(%rsp)` names another address after
    it."""
    name, operands = _split_instruction(text)
    return name.startswith(("push", "pop")) or operands[-1:] == ["rsp"]


def without_prefixes(text: str) -> str:
    """Return the instruction without the prefixes that change neither its target nor its operands."""
    return _PREFIX.sub("", text)


def _split_instruction(text: str) -> Tuple[str, List[str]]:
    comment = _COMMENT.search(text)
    plain = without_prefixes(_COMMENT.sub("", text).strip())
    name, _, rest = plain.partition(" ")
    operands = [
        _operand(operand.strip(), comment[1] if comment else "") for operand in _OPERAND.findall(rest.strip())
    ]
    return name, operands


def _operand(operand: str, absolute: str) -> str:
    """Return one operand by the rules of this module; `$…` for a number, with "*" in front for an indirect
    target."""
    prefix = "*" if operand.startswith("*") else ""
    plain = operand[len(prefix) :]
    if absolute and _ABSOLUTE.match(plain):
        return prefix + "@" + absolute
    return prefix + _full_register(plain[1:]) if plain.startswith("%") else prefix + plain


def _full_register(register: str) -> str:
    """Return the 64-bit register that contains `register`."""
    numbered = re.match(r"^(r(?:[89]|1[0-5]))[bwd]$", register)
    if numbered:
        return numbered[1]
    return _REGISTER_PARTS.get(register, register)


def _implicit(name: str, operands: List[str]) -> Tuple[str, ...]:
    for stem, registers in _IMPLICIT_REGISTERS.items():
        if re.match(stem + r"[bwlq]?$", name) and (stem not in ("imul", "movs") or len(operands) < 2):
            return registers
    return ()


_REGISTER_PARTS: Dict[str, str] = {}
for _letter in "abcd":
    for _part in ("e%sx", "%sx", "%sl", "%sh"):
        _REGISTER_PARTS[_part % _letter] = "r%sx" % _letter
for _name in ("si", "di", "bp", "sp"):
    for _part in ("e%s", "%s", "%sl"):
        _REGISTER_PARTS[_part % _name] = "r" + _name
