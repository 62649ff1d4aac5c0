"""The QEMU that the probes record: one that is started, or one that runs already."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.link_map import linked_libraries
from analyzer.adapters.paused_program import PausedProgram, loaded_libraries
from analyzer.adapters.perf_events import TraceEvents
from analyzer.adapters.perf_records import Mapping as CodeMapping
from analyzer.adapters.running_qemu import QemuProcess, process_state
from analyzer.recording.program import StartedProgram
from analyzer.recording.request import RecordingRequest

_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ +(/.*)")
_DELETED = " (deleted)"


class Target(Protocol):
    """QEMU as the probes record it.

    `program`: its file. `threads`: ids of those that there are before the recording, the main thread first.
    `starts`: whether `go` executes it. `command`: for a user to repeat. `streams`: the files of its output.
    """

    program: Path
    threads: Sequence[int]
    starts: bool
    command: Sequence[str]
    streams: Mapping[str, Path]

    def libraries(self) -> Mapping[Path, str]:
        """The files of its shared libraries, with the names that the dynamic linker has for them."""

    def names(self) -> Mapping[int, str]:
        """The names of the threads that there are before `go`, as far as they matter."""

    def mappings(self) -> Sequence[CodeMapping]:
        """Its mappings with code, as far as there are any before `go`."""

    def open_file(self, path: str) -> CodeFile:
        """Open a file with code by its path in the process. OSError, ValueError."""

    def go(self, events: TraceEvents, /) -> None:
        """Let the events happen."""

    @property
    def pid(self) -> int:
        """The id of the process."""

    def has_ended(self) -> bool:
        """Whether the process has ended."""

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs, and for a process of somebody else."""

    def release(self) -> None:
        """End a process that was started; leave another one alone."""


class StartedTarget:
    """A QEMU that is started, and ends with the recording."""

    starts = True

    def __init__(self, request: RecordingRequest, scratch: Path) -> None:
        started = StartedProgram(request, scratch)
        self.program = Path(os.path.realpath(request.qemu.path))
        self.command = started.command
        self.streams = started.streams
        self._environment = request.environment.merged_with(os.environ)
        self._process = PausedProgram(
            started.executed, started.streams["stdout"], started.streams["stderr"], self._environment,
            request.environment.folder,
        )  # fmt: skip
        self.threads: Sequence[int] = (self._process.pid,)

    @property
    def pid(self) -> int:
        return self._process.pid

    def libraries(self) -> Mapping[Path, str]:
        names = loaded_libraries(self.program, self._environment)
        return {Path(os.path.realpath(name)): name for name in names}

    def names(self) -> Mapping[int, str]:
        return {}

    def mappings(self) -> Sequence[CodeMapping]:
        return ()

    def open_file(self, path: str) -> CodeFile:
        return CodeFile(Path(path))

    def go(self, _events: TraceEvents) -> None:
        """Execute QEMU, which lets the events happen."""
        self._process.go()

    def has_ended(self) -> bool:
        return self._process.status is not None

    @property
    def status(self) -> int | None:
        return self._process.status

    def release(self) -> None:
        self._process.kill()


class RunningTarget:
    """A QEMU that runs already, and goes on."""

    starts = False
    status = None

    def __init__(self, process: QemuProcess) -> None:
        self._process = process
        self.pid = process.pid
        self.command: Sequence[str] = process.command
        self.streams: Mapping[str, Path] = {}
        self._maps = self._read_maps()
        self.program = process.program
        others = sorted({int(task.name) for task in Path(f"/proc/{self.pid}/task").iterdir()} - {self.pid})
        self.threads: Sequence[int] = (self.pid, *others)

    def libraries(self) -> Mapping[Path, str]:
        root = f"/proc/{self.pid}/root"
        names = {os.path.realpath(root + name): name for name in self._linked_names()}
        found = {}
        for path in dict.fromkeys(mapping.file for mapping in self._maps):
            visible = self._visible(path)
            if visible != self.program:
                found[visible] = names.get(os.path.realpath(root + path), path)
        return found

    def _linked_names(self) -> Sequence[str]:
        """The names of libraries in the memory of the dynamic linker; none when it cannot be read."""
        with suppress(OSError, ValueError, struct.error):
            program = self.open_file(str(Path(f"/proc/{self.pid}/exe").readlink()))
            for mapping in self._maps:
                if self._visible(mapping.file) == self.program:
                    bias = program.bias(mapping.start, mapping.offset)
                    return linked_libraries(self.pid, program, bias)
        return []

    def names(self) -> Mapping[int, str]:
        found = {}
        for tid in self.threads:
            with suppress(OSError):
                name = Path(f"/proc/{self.pid}/task/{tid}/comm").read_text(encoding="utf-8", errors="replace")
                found[tid] = name.removesuffix("\n")
        return found

    def mappings(self) -> Sequence[CodeMapping]:
        return self._maps

    def open_file(self, path: str) -> CodeFile:
        return CodeFile(self._visible(path))

    def go(self, events: TraceEvents) -> None:
        """Let the events happen; the process is not stopped."""
        events.enable()

    def has_ended(self) -> bool:
        return process_state(self.pid) in ("", "Z", "X")

    def release(self) -> None:
        """Nothing: the process does not know that it was recorded."""

    def _read_maps(self) -> Sequence[CodeMapping]:
        text = Path(f"/proc/{self.pid}/maps").read_text(encoding="utf-8", errors="surrogateescape")
        found = []
        for line in text.splitlines():
            if match := _MAPPING.fullmatch(line):
                start, end, offset = (int(match[number], 16) for number in (1, 2, 3))
                found.append(CodeMapping(start, end - start, offset, match[4]))
        return found

    def _visible(self, path: str) -> Path:
        """The path by which this process opens a file of the other one, which may be in a container."""
        plain = path.removesuffix(_DELETED)
        with suppress(OSError):
            if str(Path(f"/proc/{self.pid}/exe").readlink()) == path:
                return self._process.program
        own, inside = Path(plain), Path(f"/proc/{self.pid}/root{plain}")
        with suppress(OSError):
            if own.samefile(inside):
                return own
        return inside
