"""Where tracefs is. Mounted nowhere, it is mounted for this process alone: no path leads there.

The kernel's mount calls of 2019 (Linux 5.2) give a mount as a descriptor that is never attached to a folder.
Nobody else sees it, and the kernel takes it away with the descriptor, also when this process is killed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

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
    for folder in _mounted():
        if os.access(folder / "instances", os.W_OK | os.X_OK):
            return TraceFs(folder)
    if os.geteuid() != 0:
        raise AnalyzerError("Events of the kernel can only be recorded by root.", ROOT_HINT)
    mount = _mount_for_us_alone()
    return TraceFs(Path(f"/proc/self/fd/{mount}"), mount)


def _mounted() -> list[Path]:
    """Where tracefs is mounted. Not asked for by path: looking into debugfs would mount it there for good."""
    text = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    entries = [line.split(" ") for line in text.splitlines()]
    return [Path(_plain(entry[1])) for entry in entries if len(entry) > 2 and entry[2] == "tracefs"]


def _plain(escaped: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), escaped)


def _mount_for_us_alone() -> int:
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
        raise _explained(error) from None


def _system_call(number: int, *arguments: object) -> int:
    """The result of a system call; OSError when it fails."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    result = int(library.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _explained(error: OSError) -> AnalyzerError:
    if error.errno == errno.ENODEV:
        return AnalyzerError("This kernel has no tracefs.", "It takes one built with CONFIG_EVENT_TRACING.")
    if error.errno == errno.ENOSYS:
        return AnalyzerError("tracefs is not mounted, and this kernel is too old to do it in private.", MOUNT_HINT)
    if error.errno in (errno.EPERM, errno.EACCES):
        return AnalyzerError("tracefs is not mounted, and this root may not mount it.", CONTAINER_HINT)
    return AnalyzerError(f"tracefs cannot be mounted: {error.strerror}.", MOUNT_HINT)
