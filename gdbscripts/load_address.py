"""Finds where the program is loaded, and where gdb would set a breakpoint on a function at an address."""

from __future__ import annotations

import re
import struct
from typing import Callable, Optional

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.definitions import innermost_function
from gdbscripts.memory import read_bytes

_AT_ENTRY = 9  # the program's entry point, in the auxiliary vector: getauxval(3)
_ENTRY_OFFSET = 24  # e_entry of an ELF header: elf(5)
_OPTIMISATION = re.compile(r"(?<=\s)-O(\w*)")


def load_offset(pid: int) -> Optional[int]:
    """Return what is added to the addresses of the program's file in process `pid`; None when it is unknown."""
    try:
        with open("/proc/%d/exe" % pid, "rb") as program:
            header = program.read(_ENTRY_OFFSET + 8)
        with open("/proc/%d/auxv" % pid, "rb") as vector:
            entries = dict(struct.iter_unpack("<QQ", vector.read()))
    except (OSError, struct.error):
        return None
    if _AT_ENTRY not in entries or len(header) < _ENTRY_OFFSET + 8:
        return None
    return int(entries[_AT_ENTRY]) - int(struct.unpack_from("<Q", header, _ENTRY_OFFSET)[0])


def when_located(use: Callable[[int], None]) -> None:
    """Call `use` with the load offset: now when the program runs, else before its first instruction.

    gdb has relocated its symbols by then. Breakpoints by address cannot be set earlier: gdb does not relocate
    them.
    """

    def on_new_file(_event: gdb.NewObjFileEvent) -> None:
        if attempt():
            gdb.events.new_objfile.disconnect(on_new_file)

    def attempt() -> bool:
        pid = gdb.selected_inferior().pid
        offset = load_offset(pid) if pid else None
        if offset is None:
            return False
        use(offset)
        return True

    if not attempt():
        gdb.events.new_objfile.connect(on_new_file)


def after_prologue(entry: int) -> int:
    """Return the address of a breakpoint on the function that begins at `entry`: gdb's own, by line numbers.

    In code that is not optimised, arguments can be read only after the prologue, which ends with the first line.
    """
    row = gdb.find_pc_line(entry)
    symtab = row.symtab
    if symtab is None or row.last is None or _is_optimised(symtab) or not sets_frame_pointer(entry):
        return entry
    function = innermost_function(entry)
    body = int(row.last) + 1
    inside = function is not None and function.block.start <= entry < body < function.block.end
    return body if inside else entry


def sets_frame_pointer(entry: int) -> bool:
    """Return whether the function at `entry` begins by setting up a frame pointer, as code does that is not
    optimised."""
    return architecture.SETS_FRAME_POINTER.match(read_bytes(entry, 8)) is not None


def _is_optimised(symtab: gdb.Symtab) -> bool:
    """Return whether GCC's options in DW_AT_producer ask for optimisation; the last one counts."""
    options = _OPTIMISATION.findall(str(getattr(symtab, "producer", None) or ""))
    return bool(options) and options[-1] != "0"
