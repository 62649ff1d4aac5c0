"""Runs a program under ptrace up to the moment at which a process executes QEMU, and ends all of them there.

A program of its own (`python exec_tracer.py RESULT PROGRAM [ARGUMENT…]`), standard library only: it waits for
all its children. It writes to the file RESULT, as JSON, what was executed: `program`, `arguments`, `environment`,
`folder`, and `child`, whether another process than PROGRAM's did it; or `status`, with which PROGRAM ended; or
`error`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import sys
from pathlib import Path
from typing import Any

# <sys/ptrace.h>
_TRACEME, _CONT, _SETOPTIONS = 0, 7, 0x4200
_EVENT_EXEC = 4
_FORK, _VFORK, _CLONE, _EXEC, _EXITKILL = 0x2, 0x4, 0x8, 0x10, 0x100000
_WALL = 0x40000000  # <linux/wait.h>: wait for threads and processes alike
_QEMU = b"emulator version "  # what --version of every QEMU prints for a system emulator

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def trace(command: list[str]) -> dict[str, Any]:
    """Run `command` up to the execution of QEMU; returns the result as the module's docstring has it."""
    first = os.fork()
    if first == 0:
        _become(command)
    living = {first}
    os.waitpid(first, _WALL)  # it has stopped itself
    if _ptrace(_SETOPTIONS, first, _FORK | _VFORK | _CLONE | _EXEC | _EXITKILL) != 0:
        os.kill(first, signal.SIGKILL)
        return {"error": os.strerror(ctypes.get_errno())}
    _ptrace(_CONT, first, 0)
    while True:
        process, status = os.waitpid(-1, _WALL)
        if os.WIFSTOPPED(status):
            known = process in living
            living.add(process)
            if status >> 16 == _EVENT_EXEC and _is_qemu(process):
                found = _executed(process, child=process != first)
                for each in living:
                    os.kill(each, signal.SIGKILL)
                return found
            number = os.WSTOPSIG(status)
            event = status >> 16 != 0 or number == signal.SIGTRAP or (number == signal.SIGSTOP and not known)
            _ptrace(_CONT, process, 0 if event else number)
            continue
        living.discard(process)
        if process == first:
            for each in living:
                os.kill(each, signal.SIGKILL)
            return {"status": os.waitstatus_to_exitcode(status)}


def _become(command: list[str]) -> None:
    """In the child: be traced, wait for the tracer, execute `command`."""
    if _ptrace(_TRACEME, 0, 0) != 0:
        os._exit(126)
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        os.execv(command[0], command)
    except OSError as error:
        if error.errno == errno.ENOEXEC:  # a script without `#!`: execvp(3) gives it to the shell
            os.execv("/bin/sh", ["sh", *command])
        os.write(2, os.fsencode(f"{command[0]}: {error.strerror}"))
        os._exit(127)


def _ptrace(request: int, process: int, data: int) -> int:
    result: int = _libc.ptrace(request, process, None, data)
    return result


def _is_qemu(process: int) -> bool:
    """Whether the program of a process has the words with which a system emulator tells its version."""
    try:
        with Path(f"/proc/{process}/exe").open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).find(_QEMU) >= 0
    except (OSError, ValueError):
        return False


def _executed(process: int, child: bool) -> dict[str, Any]:
    place = f"/proc/{process}"
    environment = [entry.partition("=")[::2] for entry in _words(f"{place}/environ")]
    return {
        "program": str(Path(f"{place}/exe").readlink()),
        "arguments": _words(f"{place}/cmdline")[1:],
        "environment": dict(environment),
        "folder": str(Path(f"{place}/cwd").readlink()),
        "child": child,
    }


def _words(path: str) -> list[str]:
    return [os.fsdecode(word) for word in Path(path).read_bytes().split(b"\0")[:-1]]


if __name__ == "__main__":
    outcome = trace(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps(outcome), encoding="ascii")
