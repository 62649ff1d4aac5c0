"""The kernel functions that serve an ioctl: those on its recorded stack, else those of `requests.toml`."""

from __future__ import annotations

from analyzer.kvm.requests import descriptor_class, handler_of
from analyzer.model.frames import Stop
from analyzer.model.kvm import Ioctl

KERNEL = "[kernel]"  # `Function.where` of a kernel function, as [libc] is of a library's
SYSCALL_FRAMES = 1  # outermost frames of a kernel stack that every ioctl has: the system call's entry


def kernel_functions(entry: Ioctl) -> tuple[tuple[str, ...], bool]:
    """(names of the kernel's functions that serve an ioctl, outermost first; whether they were observed).

    Observed functions are those on the stack of the first kernel event of the ioctl, without the system call's
    entry. An ioctl without events has the documented ones, of `requests.toml`; () when there are none.
    """
    for event in entry.kernel:
        if len(event.stack) > SYSCALL_FRAMES:
            return event.stack[SYSCALL_FRAMES:], True
    return handler_of(entry.request, descriptor_class(entry.file)), False


# Part of the name of QEMU's function that handles the coalesced writes (kvm_flush_coalesced_mmio_buffer).
_COALESCED = "coalesced"


def handles_coalesced_write(stop: Stop) -> bool:
    """Whether QEMU handles a coalesced write at `stop`: one that KVM queued until this exit."""
    return any(_COALESCED in frame.function.name for frame in stop.frames)
