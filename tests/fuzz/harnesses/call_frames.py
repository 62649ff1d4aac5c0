"""An index of call frame rules with its entries, as it is in the memory of a process, and DWARF expressions."""

from __future__ import annotations

from pathlib import Path

from gdbscripts.call_frame_rules import CallFrameRules, UnsupportedRuleError
from gdbscripts.call_sites import parse_value

INDEX = 0x1000  # its address


class NoMemoryError(Exception):
    """There is nothing at this address, as gdb says it."""


def check(data: bytes, folder: Path) -> None:
    def read(address: int, size: int) -> bytes:
        start = address - INDEX
        if start < 0 or start + size > len(data):
            raise NoMemoryError
        return data[start : start + size]

    for start in range(0, min(len(data), 256), 7):
        parse_value(data[start : start + 16])
    try:
        rules = CallFrameRules(INDEX, read)
    except (UnsupportedRuleError, NoMemoryError):
        return
    for pc in range(INDEX - 0x400, INDEX + 0x400, 3):
        try:
            rules.rule_at(pc)
        except NoMemoryError:
            continue
