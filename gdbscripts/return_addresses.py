"""Reads the return addresses on a stack with one read of memory, by the call frame rules of the loaded files."""

from __future__ import annotations

import re
import struct
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

import gdb

from gdbscripts.call_frame_rules import STACK_POINTER, CallFrameRules, FrameRule, UnsupportedRuleError
from gdbscripts.memory import register, stack_pointer

_WINDOW = 4096  # bytes read of a stack at first; most stacks fit
_MAX_WINDOW = 1 << 20  # bytes; a deeper stack is left to gdb
_PAGE = 4096
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \S+\s+(\S.*)")
_ADDRESS = struct.Struct("<Q").unpack_from
_EXCEPTION_FRAMES = 0x6474E550  # PT_GNU_EH_FRAME of a program header
_POSITION_INDEPENDENT = 3  # ET_DYN of an ELF header


class _CodeMapping(NamedTuple):
    """A mapping with code: its first address, the address after it, the rules of its file."""

    start: int
    end: int
    rules: CallFrameRules


class ReturnAddressReader:
    """Finds the pc of each frame that has machine code of its own, without gdb's frame objects.

    `reads` counts reads of stack memory, `left_to_gdb` stacks without an answer.
    """

    def __init__(self) -> None:
        self._rules: Dict[int, Optional[FrameRule]] = {}
        self._mappings: List[_CodeMapping] = []
        self._outermost: Set[int] = set()
        self.reads = 0
        self.left_to_gdb = 0
        gdb.events.new_objfile.connect(self._forget)
        gdb.events.exited.connect(self._forget)

    def read(self, frame: gdb.Frame, limit: int) -> Optional[Tuple[int, ...]]:
        """Return the pc of `frame`, the innermost one, and the return addresses outwards from it.

        None when a rule is missing or has another form, when memory cannot be read, and for more than `limit`
        frames.
        """
        try:
            addresses = self._read(frame, limit)
        except (gdb.error, struct.error):  # gdb.MemoryError is a gdb.error
            addresses = None
        if addresses is None:
            self.left_to_gdb += 1
        return addresses

    def end_at(self, pc: int) -> None:
        """Make stacks end at the frame with this pc: gdb shows no frame beyond it, as beyond `main`."""
        self._outermost.add(pc)

    def distrust(self, pc: int) -> None:
        """Leave every stack that has this pc to gdb."""
        self._rules[pc] = self._rules[pc - 1] = None

    def _read(self, frame: gdb.Frame, limit: int) -> Optional[Tuple[int, ...]]:
        pc = frame.pc()
        stack, frame_pointer = stack_pointer(frame), register(frame, "rbp")
        bottom, memory = stack, self._memory(stack, _WINDOW)
        addresses = [pc]
        key = pc  # the rule of an outer frame is that of its call instruction, before the return address
        while pc not in self._outermost:
            rule = self._rule(key)
            if rule is None or len(addresses) == limit:
                return None
            if rule.outermost:
                break
            frame_address = (stack if rule.base == STACK_POINTER else frame_pointer) + rule.offset
            if not stack < frame_address < bottom + _MAX_WINDOW:
                return None
            if frame_address > bottom + len(memory):
                memory = self._memory(bottom, 2 * (frame_address - bottom))
            (pc,) = _ADDRESS(memory, frame_address - 8 - bottom)
            if rule.saved_frame_pointer is not None:
                (frame_pointer,) = _ADDRESS(memory, frame_address + rule.saved_frame_pointer - bottom)
            if not pc:
                break
            stack = frame_address
            addresses.append(pc)
            key = pc - 1
        return tuple(addresses)

    def _memory(self, address: int, size: int) -> bytes:
        """Return up to `size` bytes from `address`; fewer at the end of the stack. gdb.MemoryError for none."""
        self.reads += 1
        inferior = gdb.selected_inferior()
        try:
            return inferior.read_memory(address, size)  # type: ignore[return-value]
        except gdb.MemoryError:
            memory = bytes(inferior.read_memory(address, -address % _PAGE or _PAGE))
        while len(memory) < size:
            try:
                memory += bytes(inferior.read_memory(address + len(memory), _PAGE))
            except gdb.MemoryError:
                break
        return memory

    def _rule(self, pc: int) -> Optional[FrameRule]:
        if pc not in self._rules:
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
