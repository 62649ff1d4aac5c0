"""Limits what code under test may do with one input: time, memory, files, processes, connections.

`guarded` raises Violation, which no handler of the analyzer catches, from inside the code that breaks a limit.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SECONDS, SECONDS_PER_BYTE = 5.0, 1e-4  # of this process's cpu time: another load of the machine does not count
MEMORY, MEMORY_PER_BYTE = 512 << 20, 4096  # bytes of address space beyond that of the process before
ROOT = Path(__file__).parents[2]
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROCESSES = {
    "subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn",
    "os.startfile", "webbrowser.open",
}  # fmt: skip
# Events that change a file, and how many of their first arguments are paths.
_CHANGES = {
    "os.rename": 2, "os.link": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1, "os.chmod": 1, "os.chown": 1,
    "os.truncate": 1, "os.utime": 1, "os.setxattr": 1, "os.removexattr": 1, "os.chroot": 1,
}  # fmt: skip
_OWN_PROGRAMS = {("dot", "-Tsvg")}  # read what is to be drawn from their standard input
_CODE = {"pickle.find_class", "ctypes.dlopen"}
_CONNECTIONS = {"socket.connect", "socket.bind", "socket.sendto"}
_LOOPBACK = ("127.0.0.1", "::1")


class Violation(BaseException):
    """The code under test did what it may not; the message says what."""


@dataclass
class _Watch:
    """What the code under test may do now. `reads`: files outside of `folder` may be read."""

    folder: str = ""
    reads: bool = False
    found: list[str] = field(default_factory=list)


_watch: list[_Watch] = []  # the innermost is the last


@contextmanager
def guarded(size: int, folder: Path, reads: bool = False, factor: float = 1.0) -> Iterator[None]:
    """Run the block on an input of `size` bytes; files are written below `folder` only.

    `reads`: files elsewhere may be read, because the input names them. `factor` multiplies the limit of time.
    Raises Violation for what is not allowed, also when the block has caught that.
    """
    _install()
    watch = _Watch(os.path.realpath(folder), reads)
    with _limited_time((SECONDS + size * SECONDS_PER_BYTE) * factor), _limited_memory(size):
        _watch.append(watch)
        try:
            yield
        finally:
            _watch.pop()
    if watch.found:
        raise Violation(watch.found[0])


@cache
def _install() -> None:
    """Add the audit hook, which cannot be removed again."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watch:
        return
    check = _CHECKS.get(event)
    problem = check(_watch[-1], event, arguments) if check is not None else ""
    if problem:
        _watch[-1].found.append(problem)
        raise Violation(problem)


def _forbidden(_watch: _Watch, event: str, arguments: tuple[Any, ...]) -> str:
    return f"{event}{arguments!r:.300}"


def _started(_watch: _Watch, event: str, arguments: tuple[Any, ...]) -> str:
    return "" if tuple(map(str, arguments[1])) in _OWN_PROGRAMS else _forbidden(_watch, event, arguments)


def _opened(watch: _Watch, event: str, arguments: tuple[Any, ...]) -> str:
    path, mode, flags = arguments
    if isinstance(path, int):
        return ""
    writes = bool(flags & _WRITES) if mode is None else any(letter in mode for letter in "wax+")
    if writes:
        return "" if _is_inside(watch, path) or os.fsdecode(path) == os.devnull else f"writes {path!r}"
    return "" if watch.reads or _is_inside(watch, path) or _is_own(path) else f"reads {path!r}"


def _changed(watch: _Watch, event: str, arguments: tuple[Any, ...]) -> str:
    paths = [path for path in arguments[: _CHANGES[event]] if not isinstance(path, int)]
    outside = [path for path in paths if not _is_inside(watch, path)]
    return f"{event}: {outside[0]!r}" if outside else ""


def _linked(watch: _Watch, event: str, arguments: tuple[Any, ...]) -> str:
    return "" if _is_inside(watch, arguments[1]) else f"links {arguments[1]!r}"


def _connected(_watch: _Watch, event: str, arguments: tuple[Any, ...]) -> str:
    address = arguments[1]
    return "" if isinstance(address, tuple) and address[0] in _LOOPBACK else f"{event}: {address!r}"


def _is_inside(watch: _Watch, path: Any) -> bool:
    """Whether the file that `path` names, by its folder's real path, is below the folder of the input."""
    folder, name = os.path.split(os.fsdecode(path))
    real = os.path.join(os.path.realpath(folder), name)
    return real == watch.folder or real.startswith(watch.folder + os.sep)


@cache
def _own_folders() -> tuple[str, ...]:
    """Where this program, Python and its packages are, and what Python asks the system for."""
    paths = [*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, str(ROOT), *sys.path]
    real = {os.path.realpath(path) for path in paths if path}
    return (*(path + os.sep for path in sorted(real)), "/proc/self/", "/usr/share/zoneinfo/", "/etc/ssl/")


def _is_own(path: Any) -> bool:
    text = os.path.realpath(os.fsdecode(path))
    return (
        text == os.devnull
        or (text + os.sep).startswith(_own_folders())
        or text.startswith(f"/proc/{os.getpid()}/")
    )


_Check = Callable[[_Watch, str, tuple[Any, ...]], str]
_CHECKS: dict[str, _Check] = {
    **dict.fromkeys(_PROCESSES | _CODE, _forbidden),
    **dict.fromkeys(_CHANGES, _changed),
    **dict.fromkeys(_CONNECTIONS, _connected),
    "subprocess.Popen": _started,
    "open": _opened,
    "os.symlink": _linked,
}


@contextmanager
def _limited_time(seconds: float) -> Iterator[None]:
    def expired(_number: int, _frame: Any) -> None:
        raise Violation(f"needs more than {seconds:.1f} s of cpu time")

    before = signal.signal(signal.SIGPROF, expired)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)  # again, in case a handler has caught it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _limited_memory(size: int) -> Iterator[None]:
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = used + MEMORY + size * MEMORY_PER_BYTE
    if soft != resource.RLIM_INFINITY:
        most = min(most, soft)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    except MemoryError:
        raise Violation("needs more memory than an input of this size may") from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
