"""The kinds of calls, the edges of every chain and graph."""

from __future__ import annotations

from enum import Enum


class CallKind(str, Enum):
    """How the control flow gets from a caller to a callee. The values are those in recordings and graphs."""

    DIRECT = "direct"  # the call instruction has the callee's address
    INDIRECT = "indirect"  # the call instruction goes through a function pointer
    CALL = "call"  # direct or indirect: a backtrace alone does not tell which
    TAIL = "tail"  # a jump in place of a call and a return; the caller leaves no frame of its own
    INLINE = "inline"  # the compiler put the callee's code into the caller
    THREAD_START = "thread-start"  # pthread_create with the callee as start function
    SIGNAL = "signal"  # into a signal handler
    SYSCALL = "syscall"  # from ioctl() to the first kernel function that serves it
    KERNEL = "kernel"  # between kernel functions, observed on a kernel stack
    DOCUMENTED = "documented"  # to a kernel function from requests.toml, not observed
    UNKNOWN = "unknown"  # frames may be missing between the two

    def __str__(self) -> str:
        return self.value
