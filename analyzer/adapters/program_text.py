"""Compares the machine code of a process with its files, and restores it.

A debugger that is killed leaves its breakpoints in the code of the process it had attached to. Each is one byte,
an int3 instruction, which ends the process when it is executed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# /proc/PID/maps (proc(5)): addresses, permissions, offset, device, inode, path
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) [0-9a-f:]+ (\d+) +(/.*)")
_CHUNK = 4096
# More bytes than all breakpoints together: the file is another one than the process has mapped.
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class ChangedByte:
    """A byte of machine code that differs from the file: its address, its value and the value in the file."""

    address: int
    value: int
    original: int


def changed_code(pid: int) -> list[ChangedByte]:
    """The bytes of the executable mappings of process `pid` that differ from the mapped files.

    A mapping whose file cannot be read, or is another file by now, is left out. OSError when this user may not
    read the memory of the process, or the process has ended.
    """
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="surrogateescape")
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        return [
            byte
            for match in map(_MAPPING.fullmatch, maps.splitlines())
            if match and "x" in match[3]
            for byte in _changed_in(memory.fileno(), pid, match)
        ]


def restore_code(pid: int, changed: Iterable[ChangedByte]) -> int:
    """Write the original values of these bytes, which `changed_code` found, to the memory of process `pid`.

    A byte that has its original value by now, or another than the one found, stays. Returns the number of bytes
    written. OSError as `changed_code`.
    """
    written = 0
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
        for byte in changed:
            if os.pread(memory.fileno(), 1, byte.address) == bytes([byte.value]):
                written += os.pwrite(memory.fileno(), bytes([byte.original]), byte.address)
    return written


def _changed_in(memory: int, pid: int, mapping: re.Match[str]) -> list[ChangedByte]:
    begin, end, offset = int(mapping[1], 16), int(mapping[2], 16), int(mapping[4], 16)
    content = _file_content(pid, mapping, offset, end - begin)
    if not content:
        return []
    code = os.pread(memory, len(content), begin)
    found = list(_differences(begin, code, content)) if code != content else []
    return found if len(found) <= _MOST_BYTES else []


def _file_content(pid: int, mapping: re.Match[str], offset: int, size: int) -> bytes:
    """The part of the file that is mapped; b"" when the file at the path is not the mapped one."""
    for name in ("exe", f"root{mapping[6]}", f"map_files/{mapping[1]}-{mapping[2]}"):
        try:
            with Path(f"/proc/{pid}/{name}").open("rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_ino == int(mapping[5]):
                    return os.pread(file.fileno(), size, offset)
        except OSError:
            continue
    return b""


def _differences(begin: int, code: bytes, content: bytes) -> Iterator[ChangedByte]:
    for start in range(0, len(code), _CHUNK):
        now, original = code[start : start + _CHUNK], content[start : start + _CHUNK]
        if now != original:
            pairs = enumerate(zip(now, original, strict=False), begin + start)
            yield from (ChangedByte(address, *pair) for address, pair in pairs if pair[0] != pair[1])
