"""Defines uprobes in tracefs, and removes them (Documentation/trace/uprobetracer.rst of the kernel).

A definition names a place in a program; it does nothing until somebody opens it as an event. perf_event_open can
make uprobes without definitions too, but threads that a process creates do not inherit these: the kernel reads the
path again in the process that creates the thread, where it is not (perf_uprobe_init of kernel/events/core.c).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from analyzer.adapters.tracefs import TraceFs, find_tracefs
from analyzer.errors import AnalyzerError

OTHER_ENGINE = "Or record with --engine gdb."
PREFIX = "qemu_callchain_"  # of the names of our groups of probes; the process id follows
_GROUP = re.compile(rb"[pr]:(" + PREFIX.encode() + rb"(\d+))/(\S+)")
# Removes the probes of a group when its standard input ends, that is when this process ends, however it ends. An
# event that is still open makes the kernel refuse for a moment.
_REMOVE = r"""
trap '' INT TERM HUP
while read -r _; do :; done
tries=0
while grep -q "^[pr]:$1/" "$2"; do
    [ $tries -lt 20 ] || exit 1
    [ $tries -eq 0 ] || sleep 0.1
    tries=$((tries + 1))
    grep -o "^[pr]:$1/[^ ]*" "$2" | sort -u | while read -r name; do echo "-:${name#*:}" >>"$2"; done
done
"""


class Place(NamedTuple):
    """A place in machine code: `offset` in bytes in the file `path`."""

    path: str
    offset: int


class UprobeDefinitions:
    """The uprobes of this process. A context manager that removes them, also when this process is killed.

    The events that use them must be closed before it ends.
    """

    def __init__(self, tracefs: TraceFs) -> None:
        self._tracefs = tracefs
        self._file = tracefs.folder / "uprobe_events"
        self._group = f"{PREFIX}{os.getpid()}"
        self._count = 0
        self._remover: subprocess.Popen[bytes] | None = None

    @classmethod
    def open(cls) -> UprobeDefinitions:
        """Prepare for definitions; removes those of processes that have ended.

        AnalyzerError, with the next step, when this process cannot define uprobes.
        """
        try:
            tracefs = find_tracefs()
        except AnalyzerError as error:
            raise AnalyzerError(f"Probes cannot be set: {error.message}", f"{error.hint} {OTHER_ENGINE}") from None
        definitions = cls(tracefs)
        try:
            definitions._prepare()
        except BaseException:
            definitions.close()
            raise
        return definitions

    def __enter__(self) -> UprobeDefinitions:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def define(self, places: Sequence[Place], arguments: str = "") -> list[int]:
        """Define a uprobe at each place; returns the ids of their tracepoints.

        `arguments` are what the kernel fetches at a hit, in the words of uprobetracer.rst.

        The places share one tracepoint where the kernel can do it (Linux 5.5): to close a tracepoint takes a tenth
        of a second. AnalyzerError when the kernel refuses a place.
        """
        names: list[str] = []
        try:
            file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                for place in places:
                    self._define(file, place, names, arguments)
            finally:
                os.close(file)
            folder = self._tracefs.folder / "events" / self._group
            return [int((folder / name / "id").read_text()) for name in names]
        except OSError as error:
            raise _refusal(error) from None

    def _define(self, file: int, place: Place, names: list[str], arguments: str) -> None:
        """Add a place to the last tracepoint of `names`, or to a new one."""
        where = f"{_escape(place.path)}:0x{place.offset:x} {arguments}".rstrip()
        if names:
            try:
                os.write(file, os.fsencode(f"p:{self._group}/{names[-1]} {where}\n"))
                return
            except FileExistsError:
                pass
        names.append(f"p{self._count}")
        self._count += 1
        os.write(file, os.fsencode(f"p:{self._group}/{names[-1]} {where}\n"))

    def tracepoint(self, name: str) -> int | None:
        """The id of a tracepoint of the kernel, such as `syscalls/sys_enter_ioctl`; None when it has none."""
        try:
            return int((self._tracefs.folder / "events" / name / "id").read_text())
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Remove the definitions."""
        if self._remover is not None:
            assert self._remover.stdin is not None
            self._remover.stdin.close()
            self._remover.wait()
            self._remover = None
        self._tracefs.close()

    def _prepare(self) -> None:
        try:
            text = self._file.read_bytes()
        except OSError as error:
            raise _refusal(error) from None
        groups = {(match[1], int(match[2])) for match in _GROUP.finditer(text)}
        for group, pid in groups:
            if not Path(f"/proc/{pid}").exists():
                with suppress(OSError, subprocess.TimeoutExpired):
                    self._start_remover(os.fsdecode(group)).communicate(timeout=5.0)
        try:
            self._remover = self._start_remover(self._group)
        except OSError as error:
            raise _refusal(error) from None

    def _start_remover(self, group: str) -> subprocess.Popen[bytes]:
        shell = shutil.which("sh") or "/bin/sh"
        # The descriptor of a private mount is inherited, so that the path through it stays valid.
        mount = self._tracefs.mount
        file = f"/proc/self/fd/{mount}/uprobe_events" if mount >= 0 else str(self._file)
        return subprocess.Popen(
            [shell, "-c", _REMOVE, shell, group, file],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[mount] if mount >= 0 else [],
        )


def _escape(path: str) -> str:
    if re.search(r"[\s:]", path):
        raise AnalyzerError(
            f"A uprobe cannot be set in {path}: the kernel accepts no spaces and colons in its path.",
            f"Move the program to a path without them. {OTHER_ENGINE}",
        )
    return path


def _refusal(error: OSError) -> AnalyzerError:
    if isinstance(error, FileNotFoundError):
        return AnalyzerError(
            "This kernel has no uprobes.",
            f"Use a kernel built with CONFIG_UPROBE_EVENTS. {OTHER_ENGINE}",
        )
    return AnalyzerError(
        f"The kernel refuses a uprobe: {error.strerror}.", f"The kernel's log may say why: dmesg. {OTHER_ENGINE}"
    )
