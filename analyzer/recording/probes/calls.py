"""The ioctl system calls of a run, as the kernel reports them."""

from __future__ import annotations

from typing import NamedTuple


class IoctlCall(NamedTuple):
    """One ioctl: `fd`, `request` and `argument` as the caller passed them.

    `data` is what the argument points to, when that is on the stack, as far as it was copied.
    """

    time: int
    tid: int
    fd: int
    request: int
    argument: int
    stack: int
    data: bytes = b""


class IoctlEnd(NamedTuple):
    """The end of the ioctl that the thread is in, with the result of the system call."""

    time: int
    tid: int
    value: int
