"""Starts other programs. Together with the other modules of this folder, the only place that imports `subprocess`.

`run` is for the steps of a build: it logs the output, hides the user's environment and leaves no process behind.
`capture` is for a short question to a program. `run_on_terminal` and `run_in_shell` show the output to the user.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from analyzer.files import without_links

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The variables a build inherits; CFLAGS, MAKEFLAGS, PYTHONPATH and the like would change its result.
_INHERITED_VARIABLES = (
    "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"
)  # fmt: skip
_MAX_OUTPUT_LINES = 5000  # lines of output that `run` returns; the log has all of them
_HIGH_PRIORITY = -10  # a nice value, as getpriority(2) has it
_INTERRUPT_TIMEOUT = 5.0  # seconds that ninja or make get to end after SIGINT


@dataclass(frozen=True)
class CommandContext:
    """How the programs of a build run.

    `log`: the file that their output is appended to. `path`: folders, separated by colons, that precede those of
    the system in PATH.
    """

    log: Path
    path: str = ""

    def environment(self) -> dict[str, str]:
        """The complete environment of a program of the build, by name."""
        inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
        path = f"{self.path}:{SYSTEM_PATH}" if self.path else SYSTEM_PATH
        return {**inherited, "PATH": path, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}


NO_LOG = CommandContext(Path(os.devnull))


class CommandError(Exception):
    """A program that `run` started ended with a `status` other than 0.

    `output` is the end of its standard output and error.
    """

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        super().__init__(f"{command[0]} ended with status {status}")
        self.command, self.status, self.output = command, status, output

    @property
    def last_line(self) -> str:
        """The last line of the output that is not empty, for an error message."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else f"no output, exit status {self.status}"


def run(
    command: Sequence[str],
    folder: Path,
    context: CommandContext,
    on_line: Callable[[str], None] | None = None,
    extra_environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program of a build to its end; returns the last 5000 lines of its output.

    Standard output and error are one text, which is also appended to the log. `on_line` is called with every line
    as it is printed; `extra_environment` is added to that of `context`.
    Raises CommandError when the exit status is not 0, OSError when it cannot be started. On any exception, such as
    KeyboardInterrupt, the program and all its children are killed.
    """
    lines: deque[str] = deque(maxlen=_MAX_OUTPUT_LINES)
    context.log.parent.mkdir(parents=True, exist_ok=True)
    with open(context.log, "a", encoding="utf-8", errors="backslashreplace", opener=without_links) as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        with _running_process(command, folder, {**context.environment(), **(extra_environment or {})}) as process:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                lines.append(line)
                if on_line:
                    on_line(line)
        if process.returncode:
            raise CommandError(command, process.returncode, "".join(lines))
    return "".join(lines)


class CommandTimeoutError(Exception):
    """`command` did not end within `timeout` seconds; it is killed."""

    def __init__(self, command: Sequence[str], timeout: float) -> None:
        super().__init__(f"{command[0]} did not end within {timeout:.0f} s")
        self.command, self.timeout = command, timeout


@dataclass(frozen=True)
class CommandOutput:
    """The exit status of a program (negative: the signal that ended it) and all that it printed."""

    status: int
    stdout: str
    stderr: str

    @property
    def succeeded(self) -> bool:
        """Whether the exit status is 0."""
        return self.status == 0


def capture(
    command: Sequence[str],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> CommandOutput:
    """Run a program to its end and return its exit status and output, whatever the status is.

    It runs in `folder` (default: the current one) with `environment` (default: the user's) for at most `timeout`
    seconds. Bytes that are not UTF-8 are kept as surrogates, as in file names.
    Raises OSError when the program cannot be started, CommandTimeoutError when it takes too long.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, check=False, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise CommandTimeoutError(command, timeout) from None
    return CommandOutput(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))


def run_on_terminal(command: Sequence[str]) -> int:
    """Run a program that may ask the user on the terminal; return its exit status.

    Its standard output goes to our standard error. OSError when it cannot be started.
    """
    return subprocess.run(command, check=False, stdout=sys.stderr).returncode


def run_in_shell(command: str) -> int:
    """Run a command line of the user in `/bin/sh`; return the shell's exit status.

    Its standard output goes to our standard error. Status 126 or 127: the shell cannot start the command.
    """
    return subprocess.run(command, shell=True, check=False, stdout=sys.stderr).returncode


@contextmanager
def high_priority() -> Iterator[None]:
    """Run the block with a high priority, where this process may have one; programs started before keep theirs."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _HIGH_PRIORITY)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def _running_process(
    command: Sequence[str], folder: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Start a process in a new session and wait for it at the end of the block.

    When the block raises, the process and its children are killed.
    """
    setpriv = shutil.which("setpriv", path=SYSTEM_PATH)  # the kernel ends it when this process is killed
    process = subprocess.Popen(
        [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            yield process
        except BaseException:
            _kill_session(process)
            raise


def _kill_session(process: subprocess.Popen[str]) -> None:
    """Send SIGINT, so that ninja and make delete half-written files; then SIGKILL to the rest of the session.

    ninja creates a process group for each job, so a process group does not contain all of them.
    """
    try:
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGINT)
            process.wait(_INTERRUPT_TIMEOUT)
    finally:  # also after a second Ctrl-C
        for pid in _session_processes(process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _session_processes(session: int) -> list[int]:
    """Ids of the processes in a session; the session is field 6 of /proc/PID/stat (proc(5))."""
    found = []
    # Not by a glob of */stat: that looks at each file, and fails when a process ends meanwhile.
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if int((folder / "stat").read_text(errors="replace").rpartition(") ")[2].split()[3]) == session:
                found.append(int(folder.name))
    return found
