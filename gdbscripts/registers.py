"""Reads the registers of a stopped thread without gdb's frames: a frame object costs ten times as much.

gdb writes a changed register to the thread at once, also the pc after a breakpoint, so the thread has what gdb's
innermost frame shows.
"""

from __future__ import annotations

import ctypes
from typing import Callable, Dict, Optional, Sequence, cast

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.memory import register

_PTRACE_GETREGS = 12  # sys/ptrace.h

Registers = Sequence[int]  # unsigned, in the order of `architecture.USER_REGISTERS`
PC, STACK_POINTER, FRAME_POINTER = (
    architecture.USER_REGISTERS.index(name)
    for name in (architecture.PC, architecture.STACK_POINTER, architecture.FRAME_POINTER)
)


_POSITIONS = [
    (number, architecture.USER_REGISTERS.index(name)) for name, number in architecture.DWARF_REGISTERS.items()
]


def all_registers(registers: Registers) -> Dict[int, int]:
    """Return the general registers by their numbers in DWARF."""
    return {number: registers[position] for number, position in _POSITIONS}


class RegisterReader:
    """Reads all registers of a thread with one system call; asks gdb where that call is not possible."""

    def __init__(self) -> None:
        self._buffer = (ctypes.c_uint64 * len(architecture.USER_REGISTERS))()
        self._ptrace = _find_ptrace()

    def read(self, thread: gdb.InferiorThread) -> Registers:
        """Return the registers of `thread`, the selected one. Raises gdb.error when gdb cannot read them."""
        if self._ptrace is not None and not self._ptrace(_PTRACE_GETREGS, thread.ptid[1], None, self._buffer):
            return self._buffer[:]
        frame = gdb.newest_frame()
        return [register(frame, name) for name in architecture.USER_REGISTERS]


def _find_ptrace() -> Optional[Callable[..., int]]:
    """Return ptrace of the C library, by which gdb itself controls the threads; None when there is none."""
    try:
        ptrace = ctypes.CDLL(None).ptrace
    except (OSError, AttributeError):
        return None
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    ptrace.restype = ctypes.c_long
    return cast(Callable[..., int], ptrace)
