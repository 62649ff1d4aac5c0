"""Writes a core file: threads with registers and stacks of our choice, in the address space of a process.

gdb reads machine code and constants from the files that the core file names, and finds the shared libraries in the
list of the dynamic linker, which is written here too. The layouts are those of core files of Linux for x86-64:
elf(5), sys/procfs.h, link.h.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from analyzer.adapters.code_files import CodeFile

_PAGE = 4096
_LOAD, _NOTE = 1, 4  # PT_… of a program header
_READ_WRITE = 6  # PF_R | PF_W
_PROGRAM_STATUS, _AUXILIARY_VECTOR, _MAPPED_FILES = 1, 6, 0x46494C45  # NT_PRSTATUS, NT_AUXV, NT_FILE
_AT_HEADERS, _AT_HEADER_SIZE, _AT_HEADER_COUNT, _AT_PAGE_SIZE, _AT_ENTRY = 3, 4, 5, 6, 9
_STATUS_SIZE, _STATUS_PID, _STATUS_REGISTERS = 336, 32, 112  # struct elf_prstatus
_REGISTER_COUNT, _RBP, _RIP, _CS, _RSP, _SS = 27, 4, 16, 17, 19, 20  # struct user_regs_struct
_USER_CODE, _USER_DATA = 0x33, 0x2B  # segment selectors of user space
_DEBUG_TAG = 21  # DT_DEBUG of the dynamic section
_EXECUTABLE_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_MANY = 0xFFFF  # PN_XNUM: the number of program headers is elsewhere


@dataclass(frozen=True)
class CoreThread:
    """A thread: its id, registers, and the bytes of its stack from the stack pointer upwards."""

    tid: int
    pc: int
    stack_pointer: int
    frame_pointer: int


class CodeAt(NamedTuple):
    """A file with code, what is added to its virtual addresses, and the dynamic linker's name for it."""

    file: CodeFile
    bias: int
    name: str


class Memory(NamedTuple):
    """Bytes at an address."""

    address: int
    data: bytes


def write_core_file(
    path: Path,
    threads: Sequence[CoreThread],
    stacks: Memory,
    program: CodeAt,
    libraries: Sequence[CodeAt],
    free: int,
) -> None:
    """Write the core file `path`.

    `stacks`: the memory of the stacks of all threads. `free`: an address from which on nothing is, for the list of
    libraries.
    """
    notes = b"".join(_note(_PROGRAM_STATUS, _status(thread)) for thread in threads)
    notes += _note(_AUXILIARY_VECTOR, _auxiliary_vector(program))
    notes += _note(_MAPPED_FILES, _mapped_files([program, *libraries]))
    memories = [stacks]
    dynamic = _dynamic_section(program, free)
    if dynamic is not None:
        memories += [dynamic, Memory(free, _link_maps(program, libraries, free))]
    headers = 1 + len(memories)
    position = _EXECUTABLE_HEADER.size + headers * _PROGRAM_HEADER.size
    table = [_PROGRAM_HEADER.pack(_NOTE, 0, position, 0, 0, len(notes), 0, 4)]
    content = [notes]
    position += len(notes)
    for memory in memories:
        size = len(memory.data)
        table.append(_PROGRAM_HEADER.pack(_LOAD, _READ_WRITE, position, memory.address, 0, size, size, 1))
        content.append(memory.data)
        position += size
    identification = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = _EXECUTABLE_HEADER.pack(
        identification, 4, 62, 1, 0, _EXECUTABLE_HEADER.size, 0, 0, _EXECUTABLE_HEADER.size, _PROGRAM_HEADER.size,
        headers, 0, 0, 0,
    )  # fmt: skip
    path.write_bytes(b"".join([header, *table, *content]))


def _note(kind: int, data: bytes) -> bytes:
    return struct.pack("<III8s", 5, len(data), kind, b"CORE") + data + bytes(-len(data) % 4)


def _status(thread: CoreThread) -> bytes:
    registers = [0] * _REGISTER_COUNT
    registers[_RIP], registers[_RSP], registers[_RBP] = thread.pc, thread.stack_pointer, thread.frame_pointer
    registers[_CS], registers[_SS] = _USER_CODE, _USER_DATA
    status = bytearray(_STATUS_SIZE)
    struct.pack_into("<I", status, _STATUS_PID, thread.tid)
    struct.pack_into(f"<{_REGISTER_COUNT}Q", status, _STATUS_REGISTERS, *registers)
    return bytes(status)


def _auxiliary_vector(program: CodeAt) -> bytes:
    file, bias, _ = program
    first = min(segment.address - segment.offset for segment in file.loaded)
    entries = {
        _AT_HEADERS: first + file.header_position + bias,
        _AT_HEADER_SIZE: _PROGRAM_HEADER.size,
        _AT_HEADER_COUNT: file.header_count,
        _AT_PAGE_SIZE: _PAGE,
        _AT_ENTRY: file.entry + bias,
        0: 0,
    }
    return b"".join(struct.pack("<QQ", *entry) for entry in entries.items())


def _mapped_files(files: Sequence[CodeAt]) -> bytes:
    ranges, names = [], []
    for file, bias, _ in files:
        for segment in file.loaded:
            start = (segment.address + bias) & -_PAGE
            end = (segment.address + segment.file_size + bias + _PAGE - 1) & -_PAGE
            ranges.append(struct.pack("<QQQ", start, end, segment.offset // _PAGE))
            names.append(os.fsencode(file.path.absolute()) + b"\0")
    return struct.pack("<QQ", len(ranges), _PAGE) + b"".join(ranges) + b"".join(names)


def _dynamic_section(program: CodeAt, debug: int) -> Memory | None:
    """The dynamic section of the program, whose entry DT_DEBUG has the address `debug`; None without one."""
    dynamic = program.file.dynamic
    if dynamic is None:
        return None
    data = bytearray(program.file.read(dynamic.address, dynamic.file_size))
    for position in range(0, len(data) - 15, 16):
        if struct.unpack_from("<Q", data, position)[0] == _DEBUG_TAG:
            struct.pack_into("<Q", data, position + 8, debug)
    return Memory(dynamic.address + program.bias, bytes(data))


def _link_maps(program: CodeAt, libraries: Sequence[CodeAt], address: int) -> bytes:
    """struct r_debug at `address`, then a struct link_map for each file, then their names."""
    files = [program, *libraries]
    first, size = address + 40, 40
    names_at = first + size * len(files)
    names = [b"\0", *(os.fsencode(library.name) + b"\0" for library in libraries)]
    maps = []
    for number, (file, bias, _) in enumerate(files):
        dynamic = file.dynamic
        following = first + size * (number + 1) if number + 1 < len(files) else 0
        previous = first + size * (number - 1) if number else 0
        name = names_at + sum(map(len, names[:number]))
        place = dynamic.address + bias if dynamic is not None else 0
        maps.append(struct.pack("<QQQQQ", bias, name, place, following, previous))
    return struct.pack("<IIQQIIQ", 1, 0, first, 0, 0, 0, 0) + b"".join(maps) + b"".join(names)
