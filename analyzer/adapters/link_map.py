"""Reads the dynamic linker's list of shared libraries in the memory of a process (link.h)."""

from __future__ import annotations

import os
import struct
from io import FileIO
from pathlib import Path

from analyzer.adapters.code_files import CodeFile

_DEBUG_TAG = 21  # DT_DEBUG of the dynamic section
_MAX_LIBRARIES, _MAX_NAME = 4096, 4096
_FIRST_MAP = 8  # offset of r_map in struct r_debug
_LINK_MAP = struct.Struct("<QQQQ")  # l_addr, l_name, l_ld, l_next of struct link_map


def linked_libraries(pid: int, program: CodeFile, bias: int) -> list[str]:
    """The names of the libraries of process `pid`, as its dynamic linker has them; `bias` is that of its program.

    OSError when its memory cannot be read; struct.error when the list is damaged.
    """
    dynamic = program.dynamic
    if dynamic is None:
        return []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        section = _read(memory, dynamic.address + bias, dynamic.memory_size)
        entries = dict(struct.iter_unpack("<QQ", section[: len(section) & -16]))
        if not entries.get(_DEBUG_TAG):
            return []
        (address,) = struct.unpack("<Q", _read(memory, entries[_DEBUG_TAG] + _FIRST_MAP, 8))
        names = []
        for _ in range(_MAX_LIBRARIES):
            if not address:
                break
            _, name, _, address = _LINK_MAP.unpack(_read(memory, address, _LINK_MAP.size))
            text = os.fsdecode(_read(memory, name, _MAX_NAME).partition(b"\0")[0])
            if text.startswith("/"):
                names.append(text)
    return names


def _read(memory: FileIO, address: int, size: int) -> bytes:
    memory.seek(address)
    return memory.read(size)
