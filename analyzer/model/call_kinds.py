"""How a caller comes to a callee."""

from __future__ import annotations

from enum import Enum


class CallKind(str, Enum):
    """How a caller comes to a callee."""

    DIRECT = "direct"
    INDIRECT = "indirect"
    CALL = "call"  # called; whether directly or through a pointer is not known
    TAIL = "tail"
    INLINE = "inline"
    THREAD_START = "thread-start"
    SIGNAL = "signal"
    SYSCALL = "syscall"  # from an ioctl to the kernel's function that serves it
    KERNEL = "kernel"  # between functions of the kernel, as seen on its stack
    DOCUMENTED = "documented"  # to a function of the kernel that its sources name, and nobody saw
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value
