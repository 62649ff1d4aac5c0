"""Records kernel events through an instance of tracefs; mounts tracefs privately where it is not mounted.

fsopen, fsconfig and fsmount (Linux 5.2) return a mount as a file descriptor that is attached to no folder: no
other process sees it, and the kernel unmounts it when the descriptor is closed or this process ends.
The files of tracefs are those of Documentation/trace/ftrace.rst.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from analyzer.errors import AnalyzerError

MOUNT_HINT = "sudo mount -t tracefs tracefs /sys/kernel/tracing, and run this as root."
ROOT_HINT = "Run this as root (sudo)."
CONTAINER_HINT = "In a container add --privileged, and --pid=host."
# Older C libraries have no functions for these system calls; the numbers are those of all architectures with KVM.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOSE_ON_EXEC = 1
_CREATE = 6  # FSCONFIG_CMD_CREATE
_OCTAL = re.compile(r"\\([0-7]{3})")  # how /proc/mounts writes spaces


@dataclass(frozen=True)
class TraceFs:
    """The top folder of tracefs. `mount` is the descriptor of a private mount, -1 when it was mounted before."""

    folder: Path
    mount: int = -1

    def close(self) -> None:
        """Unmount a private mount; otherwise do nothing."""
        if self.mount >= 0:
            os.close(self.mount)


def find_tracefs() -> TraceFs:
    """A tracefs in which this process can create instances. AnalyzerError, with the remedy, when there is none."""
    for folder in _mount_points():
        if os.access(folder / "instances", os.W_OK | os.X_OK):
            return TraceFs(folder)
    if os.geteuid() != 0:
        raise AnalyzerError("Only root can record kernel events.", ROOT_HINT)
    mount = _mount_privately()
    return TraceFs(Path(f"/proc/self/fd/{mount}"), mount)


def _mount_points() -> list[Path]:
    """The mount points of tracefs, from /proc/self/mounts. Opening debugfs/tracing would mount it there."""
    text = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    entries = [line.split(" ") for line in text.splitlines()]
    return [Path(_unescape(entry[1])) for entry in entries if len(entry) > 2 and entry[2] == "tracefs"]


def _unescape(escaped: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), escaped)


def _mount_privately() -> int:
    """Mount tracefs without a mount point; returns the file descriptor. AnalyzerError when the kernel refuses."""
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
    """Call the system call `number`; returns its result. OSError when it fails."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    result = int(library.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _mount_error(error: OSError) -> AnalyzerError:
    if error.errno == errno.ENODEV:
        return AnalyzerError("This kernel has no tracefs.", "Use a kernel built with CONFIG_EVENT_TRACING.")
    if error.errno == errno.ENOSYS:
        return AnalyzerError(
            "tracefs is not mounted, and this kernel is too old to mount it privately (before 5.2).", MOUNT_HINT
        )
    if error.errno in (errno.EPERM, errno.EACCES):
        return AnalyzerError(
            "tracefs is not mounted, and this user has no permission to mount it.", CONTAINER_HINT
        )
    return AnalyzerError(f"tracefs cannot be mounted: {error.strerror}.", MOUNT_HINT)


PREFIX = "qemu-callchain-"  # of the names of our instances; the process id follows
# Ten times what the start of a small guest needs. The sum is limited too, for hosts with many processors.
_BUFFER_KB = 8 << 10  # for each processor
_ALL_BUFFERS_KB = 256 << 10
_REQUIRED_EVENTS = {
    "events/kvm": ("The kernel has no KVM events.", "Load the module: modprobe kvm."),
    "events/syscalls/sys_enter_ioctl": (
        "The kernel has no system call events.",
        "Use a kernel built with CONFIG_FTRACE_SYSCALLS.",
    ),
}
_EVENTS = ("kvm", "syscalls/sys_enter_ioctl", "syscalls/sys_exit_ioctl")
# Most KVM ioctls have no event of their own, but nearly all of them allocate or free memory, and those events have
# the kernel stack: every vcpu ioctl ends with a kfree, nearly all others call kmalloc, and file descriptors and
# vcpus come from kmem_cache_alloc. Linux 6.2 removed the `_node` events.
_KMEM_EVENTS = (
    *("kmem/kfree", "kmem/kmalloc", "kmem/kmalloc_node"),
    *("kmem/kmem_cache_alloc", "kmem/kmem_cache_alloc_node"),
)
# gdb's breakpoints make up half of all events: each trap is a signal that the kernel allocates, outside of every
# ioctl. Kernels before 6.0 have no field `name`, and keep these events.
_KMEM_FILTER = 'name != "sigqueue"'
# A full buffer keeps its beginning (`overwrite` off), since the start of the guest is of interest. Closing
# `free_buffer` stops tracing and frees the memory (disable_on_free); the kernel does so for a killed process.
_OPTIONS_ON = ("stacktrace", "event-fork", "disable_on_free", "context-info")
# A new instance inherits these output options from the top level.
_OPTIONS_OFF = (
    "overwrite", "bin", "hex", "raw", "verbose", "fields", "latency-format", "sym-addr", "userstacktrace"
)  # fmt: skip
_LOST_COUNT = re.compile(r"^(?:overrun|commit overrun|dropped events): (\d+)$", re.MULTILINE)
_OPENING_SECONDS = 0.05
_BUSY_SECONDS = 2.0  # the kernel counts a closed reader for a moment
# PROC_PID_INIT_INO of the kernel. In another PID namespace our process ids differ from those of the events.
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"


class TracefsInstance:
    """A tracefs instance that records kernel events of one process and its children.

    Use: `open`, `follow` before the program runs on, `stop`, then `lost` and `read`. Leaving the context manager
    removes the instance from the kernel.
    """

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self._folder = folder
        self._cleanup = cleanup

    @classmethod
    def open(cls) -> TracefsInstance:
        """Create an instance that does not trace yet. AnalyzerError, with the remedy, when the host refuses.

        Takes about 40 ms, nearly all of it asleep in the kernel: two thirds for the clock, a quarter for the
        buffers.
        """
        if str(Path("/proc/self/ns/pid").readlink()) != _INITIAL_PID_NAMESPACE:
            raise AnalyzerError(
                "This process is in a PID namespace: kernel events have other process ids.", CONTAINER_HINT
            )
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
        """Trace all threads of process `pid` and those they create. AnalyzerError for an unknown process."""
        try:
            threads = [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
        except FileNotFoundError:
            raise AnalyzerError(f"There is no process {pid} to follow.") from None
        _write(self._folder / "set_event_pid", " ".join(threads))
        _write(self._folder / "tracing_on", "1")

    def stop(self) -> None:
        """Stop tracing; what is recorded stays readable."""
        _write(self._folder / "tracing_on", "0")

    def read(self) -> Iterator[str]:
        """The lines of the file `trace`, with line ends, ordered by time."""
        trace = self.open_trace()
        lines = trace_lines(trace)
        self._cleanup.callback(lines.close)  # an instance with an open file cannot be removed
        yield from lines

    def open_trace(self) -> int:
        """A new descriptor of the file `trace`."""
        return os.open(self._folder / "trace", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def lost(self) -> int:
        """The number of events and stacks that were lost because the buffers were full."""
        files = (self._folder / "per_cpu").glob("cpu*/stats")
        return sum(int(count) for file in files for count in _LOST_COUNT.findall(file.read_text(encoding="ascii")))

    def close(self) -> None:
        """Remove the instance; a second call does nothing. Takes about 0.13 s, asleep in the kernel."""
        self._cleanup.close()


def trace_lines(trace: int) -> Generator[str, None, None]:
    """The lines of the descriptor of a file `trace`, with line ends; closes it."""
    # One character per byte: the column of the task name has a fixed width in bytes.
    with open(trace, encoding="ascii", errors="replace", newline="\n") as lines:
        yield from lines


def _make_instance(tracefs: TraceFs, cleanup: ExitStack) -> Path:
    """Create an instance, which `cleanup` removes. Instances of killed processes are removed first.

    One process at a time does both: an instance belongs to the process that has its `free_buffer` open, and is
    without one for a moment after it is created.
    """
    for name, (message, hint) in _REQUIRED_EVENTS.items():
        if not (tracefs.folder / name).exists():
            raise AnalyzerError(message, hint)
    instances = tracefs.folder / "instances"
    lock = os.open(instances, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_leftovers(instances)
        folder = instances / f"{PREFIX}{os.getpid()}"
        if folder.exists():
            raise AnalyzerError("This process already records kernel events.")
        cleanup.callback(_remove, folder)
        folder.mkdir()
        cleanup.callback(os.close, os.open(folder / "free_buffer", os.O_WRONLY | os.O_CLOEXEC))
    finally:
        os.close(lock)
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
        if name.startswith("kmem/kmem_cache_alloc"):
            with suppress(OSError):
                _write(folder / "events" / name / "filter", _KMEM_FILTER)
        _write_if_there(folder / "events" / name / "enable", "1")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="ascii")


def _write_if_there(file: Path, text: str) -> None:
    with suppress(FileNotFoundError):
        _write(file, text)


def _remove_leftovers(instances: Path) -> None:
    """Remove instances of this program whose process has ended, also where another process has its id now."""
    for folder in instances.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX)
        if not pid.isdecimal() or _is_owner(pid, folder.name):
            continue
        if Path("/proc", pid).exists():  # a version that takes no lock may be about to open the file
            time.sleep(_OPENING_SECONDS)
        if not _is_owner(pid, folder.name):
            with suppress(OSError):  # in use after all: the kernel refuses
                folder.rmdir()


def _is_owner(pid: str, instance: str) -> bool:
    """Whether the process `pid` has the `free_buffer` of the instance open, or does not let us see its files."""
    try:
        files = list(Path("/proc", pid, "fd").iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True
    for file in files:
        with suppress(OSError):  # closed just now
            if os.readlink(file).endswith(f"/{instance}/free_buffer"):  # noqa: PTH115 - no Path for each
                return True
    return False


def _remove(folder: Path) -> None:
    """Remove an instance. One that stays in use is left to the next `open`; its buffers are already freed."""
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
        return AnalyzerError("tracefs is mounted read-only.", "Mount it again: " + MOUNT_HINT)
    if error.errno in (errno.EPERM, errno.EACCES):
        return AnalyzerError(
            "This process has no permission to record kernel events.",
            f"See /sys/kernel/security/lockdown. {CONTAINER_HINT}",
        )
    return AnalyzerError(f"Kernel events cannot be recorded: {error.strerror}: {error.filename}.")
