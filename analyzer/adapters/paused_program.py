"""Starts a program in a process that waits before it executes the program, so that it can be traced from there."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from analyzer.adapters.run_processes import VARIABLE, RunMark, end_processes
from analyzer.errors import AnalyzerError

# The shell says that it is there, waits for a line, and becomes the program.
_WAIT_AND_EXECUTE = 'echo >&0; read -r _ && exec "$@" </dev/null'
_START_SECONDS = 20.0
_SHELL = "/bin/sh"


class PausedProgram:
    """A process that becomes `command` when `go` is called; the kernel kills it when this process ends.

    Its output goes to the files `stdout` and `stderr`. Addresses are not randomised where the host permits that,
    so that those of two runs can be compared. AnalyzerError when it cannot be started.
    """

    def __init__(
        self, command: Sequence[str], stdout: Path, stderr: Path, environment: Mapping[str, str], folder: str = ""
    ) -> None:
        self._mark = RunMark.new()
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._process: subprocess.Popen[bytes]
        before = [*_tool("setpriv", "--pdeathsig", "KILL"), *_tool("setarch", "-R")]
        ours.settimeout(_START_SECONDS)
        try:
            with theirs, stdout.open("wb") as output, stderr.open("wb") as errors:
                self._process = subprocess.Popen(
                    [*before, _SHELL, "-c", _WAIT_AND_EXECUTE, "sh", *command],
                    stdin=theirs.fileno(),
                    stdout=output,
                    stderr=errors,
                    env={**environment, VARIABLE: str(self._mark)},
                    cwd=folder or os.curdir,
                    start_new_session=True,  # no SIGINT of Ctrl-C
                )
            started = ours.recv(1) == b"\n"
        except OSError as error:
            self._socket.close()
            raise AnalyzerError(f"{command[0]} cannot be started: {error.strerror or error}.") from None
        if not started:
            self.kill()
            raise AnalyzerError(f"{command[0]} cannot be started: the process ended with {self.status}.")

    @property
    def pid(self) -> int:
        """The id of the process, before and after `go`."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for the signal that ended it; None while it runs."""
        return self._process.poll()

    def go(self) -> None:
        """Execute the program."""
        with self._socket as waiting:
            waiting.sendall(b"\n")

    def kill(self) -> None:
        """End the process and what it forked, and wait for its end."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        end_processes(self._mark)
        self._socket.close()


def loaded_libraries(program: Path, environment: Mapping[str, str]) -> list[str]:
    """The paths of the shared libraries that the dynamic linker loads for the program, as ldd(1) prints them."""
    asked = {**environment, "LD_TRACE_LOADED_OBJECTS": "1"}
    try:
        done = subprocess.run([program], env=asked, capture_output=True, check=False, timeout=_START_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return []
    words = (line.split() for line in os.fsdecode(done.stdout).splitlines())
    paths = [line[line.index("=>") + 1] if "=>" in line else line[0] for line in words if line]
    return [path for path in paths if path.startswith("/")]


def _tool(name: str, *arguments: str) -> list[str]:
    path = shutil.which(name)
    return [path, *arguments] if path else []
