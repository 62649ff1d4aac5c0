"""Runs a program of a build: output into the log, nothing left running, no environment of the user's shell."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a build may know of its surroundings; CFLAGS, MAKEFLAGS, PYTHONPATH and the like would change the result.
_PASSED_ON = ("HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Workshop:
    """Where programs run and what they find: `path` comes before the system's folders."""

    log: Path
    path: str = ""

    def environment(self) -> dict[str, str]:
        """The whole environment of a program of the build."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        path = f"{self.path}:{SYSTEM_PATH}" if self.path else SYSTEM_PATH
        return {**passed, "PATH": path, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}


class CommandError(Exception):
    """`command` ended with `status`; `output` is what it said."""

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        super().__init__(f"{command[0]} ended with status {status}")
        self.command, self.status, self.output = command, status, output


def run(
    command: Sequence[str],
    folder: Path,
    shop: Workshop,
    each_line: Callable[[str], None] | None = None,
    more: Mapping[str, str] | None = None,
) -> str:
    """Run to the end; returns what it printed, both streams as one. CommandError when its status is not 0.

    `each_line` sees every line as it comes. The process group is ended when we are interrupted.
    """
    lines: list[str] = []
    shop.log.parent.mkdir(parents=True, exist_ok=True)
    with shop.log.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        with _process(command, folder, {**shop.environment(), **(more or {})}) as process:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                lines.append(line)
                if each_line:
                    each_line(line)
        if process.returncode:
            raise CommandError(command, process.returncode, "".join(lines))
    return "".join(lines)


@contextmanager
def _process(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own, which has ended when the block ends, its children too."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            yield process
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[str]) -> None:
    """First politely, so that ninja and make remove what is half written."""
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
            process.wait(5.0)
            break
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
