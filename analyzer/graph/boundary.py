"""The boundary between QEMU and the kernel: how a chain goes on behind an ioctl."""

from __future__ import annotations

from analyzer.graph.chain import RecordedStep
from analyzer.kvm.requests import descriptor_class, handler_of
from analyzer.model import CallKind, Function, Ioctl, Recording, Stop

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


def kernel_steps(stop: Stop, recording: Recording) -> list[RecordedStep]:
    """How the chain of a stop at an ioctl goes on in the kernel; nothing when the ledger does not have it."""
    entry = _entry_of(stop, recording)
    if entry is None:
        return []
    names, observed = kernel_functions(entry)
    inner = CallKind.KERNEL if observed else CallKind.DOCUMENTED
    first = CallKind.SYSCALL if observed else CallKind.DOCUMENTED
    return [
        RecordedStep(Function(name, KERNEL), first if not position else inner)
        for position, name in enumerate(names)
    ]


def _entry_of(stop: Stop, recording: Recording) -> Ioctl | None:
    """The ledger's entry for the same call: the nearest in time on the same thread and descriptor."""
    if stop.ioctl is None:
        return None
    same = recording.ledger_of(stop.thread, stop.ioctl.fd, stop.ioctl.number)
    return min(same, key=lambda entry: abs(entry.time - stop.time), default=None)
