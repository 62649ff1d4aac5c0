"""Finds the return addresses in a copy of a stack, by the call frame rules of the files with code."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.perf_records import Mapping
from gdbscripts.call_frame_rules import STACK_POINTER, CallFrameRules, FrameRule

_ADDRESS = struct.Struct("<Q").unpack_from
_MAX_FRAMES = 2000  # as in gdbscripts/stack.py


class StackEnd(Enum):
    """Why a list of return addresses ends."""

    OUTERMOST = "outermost"  # the thread's first function
    CUT = "cut"  # the copy of the stack ends before the stack
    NO_RULE = "no rule"  # there is code without call frame rules of the usual form


class ReturnAddresses(NamedTuple):
    """The pc of the innermost frame, then the return addresses outwards, and why they end."""

    addresses: tuple[int, ...]
    end: StackEnd


class LoadedFile(NamedTuple):
    """A file with code in memory: where its code is mapped, and what is added to its virtual addresses."""

    start: int
    end: int
    bias: int
    file: CodeFile


class StackWalker:
    """Finds return addresses; keeps the rule for each address that was on a stack.

    `open_file` opens a file with code by its path in the process; it raises OSError or ValueError.
    """

    def __init__(self, open_file: Callable[[str], CodeFile] = lambda path: CodeFile(Path(path))) -> None:
        self._open_file = open_file
        self._loaded: list[LoadedFile] = []
        self._starts: list[int] = []
        self._tables: dict[str, CallFrameRules | None] = {}
        self._files: dict[str, CodeFile] = {}
        self._rules: dict[int, FrameRule | None] = {}

    @property
    def loaded(self) -> tuple[LoadedFile, ...]:
        """The files with code, in the order of their addresses."""
        return tuple(self._loaded)

    def add(self, mapping: Mapping) -> None:
        """Take note of a mapping with code; one of something that is no program is ignored."""
        try:
            file = self._files.get(mapping.file) or self._open_file(mapping.file)
            bias = file.bias(mapping.start, mapping.offset)
        except (OSError, ValueError):
            return
        self._files[mapping.file] = file
        end = mapping.start + mapping.size
        kept = [other for other in self._loaded if other.end <= mapping.start or end <= other.start]
        self._loaded = sorted([*kept, LoadedFile(mapping.start, end, bias, file)])
        self._starts = [loaded.start for loaded in self._loaded]
        self._rules.clear()

    def forget(self) -> None:
        """Forget all mappings: the process executes another program."""
        self._loaded, self._starts = [], []
        self._rules.clear()

    def walk(self, pc: int, stack_pointer: int, frame_pointer: int, stack: bytes | memoryview) -> ReturnAddresses:
        """The return addresses in `stack`, the bytes from the stack pointer upwards."""
        addresses = [pc]
        rules, position, size = self._rules, 0, len(stack)  # `position`: of the frame's stack pointer in `stack`
        key = pc  # the rule of an outer frame is that of its call instruction, before the return address
        while len(addresses) < _MAX_FRAMES:
            rule = rules[key] if key in rules else self.rule_at(key)
            if rule is None:
                return ReturnAddresses(tuple(addresses), StackEnd.NO_RULE)
            base, offset, saved, outermost, _ = rule
            if outermost:
                break
            end = (position if base == STACK_POINTER else frame_pointer - stack_pointer) + offset
            if end <= position:
                return ReturnAddresses(tuple(addresses), StackEnd.NO_RULE)
            if end > size:
                return ReturnAddresses(tuple(addresses), StackEnd.CUT)
            (pc,) = _ADDRESS(stack, end - 8)
            if saved is not None:
                if end + saved < 0:
                    return ReturnAddresses(tuple(addresses), StackEnd.NO_RULE)
                (frame_pointer,) = _ADDRESS(stack, end + saved)
            if not pc:
                break
            position = end
            addresses.append(pc)
            key = pc - 1
        return ReturnAddresses(tuple(addresses), StackEnd.OUTERMOST)

    def rule_at(self, pc: int) -> FrameRule | None:
        """The call frame rule at `pc`, which is looked up once; None when there is none of the usual form."""
        if pc not in self._rules:
            self._rules[pc] = self._find_rule(pc)
        return self._rules[pc]

    def _find_rule(self, pc: int) -> FrameRule | None:
        loaded = self.file_at(pc)
        if loaded is None:
            return None
        path = str(loaded.file.path)
        if path not in self._tables:
            self._tables[path] = loaded.file.call_frame_rules()
        table = self._tables[path]
        return None if table is None else table.rule_at(pc - loaded.bias)

    def can_unwind(self, return_address: int) -> bool:
        """Whether the frame with this return address has a caller, as far as its rule tells."""
        rule = self.rule_at(return_address - 1)
        return rule is not None and not rule.outermost

    def file_at(self, pc: int) -> LoadedFile | None:
        """The file whose code is at `pc`; None for none."""
        position = bisect_right(self._starts, pc) - 1
        if position < 0 or pc >= self._loaded[position].end:
            return None
        return self._loaded[position]
