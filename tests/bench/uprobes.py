"""Makes uprobes at the addresses of gdb's breakpoints, and removes them.

A breakpoint of gdb on a function has a location for the function and one for each inlined instance of it; `perf
probe` would take one. uprobe_events has a line for each probe (Documentation/trace/uprobetracer.rst of Linux).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from analyzer.adapters.tracefs import find_tracefs

_PREFIX = "callchain_bench_"  # of the group of our probes; the process id follows
_LOCATION = re.compile(r"(0x[0-9a-f]+) in (\S+) ")
_LISTED = re.compile(rf"p:({_PREFIX}(\d+))/(\S+) ")
_ALLOWED = re.compile(r"\W")
_MOST_CHARACTERS = 60  # of the name of an event: MAX_EVENT_NAME_LEN of Linux is 64


@dataclass(frozen=True)
class Location:
    """The address of one location of a breakpoint, as in the program's file, before it is loaded."""

    function: str
    address: int


def breakpoint_locations(program: Path, functions: Sequence[str]) -> list[Location]:
    """All locations where gdb stops for `functions` of the program. It is not started."""
    commands = [*(f"break {function}" for function in functions), "info breakpoints"]
    asked = [argument for command in commands for argument in ("-ex", command)]
    gdb = ["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set width 0", *asked, str(program)]
    done = subprocess.run(gdb, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return locations_in(done.stdout)


def locations_in(text: str) -> list[Location]:
    """The locations in the output of `info breakpoints`."""
    return [Location(match[2], int(match[1], 16)) for match in _LOCATION.finditer(text)]


def file_offset(segments: Iterable[tuple[int, int, int]], address: int) -> int:
    """The offset in the file of an address; `segments` are (address, offset, size) of what is loaded.

    ValueError when no segment has the address.
    """
    for start, offset, size in segments:
        if start <= address < start + size:
            return address - start + offset
    raise ValueError(f"address {address:#x} is not in the file")


def event_name(number: int, function: str) -> str:
    """The name of the event of one location; `function_of` is its inverse for names of C."""
    return f"p{number}_{_ALLOWED.sub('_', function)}"[:_MOST_CHARACTERS]


def function_of(event: str) -> str:
    """The function in the name of an event."""
    return event.partition("_")[2]


@contextmanager
def uprobes(program: Path, functions: Sequence[str]) -> Iterator[list[str]]:
    """Make the probes; yields the names of their events as perf takes them, GROUP:NAME. Leaving removes them.

    AnalyzerError and OSError when this user or kernel cannot make them.
    """
    group = f"{_PREFIX}{os.getpid()}"
    offsets = _segments(program)
    found = breakpoint_locations(program, functions)
    named = {event_name(number, each.function): each for number, each in enumerate(found)}
    tracefs = find_tracefs()
    file = tracefs.folder / "uprobe_events"
    try:
        _remove(file, only_of_ended_processes=True)
        for name, location in named.items():
            _append(file, f"p:{group}/{name} {program}:{file_offset(offsets, location.address):#x}")
        yield [f"{group}:{name}" for name in named]
    finally:
        _remove(file, only_of_ended_processes=False)
        tracefs.close()


def _segments(program: Path) -> list[tuple[int, int, int]]:
    with program.open("rb") as file:
        headers = [segment.header for segment in ELFFile(file).iter_segments("PT_LOAD")]
    return [(header.p_vaddr, header.p_offset, header.p_filesz) for header in headers]


def _remove(file: Path, only_of_ended_processes: bool) -> None:
    """Remove our probes, and those that a benchmark which was killed left."""
    for group, pid, name in _LISTED.findall(file.read_text(encoding="utf-8", errors="replace")):
        ended = not Path(f"/proc/{pid}").exists()
        if ended or (int(pid) == os.getpid() and not only_of_ended_processes):
            with suppress(OSError):  # another process uses it
                _append(file, f"-:{group}/{name}")


def _append(file: Path, line: str) -> None:
    # O_APPEND, without seeking: opening for writing alone removes all probes of the host
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)
