"""Writes small ELF files for x86-64 with sections of our choice (elf(5))."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_EXECUTABLE, _MACHINE = 2, 62  # ET_EXEC, EM_X86_64
_LOAD, _EXCEPTION_FRAMES = 1, 0x6474E550  # PT_…
_READ_EXECUTE = 5
_ALLOCATED_CODE = 6  # SHF_ALLOC, SHF_EXECINSTR


def elf_file(sections: Mapping[str, bytes], code_address: int) -> bytes:
    """An executable with these sections; those up to `.text` are the first, at `code_address`, and are loaded.

    `.eh_frame` and `.eh_frame_hdr` are loaded behind the code, where their position in the file says.
    """
    names = ["", *sections, ".shstrtab"]
    contents = {**sections, ".shstrtab": b"".join(name.encode() + b"\0" for name in names)}
    position = _HEADER.size + 2 * _PROGRAM.size
    places, body = {}, b""
    for name, content in contents.items():
        places[name] = position + len(body)
        body += content + bytes(-len(content) % 8)
    bias = code_address - places[".text"]
    table_at = position + len(body)
    headers, name_at = [bytes(_SECTION.size)], 1
    for name, content in contents.items():
        loaded = name in (".text", ".eh_frame", ".eh_frame_hdr")
        flags = _ALLOCATED_CODE if name == ".text" else 2 if loaded else 0
        address = places[name] + bias if loaded else 0
        kind = 3 if name == ".shstrtab" else 1
        headers.append(_SECTION.pack(name_at, kind, flags, address, places[name], len(content), 0, 0, 1, 0))
        name_at += len(name) + 1
    load = _PROGRAM.pack(_LOAD, _READ_EXECUTE, 0, bias, bias, table_at, table_at, 4096)
    index = places.get(".eh_frame_hdr", 0)
    frames = _PROGRAM.pack(_EXCEPTION_FRAMES, 4, index, index + bias, index + bias, 0, 0, 4)
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01".ljust(16, b"\0"), _EXECUTABLE, _MACHINE, 1, code_address, _HEADER.size, table_at, 0,
        _HEADER.size, _PROGRAM.size, 2 if index else 1, _SECTION.size, len(headers), len(headers) - 1,
    )  # fmt: skip
    return header + load + frames + body + b"".join(headers)
