"""Runs a program and measures it together with all processes that it starts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Measurement

_INTERVAL = 0.02  # seconds between two looks at the memory of the processes
_MEMORY = re.compile(r"^Vm(RSS|HWM):\s+(\d+) kB$", re.MULTILINE)  # proc(5)
_LAST_CHARACTERS = 1500  # of the output, in the message of an error


class RunError(Exception):
    """A program that was to be measured failed, or took more than its limits; the message says which."""


@dataclass(frozen=True)
class Limits:
    """What a program may take before it is killed."""

    seconds: float = 900.0
    memory: int = 8 << 30  # bytes, of all processes


def run_measured(
    command: Sequence[str],
    output: Path,
    *,
    statuses: Collection[int] = (0,),
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
) -> Measurement:
    """Run `command` to its end; its standard output and error go to the file `output`.

    The time is that of the clock, the processor time that of the program and of the children that it waited for;
    the memory is the most that all processes have at one of the moments at which they are looked at, every 20 ms.
    `environment` is added to that of the benchmark.
    Raises RunError when the exit status is not one of `statuses`, or when a limit is exceeded: then all processes
    are killed, as on any exception.
    """
    with output.open("w", encoding="utf-8") as file:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        watch = MemoryWatch(process.pid, limits or Limits(), started)
        watch.start()
        try:
            _, wait_status, usage = os.wait4(process.pid, 0)
        except BaseException:
            kill_tree(process.pid)
            process.wait()
            raise
        finally:
            watch.stop()
        seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(wait_status)  # so that Popen does not wait for it again
    if watch.exceeded:
        raise RunError(f"ended after {watch.exceeded}")
    if process.returncode not in statuses:
        text = output.read_text(encoding="utf-8", errors="replace")[-_LAST_CHARACTERS:].strip()
        raise RunError(f"{Path(command[0]).name} ended with status {process.returncode}: {text}")
    return Measurement(seconds, usage.ru_utime + usage.ru_stime, watch.peak)


class MemoryWatch(threading.Thread):
    """Samples the memory of a process and its descendants, and kills them when they exceed the limits."""

    def __init__(self, pid: int, limits: Limits, started: float) -> None:
        super().__init__(daemon=True)
        self._pid, self._limits, self._beginning = pid, limits, started
        self._ended = threading.Event()
        self.peak = 0  # bytes
        self.exceeded = ""  # the limit, as text

    def run(self) -> None:
        while not self._ended.wait(_INTERVAL):
            sizes = [_sizes(pid) for pid in process_tree(self._pid)]
            used = sum(resident for resident, _ in sizes)
            # the highest of one process misses no moment between two looks
            self.peak = max(self.peak, used, *(highest for _, highest in sizes))
            if used > self._limits.memory:
                self.exceeded = f"using {self._limits.memory >> 20} MiB of memory"
            elif time.monotonic() - self._beginning > self._limits.seconds:
                self.exceeded = f"{self._limits.seconds:.0f} s"
            if self.exceeded:
                kill_tree(self._pid)
                return

    def stop(self) -> None:
        """End the thread: the process has ended."""
        self._ended.set()
        self.join()


def process_tree(pid: int) -> Iterator[int]:
    """The process `pid`, its children, their children, and so on, as far as they still exist."""
    yield pid
    for task in _entries(f"/proc/{pid}/task"):
        for child in _read(f"/proc/{pid}/task/{task}/children").split():
            yield from process_tree(int(child))


def kill_tree(pid: int) -> None:
    """Kill the process `pid`, a child of this one, and all its descendants."""
    for each in list(process_tree(pid)):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _sizes(pid: int) -> tuple[int, int]:
    """The bytes of memory that a process has now, and had at most; 0 when it has ended.

    Not ru_maxrss of wait4: that starts with the memory of this process, which the child has until it calls exec.
    """
    sizes = {name: int(size) << 10 for name, size in _MEMORY.findall(_read(f"/proc/{pid}/status"))}
    return sizes.get("RSS", 0), sizes.get("HWM", 0)


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # the process has ended
        return []


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
