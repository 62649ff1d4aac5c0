"""gdb as a child process, driven over MI: commands are matched to answers by token, never by silence.

pygdbmi parses the answers; its controller waits 0.2 s of silence for each and is not used. This is the one
module that imports pygdbmi.
"""

from __future__ import annotations

import itertools
import os
import selectors
import shutil
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pygdbmi import gdbmiparser

from analyzer.errors import AnalyzerError
from gdbscripts.wire import SCHEMA

BOOTSTRAP = Path(__file__).resolve().parents[2] / "gdbscripts" / "bootstrap.py"
OLDEST = 12  # gdb.MICommand came with gdb 12
INSTALL_HINT = "Install it: apt install gdb (or dnf install gdb, pacman -S gdb)."
_START_TIMEOUT = 30.0  # seconds


class GdbError(AnalyzerError):
    """gdb answered `^error`, or is gone."""


@dataclass(frozen=True)
class Stopped:
    """The program came to a halt: `reason` as in MI's `*stopped`, "" when gdb gives none."""

    reason: str
    signal: str = ""

    @property
    def ended(self) -> bool:
        """Whether the program is gone."""
        return self.reason.startswith("exited")


@dataclass(frozen=True)
class GdbFacts:
    """What the handshake told."""

    version: str
    python: str


class Gdb:
    """One gdb with one program. Use it as a context manager: leaving ends gdb and the program with it."""

    def __init__(self, gdb: str | None = None) -> None:
        executable = gdb or shutil.which("gdb")
        if executable is None:
            raise AnalyzerError("gdb is not installed.", INSTALL_HINT)
        self._process = _spawn(executable)
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._out, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._rest = b""
        self._tokens = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._stopped: deque[Stopped] = deque()
        self.log: deque[str] = deque(maxlen=200)  # what gdb said to people, for error messages
        self.program_pid = 0
        self.facts = self._shake_hands(executable)

    def __enter__(self) -> Gdb:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def command(self, text: str, timeout: float = 60.0) -> dict[str, Any]:
        """Send one MI command and return the payload of its answer.

        Raises GdbError with gdb's own words on `^error`, when gdb is gone, and after `timeout` seconds.
        """
        token = next(self._tokens)
        self._send(f"{token}{text}\n")
        deadline = time.monotonic() + timeout
        while token not in self._answers:
            left = deadline - time.monotonic()
            if left <= 0:
                raise GdbError(f"gdb did not answer {text.split(maxsplit=1)[0]} within {timeout:.0f} s.")
            self._read(left)
        answer = self._answers.pop(token)
        payload: dict[str, Any] = answer["payload"] or {}
        if answer["message"] == "error":
            raise GdbError(payload.get("msg", "unknown error").strip())
        return payload

    def console(self, text: str, timeout: float = 60.0) -> dict[str, Any]:
        """Run a command of gdb's command line."""
        return self.command(f"-interpreter-exec console {quote(text)}", timeout)

    def wait_stopped(self, timeout: float) -> Stopped | None:
        """The next stop of the program, or None after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self._stopped:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._read(left)
        return self._stopped.popleft()

    def interrupt(self, timeout: float = 10.0) -> Stopped | None:
        """Stop the running program; None when it would not stop."""
        self.command("-exec-interrupt --all")
        return self.wait_stopped(timeout)

    def close(self) -> None:
        """End the program and gdb, whatever state they are in."""
        if self._process.poll() is None:
            try:
                self._send("-gdb-exit\n")
                self._process.wait(timeout=2.0)
            except (GdbError, subprocess.TimeoutExpired):
                self._process.kill()  # the kernel kills the traced program with it (PTRACE_O_EXITKILL)
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _shake_hands(self, executable: str) -> GdbFacts:
        try:
            self.command("-gdb-set mi-async on", _START_TIMEOUT)
            self.console(f"source {BOOTSTRAP}", _START_TIMEOUT)
            hello = self.command("-chain-hello", _START_TIMEOUT)
        except GdbError as error:
            said = "".join(self.log)
            self.close()
            raise _unusable(executable, error.message, said) from None
        if int(hello["schema"]) != SCHEMA:
            self.close()
            raise AnalyzerError(
                f"The gdb scripts speak schema {hello['schema']}, this program {SCHEMA}.",
                "Reinstall it: pip install --force-reinstall qemu-callchain.",
            )
        return GdbFacts(hello["gdb"], hello["python"])

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise GdbError("gdb ended unexpectedly.", self._last_words()) from None

    def _read(self, timeout: float) -> None:
        if not self._selector.select(timeout):
            return
        chunk = os.read(self._out, 1 << 16)
        if not chunk:
            raise GdbError("gdb ended unexpectedly.", self._last_words())
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(gdbmiparser.parse_response(line.decode(errors="replace").rstrip("\r")))

    def _take(self, response: dict[str, Any]) -> None:
        kind, message, payload = response["type"], response["message"], response["payload"]
        if kind == "result" and response.get("token") is not None:
            self._answers[response["token"]] = response
        elif kind == "notify" and message == "stopped":
            self._stopped.append(Stopped(payload.get("reason", ""), payload.get("signal-name", "")))
        elif kind == "notify" and message == "thread-group-started":
            self.program_pid = int(payload["pid"])
        elif kind in ("console", "log", "output") and isinstance(payload, str):
            self.log.append(payload)

    def _last_words(self) -> str:
        return "Its last words: " + " ".join("".join(self.log).split())[-400:] if self.log else ""


def quote(text: str) -> str:
    """`text` as an MI c-string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _spawn(executable: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"}
    environment |= {"LC_ALL": "C", "SHELL": "/bin/sh", "TERM": "dumb"}
    # A session of its own: Ctrl-C reaches us only, and we end gdb in order. Should we be killed instead,
    # the kernel kills gdb (pdeathsig), and with gdb the program it traces.
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", executable, "-nx", "-q", "--interpreter=mi3",
         "-iex", "set auto-load off", "-iex", "set index-cache enabled off"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=environment,
    )  # fmt: skip


def _unusable(executable: str, message: str, said: str) -> AnalyzerError:
    if "Python scripting is not supported" in said + message:
        return AnalyzerError(f"{executable} was built without Python.", INSTALL_HINT)
    if "MICommand" in said:
        return AnalyzerError(
            f"{executable} is too old: gdb {OLDEST} or later is needed.",
            "Install a newer gdb, or put one first in PATH.",
        )
    return AnalyzerError(f"gdb could not be started: {message}", " ".join(said.split())[-400:])
