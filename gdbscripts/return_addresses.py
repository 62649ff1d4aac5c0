"""Reads the return addresses on a stack with one read of memory, by the call frame rules of the loaded files."""

from __future__ import annotations

import re
import struct
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.call_frame_rules import (
    FRAME_POINTER,
    PRESERVED,
    STACK_POINTER,
    CallFrameRules,
    FrameRule,
    UnsupportedRuleError,
)
from gdbscripts.registers import FRAME_POINTER as FRAME
from gdbscripts.registers import PC, Registers
from gdbscripts.registers import STACK_POINTER as STACK

_WINDOW = 4096  # bytes read of a stack at first; most stacks fit
_MAX_WINDOW = 1 << 20  # bytes; a deeper stack is left to gdb
_PAGE = 4096
_BEYOND = 512  # bytes of the outermost frame and beyond it: the arguments that it got on the stack
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \S+\s+(\S.*)")
_ADDRESS = struct.Struct("<Q").unpack_from
_PRESERVED = [
    (number, architecture.USER_REGISTERS.index(architecture.PRESERVED_REGISTERS[number])) for number in PRESERVED
]
_EXCEPTION_FRAMES = 0x6474E550  # PT_GNU_EH_FRAME of a program header
_POSITION_INDEPENDENT = 3  # ET_DYN of an ELF header


class _CodeMapping(NamedTuple):
    """A mapping with code: its first address, the address after it, the rules of its file."""

    start: int
    end: int
    rules: CallFrameRules


class Activation(NamedTuple):
    """One call of a function that has not returned: its pc, its canonical frame address, and the registers of
    `PRESERVED_REGISTERS` as they are in its frame; `content` is the memory of the frame, from the stack pointer up
    to the frame address."""

    pc: int
    stack_pointer: int
    frame_address: int
    registers: Tuple[int, ...]
    content: bytes


def preserved_registers(values: Sequence[int]) -> Dict[int, int]:
    """Return `registers` of an activation by their numbers in DWARF."""
    return {number: values[index] for index, number in enumerate(PRESERVED)}


class ReturnAddressReader:
    """Finds the pc of each frame that has machine code of its own, without gdb's frame objects.

    `reads` counts reads of stack memory, `rules_found` the distinct pcs whose rule was looked up, `left_to_gdb`
    stacks without an answer.
    """

    def __init__(self) -> None:
        self._rules: Dict[int, Optional[FrameRule]] = {}
        self._mappings: List[_CodeMapping] = []
        self._outermost: Set[int] = set()
        self._bottom, self._window = 0, memoryview(b"")  # the memory of the stack that was read last
        self.reads = 0
        self.rules_found = 0
        self.left_to_gdb = 0
        gdb.events.new_objfile.connect(self._forget)
        gdb.events.exited.connect(self._forget)

    def read(self, registers: Registers, limit: int) -> Optional[Tuple[int, ...]]:
        """Return the pc of the innermost frame, which has these registers, and the return addresses outwards.

        None when a rule is missing or has another form, when memory cannot be read, and for more than `limit`
        frames.
        """
        try:
            addresses = self._read(registers, limit)
        except (gdb.error, struct.error):  # gdb.MemoryError is a gdb.error
            addresses = None
        if addresses is None:
            self.left_to_gdb += 1
        return addresses

    def activations(self, registers: Registers, addresses: Sequence[int]) -> Optional[List[Activation]]:
        """Return the calls on the stack that `read` was last asked for, innermost first; it gave `addresses`.

        None when a register is saved in a way that the rules do not describe. The last call has no caller: its
        content has the bytes beyond its frame, too.
        """
        values = {number: registers[position] for number, position in _PRESERVED}
        stack, found = self._bottom, []
        for position, pc in enumerate(addresses):
            rule = self._rule(pc - 1 if position else pc)
            if rule is None or (rule.saved is None and not rule.outermost):
                return None
            frame_address = (stack if rule.base == STACK_POINTER else values[FRAME_POINTER]) + rule.offset
            start = stack - self._bottom
            is_last = position == len(addresses) - 1
            end = frame_address - self._bottom + (_BEYOND if is_last else 0)
            if end > len(self._window) + _BEYOND:
                return None
            found.append(
                Activation(pc, stack, frame_address, tuple(values.values()), bytes(self._window[start:end]))
            )
            for number, offset in rule.saved or ():
                (values[number],) = _ADDRESS(self._window, frame_address + offset - self._bottom)
            stack = frame_address
        return found

    @property
    def window(self) -> Tuple[int, memoryview]:
        """The memory of the stack that `read` was last asked for: its address and its bytes."""
        return self._bottom, self._window

    def end_at(self, pc: int) -> None:
        """Make stacks end at the frame with this pc: gdb shows no frame beyond it, as beyond `main`."""
        self._outermost.add(pc)

    def distrust(self, pc: int) -> None:
        """Leave every stack that has this pc to gdb."""
        self._rules[pc] = self._rules[pc - 1] = None

    def _read(self, registers: Registers, limit: int) -> Optional[Tuple[int, ...]]:
        pc, stack, frame_pointer = registers[PC], registers[STACK], registers[FRAME]
        bottom = self._bottom = stack
        memory = self._window = self._memory(stack, _WINDOW)
        addresses = [pc]
        rules, outermost = self._rules, self._outermost
        key = pc  # the rule of an outer frame is that of its call instruction, before the return address
        while pc not in outermost:
            rule = rules.get(key) or self._rule(key)
            if rule is None or len(addresses) == limit:
                return None
            base, offset, saved_frame_pointer, is_outermost, _ = rule
            if is_outermost:
                break
            frame_address = (stack if base == STACK_POINTER else frame_pointer) + offset
            if not stack < frame_address < bottom + _MAX_WINDOW:
                return None
            if frame_address > bottom + len(memory):
                memory = self._window = self._memory(bottom, 2 * (frame_address - bottom))
            (pc,) = _ADDRESS(memory, frame_address - 8 - bottom)
            if saved_frame_pointer is not None:
                (frame_pointer,) = _ADDRESS(memory, frame_address + saved_frame_pointer - bottom)
            if not pc:
                break
            stack = frame_address
            addresses.append(pc)
            key = pc - 1
        return tuple(addresses)

    def _memory(self, address: int, size: int) -> memoryview:
        """Return up to `size` bytes from `address`; fewer at the end of the stack. gdb.MemoryError for none."""
        self.reads += 1
        inferior = gdb.selected_inferior()
        try:
            return inferior.read_memory(address, size)
        except gdb.MemoryError:
            memory = bytes(inferior.read_memory(address, -address % _PAGE or _PAGE))
        while len(memory) < size:
            try:
                memory += bytes(inferior.read_memory(address + len(memory), _PAGE))
            except gdb.MemoryError:
                break
        return memoryview(memory)

    def _rule(self, pc: int) -> Optional[FrameRule]:
        if pc not in self._rules:
            self.rules_found += 1
            self._rules[pc] = self._find_rule(pc)
        return self._rules[pc]

    def _find_rule(self, pc: int) -> Optional[FrameRule]:
        if not self._mappings:
            self._mappings = _code_mappings(gdb.selected_inferior().pid)
        for mapping in self._mappings:
            if mapping.start <= pc < mapping.end:
                return mapping.rules.rule_at(pc)
        return None

    def _forget(self, event: object) -> None:
        """Forget all rules: a file was loaded, or the program has ended."""
        self._rules.clear()
        self._mappings.clear()


def _code_mappings(pid: int) -> List[_CodeMapping]:
    """Return the mappings with code of process `pid` whose files have call frame rules."""
    with open("/proc/%d/maps" % pid, errors="replace") as lines:
        mappings = [match.groups() for match in map(_MAPPING.match, lines) if match]
    bases: Dict[str, int] = {}
    for start, _, _, offset, file in mappings:
        if not int(offset, 16):
            bases.setdefault(file, int(start, 16))
    found = []
    for start, end, permissions, _, file in mappings:
        rules = _rules_of(bases[file]) if "x" in permissions and file in bases else None
        if rules is not None:
            found.append(_CodeMapping(int(start, 16), int(end, 16), rules))
    return found


def _rules_of(base: int) -> Optional[CallFrameRules]:
    """Return the rules of the file that is loaded at `base`; None when it has none.

    Reads the ELF header and program headers in memory (elf(5)).
    """
    try:
        header = _read_code(base, 64)
        (position,), (count,), (kind,) = (
            struct.unpack_from(form, header, offset) for form, offset in (("<Q", 32), ("<H", 56), ("<H", 16))
        )
        segments = _read_code(base + position, 56 * count)
        for number in range(count):
            (segment,) = struct.unpack_from("<I", segments, 56 * number)
            (address,) = _ADDRESS(segments, 56 * number + 16)
            if segment == _EXCEPTION_FRAMES:
                return CallFrameRules(address + (base if kind == _POSITION_INDEPENDENT else 0), _read_code)
    except (gdb.error, struct.error, UnsupportedRuleError):
        return None
    return None


def _read_code(address: int, size: int) -> bytes:
    return bytes(gdb.selected_inferior().read_memory(address, size))
