"""Where tracefs is. Mounted nowhere, it is mounted for this process alone: no path leads there.

The kernel's mount calls of 2019 (Linux 5.2) give a mount as a descriptor that is never attached to a folder.
Nobody else sees it, and the kernel takes it away with the descriptor, also when this process is killed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from analyzer.errors import AnalyzerError

MOUNT_HINT = "sudo mount -t tracefs tracefs /sys/kernel/tracing, and run this as root."
ROOT_HINT = "Run this as root (sudo)."
CONTAINER_HINT = "In a container add --privileged, and --pid=host."
# The C library may not know these system calls. Their numbers are the same wherever there is KVM.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOSE_ON_EXEC = 1
_CREATE = 6  # FSCONFIG_CMD_CREATE
_OCTAL = re.compile(r"\\([0-7]{3})")  # how /proc/mounts writes spaces


@dataclass(frozen=True)
class TraceFs:
    """The top folder of tracefs. `mount` is the descriptor of a mount of our own, -1 when it was there before."""

    folder: Path
    mount: int = -1

    def close(self) -> None:
        """Give the mount back, if it is ours."""
        if self.mount >= 0:
            os.close(self.mount)


def find_tracefs() -> TraceFs:
    """A tracefs that this process may add instances to. AnalyzerError says what would allow it."""
    for folder in _mount_points():
        if os.access(folder / "instances", os.W_OK | os.X_OK):
            return TraceFs(folder)
    if os.geteuid() != 0:
        raise AnalyzerError("Events of the kernel can only be recorded by root.", ROOT_HINT)
    mount = _mount_privately()
    return TraceFs(Path(f"/proc/self/fd/{mount}"), mount)


def _mount_points() -> list[Path]:
    """Where tracefs is mounted. Not asked for by path: looking into debugfs would mount it there for good."""
    text = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    entries = [line.split(" ") for line in text.splitlines()]
    return [Path(_unescape(entry[1])) for entry in entries if len(entry) > 2 and entry[2] == "tracefs"]


def _unescape(escaped: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), escaped)


def _mount_privately() -> int:
    """Descriptor of a new mount of tracefs."""
    try:
        context = _system_call(_FSOPEN, ctypes.c_char_p(b"tracefs"), ctypes.c_long(_CLOSE_ON_EXEC))
        try:
            nothing = ctypes.c_void_p(None)
            _system_call(
                _FSCONFIG, ctypes.c_long(context), ctypes.c_long(_CREATE), nothing, nothing, ctypes.c_long(0)
            )
            return _system_call(_FSMOUNT, ctypes.c_long(context), ctypes.c_long(_CLOSE_ON_EXEC), ctypes.c_long(0))
        finally:
            os.close(context)
    except OSError as error:
        raise _mount_error(error) from None


def _system_call(number: int, *arguments: object) -> int:
    """The result of a system call; OSError when it fails."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    result = int(library.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _mount_error(error: OSError) -> AnalyzerError:
    if error.errno == errno.ENODEV:
        return AnalyzerError("This kernel has no tracefs.", "It takes one built with CONFIG_EVENT_TRACING.")
    if error.errno == errno.ENOSYS:
        return AnalyzerError("tracefs is not mounted, and this kernel is too old to do it in private.", MOUNT_HINT)
    if error.errno in (errno.EPERM, errno.EACCES):
        return AnalyzerError("tracefs is not mounted, and this root may not mount it.", CONTAINER_HINT)
    return AnalyzerError(f"tracefs cannot be mounted: {error.strerror}.", MOUNT_HINT)


PREFIX = "qemu-callchain-"  # of our instances; the process id follows
# Ten times what recording the start of a small guest takes. A recording may last, and a machine may have many
# processors: the sum is bounded too.
_BUFFER_KB = 8 << 10  # for each processor
_ALL_BUFFERS_KB = 256 << 10
_REQUIRED_EVENTS = {
    "events/kvm": ("The kernel has no events of KVM.", "Load its module: modprobe kvm."),
    "events/syscalls/sys_enter_ioctl": (
        "The kernel has no events of system calls.",
        "It takes one built with CONFIG_FTRACE_SYSCALLS.",
    ),
}
_EVENTS = ("kvm", "syscalls/sys_enter_ioctl", "syscalls/sys_exit_ioctl")
# Most requests of KVM have no event of their own, but hardly one goes without memory, and what happens inside
# carries the stack: `kfree`, if only of NULL, ends each request to a vcpu, `kmalloc` is in nearly all others, and
# `kmem_cache_alloc` is where descriptors and vcpus come from. The `_node` events are gone since Linux 6.2.
_KMEM_EVENTS = (
    *("kmem/kfree", "kmem/kmalloc", "kmem/kmalloc_node"),
    *("kmem/kmem_cache_alloc", "kmem/kmem_cache_alloc_node"),
)
# When a buffer is full its beginning stays: how a guest starts is what is asked for (`overwrite`). Closing
# `free_buffer` ends the tracing and frees the memory: the kernel does so for a killed process.
_OPTIONS_ON = ("stacktrace", "event-fork", "disable_on_free", "context-info")
# A new instance takes over what the top level says of the output's form.
_OPTIONS_OFF = (
    "overwrite", "bin", "hex", "raw", "verbose", "fields", "latency-format", "sym-addr", "userstacktrace"
)  # fmt: skip
_LOST_COUNT = re.compile(r"^(?:overrun|commit overrun|dropped events): (\d+)$", re.MULTILINE)
_BUSY_SECONDS = 2.0  # a reader that was just closed still counts for a moment
# The kernel's own constant (PROC_PID_INIT_INO). In another namespace our process ids mean other processes.
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"


class TracefsInstance:
    """Kernel events of one process and of what it starts. Leaving the context removes all of it from the kernel.

    In this order: `follow` before the program runs on, `stop`, `lost` and `read`.
    """

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self._folder = folder
        self._cleanup = cleanup

    @classmethod
    def open(cls) -> TracefsInstance:
        """A new instance that does not trace yet. AnalyzerError, with what would allow it, if the host does not.

        Takes about 40 ms, asleep in the kernel: two thirds for the clock, a quarter for the buffers. Whatever
        else has to start can start meanwhile.
        """
        if str(Path("/proc/self/ns/pid").readlink()) != _INITIAL_PID_NAMESPACE:
            raise AnalyzerError("The kernel knows the processes of this container by other ids.", CONTAINER_HINT)
        with ExitStack() as cleanup:
            tracefs = find_tracefs()
            cleanup.callback(tracefs.close)
            try:
                folder = _make_instance(tracefs, cleanup)
                _configure(folder)
            except OSError as error:
                raise _access_error(error) from None
            return cls(folder, cleanup.pop_all())

    def __enter__(self) -> TracefsInstance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def follow(self, pid: int) -> None:
        """Trace the threads that process `pid` has and those they will make. AnalyzerError when it is gone."""
        try:
            threads = [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
        except FileNotFoundError:
            raise AnalyzerError(f"There is no process {pid} to follow.") from None
        _write(self._folder / "set_event_pid", " ".join(threads))
        _write(self._folder / "tracing_on", "1")

    def stop(self) -> None:
        """Record nothing more."""
        _write(self._folder / "tracing_on", "0")

    def read(self) -> Iterator[str]:
        """What was recorded, line by line with their line ends, in the order of time."""
        # One character a byte, whatever tasks are called: their column is known by its width.
        lines = (self._folder / "trace").open(encoding="ascii", errors="replace", newline="\n")
        self._cleanup.callback(lines.close)  # an instance with an open file cannot be removed
        with lines:
            yield from lines

    @property
    def lost(self) -> int:
        """How many events and stacks the buffers had no room for."""
        files = (self._folder / "per_cpu").glob("cpu*/stats")
        return sum(int(count) for file in files for count in _LOST_COUNT.findall(file.read_text(encoding="ascii")))

    def close(self) -> None:
        """Remove the instance; nothing happens the second time. Takes about 0.13 s, asleep in the kernel."""
        self._cleanup.close()


def _make_instance(tracefs: TraceFs, cleanup: ExitStack) -> Path:
    """A new instance, to be removed with `cleanup`; those that killed processes left are removed now."""
    for name, (message, hint) in _REQUIRED_EVENTS.items():
        if not (tracefs.folder / name).exists():
            raise AnalyzerError(message, hint)
    _remove_leftovers(tracefs.folder / "instances")
    folder = tracefs.folder / "instances" / f"{PREFIX}{os.getpid()}"
    if folder.exists():
        raise AnalyzerError("This process records the kernel's events already.")
    cleanup.callback(_remove, folder)
    folder.mkdir()
    cleanup.callback(os.close, os.open(folder / "free_buffer", os.O_WRONLY | os.O_CLOEXEC))
    return folder


def _configure(folder: Path) -> None:
    _write(folder / "tracing_on", "0")
    _write(folder / "trace_clock", "mono")  # CLOCK_MONOTONIC, as time.monotonic()
    _write(folder / "buffer_size_kb", str(min(_BUFFER_KB, _ALL_BUFFERS_KB // (os.cpu_count() or 1))))
    for name in _OPTIONS_ON:
        _write(folder / "options" / name, "1")
    for name in _OPTIONS_OFF:
        _write_if_there(folder / "options" / name, "0")
    for name in _EVENTS:
        _write(folder / "events" / name / "enable", "1")
    for name in _KMEM_EVENTS:
        _write_if_there(folder / "events" / name / "enable", "1")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="ascii")


def _write_if_there(file: Path, text: str) -> None:
    with suppress(FileNotFoundError):
        _write(file, text)


def _remove_leftovers(instances: Path) -> None:
    """Remove instances of ours that nobody uses: of processes that are gone, and of one that had our id."""
    for folder in instances.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX)
        if pid == str(os.getpid()) or (pid.isdecimal() and not Path("/proc", pid).exists()):
            with suppress(OSError):  # in use after all: the kernel refuses
                folder.rmdir()


def _remove(folder: Path) -> None:
    """Remove an instance. One that stays in use is left to the next `open`; its buffers are gone already."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while folder.exists():
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                return
            time.sleep(0.01)


def _access_error(error: OSError) -> AnalyzerError:
    if error.errno == errno.EROFS:
        return AnalyzerError("tracefs is mounted read-only.", "Mount it anew: " + MOUNT_HINT)
    if error.errno in (errno.EPERM, errno.EACCES):
        return AnalyzerError(
            "The kernel does not let this process record its events.",
            f"See /sys/kernel/security/lockdown. {CONTAINER_HINT}",
        )
    return AnalyzerError(f"The kernel's events cannot be recorded: {error.strerror}: {error.filename}.")
