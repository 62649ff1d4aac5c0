"""The kernel functions behind an ioctl: those seen on its stack, else those its sources name."""

from __future__ import annotations

from analyzer.kvm.requests import descriptor_class, handler_of
from analyzer.model.frames import Stop
from analyzer.model.kvm import Ioctl

KERNEL = "[kernel]"  # where a kernel function is, as a library's are in [libc]
ENTRY = 1  # functions of a kernel stack that are the system call's own, the same for all


def kernel_functions(entry: Ioctl) -> tuple[tuple[str, ...], bool]:
    """The kernel's functions that served an ioctl, outermost first, and whether they were seen on its stack.

    Where no event of the kernel showed them they are those the kernel's sources name.
    """
    for event in entry.kernel:
        if len(event.stack) > ENTRY:
            return event.stack[ENTRY:], True
    return handler_of(entry.request, descriptor_class(entry.file)), False


_KEPT = "coalesced"  # in the name of QEMU's function that delivers what KVM had kept back


def delivers_coalesced_write(stop: Stop) -> bool:
    """Whether QEMU serves a write here that KVM had kept back (coalesced) until this exit."""
    return any(_KEPT in frame.function.name for frame in stop.frames)
