"""The processes of a run that outlive QEMU: it forked them, as a daemon or a helper does.

gdb traces QEMU only, and the kernel ends with gdb only what gdb traces. A variable in the environment of gdb,
which QEMU and its children inherit, tells them from all others.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "QEMU_CALLCHAIN_RUN"
_numbers = itertools.count(1)
_ROUNDS = 10  # a process may fork before it is killed


@dataclass(frozen=True)
class RunMark:
    """The value of the variable: which process made the run, told from a later one with its id, and which of its
    runs it is. Values have one length, so that the addresses on QEMU's stack stay the same."""

    pid: int
    started: int  # field 22 of proc(5), /proc/PID/stat
    number: int

    @classmethod
    def new(cls) -> RunMark:
        """The mark of a new run of this process."""
        return cls(os.getpid(), _start_of("self") or 0, next(_numbers))

    @classmethod
    def parse(cls, text: str) -> RunMark | None:
        """The mark that `str` made `text` of; None for another text."""
        try:
            pid, started, number = map(int, text.split(":"))
        except ValueError:
            return None
        return cls(pid, started, number)

    def __str__(self) -> str:
        return f"{self.pid:010d}:{self.started:016d}:{self.number:04d}"

    @property
    def is_orphaned(self) -> bool:
        """Whether the process that made the run has ended; a zombie has."""
        return _start_of(str(self.pid)) != self.started


@dataclass(frozen=True)
class RunProcess:
    """A process of a run: its id, that of its parent, and its name as ps(1) has it."""

    pid: int
    parent: int
    name: str


def forked_processes(mark: RunMark) -> list[RunProcess]:
    """The processes of the run that go on after their parent has ended, as a daemon does."""
    found = [process for process, other in _marked_processes() if other == mark]
    inside = {os.getpid(), *(process.pid for process in found)}
    return [process for process in found if process.parent not in inside]


def end_processes(mark: RunMark) -> None:
    """Kill the processes of the run, and those of runs whose analyzer was killed."""
    for _ in range(_ROUNDS):
        found = [process for process, other in _marked_processes() if other == mark or other.is_orphaned]
        for process in found:
            with suppress(OSError):  # it has ended meanwhile
                os.kill(process.pid, signal.SIGKILL)
        if not found:
            return


def _marked_processes() -> Iterator[tuple[RunProcess, RunMark]]:
    """The processes with a mark, but for this one; in this PID namespace, since a mark has the id of a process."""
    namespace = _namespace_of("self")
    wanted = f"{VARIABLE}=".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        with suppress(OSError, IndexError):  # it belongs to another user, or has ended
            environment = (folder / "environ").read_bytes()
            if wanted not in environment or folder.stat().st_uid != os.geteuid():
                continue
            values = [entry for entry in environment.split(b"\0") if entry.startswith(wanted)]
            mark = RunMark.parse(values[0][len(wanted) :].decode(errors="replace")) if values else None
            if mark is not None and _namespace_of(folder.name) == namespace:
                yield RunProcess(int(folder.name), int(_stat(folder.name)[1]), _name_of(folder)), mark


def _namespace_of(pid: str) -> str:
    return str(Path("/proc", pid, "ns", "pid").readlink())


def _name_of(folder: Path) -> str:
    return (folder / "comm").read_text(errors="replace").rstrip("\n")


def _start_of(pid: str) -> int | None:
    """When process `pid` started, in clock ticks since boot; None when there is none."""
    try:
        return int(_stat(pid)[19])
    except (OSError, IndexError):
        return None


def _stat(pid: str) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may contain anything."""
    return Path("/proc", pid, "stat").read_text(errors="replace").rpartition(") ")[2].split()
