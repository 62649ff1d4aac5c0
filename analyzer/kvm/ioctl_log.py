"""The ioctl log: each ioctl on a KVM descriptor with its request, argument, result and call chain decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.kvm.ioctl_arguments import describe, describe_result
from analyzer.kvm.kernel_functions import kernel_functions
from analyzer.kvm.requests import descriptor_class, name_of
from analyzer.model.frames import KindAndFunction, calls_in_program, chain_text
from analyzer.model.kvm import Ioctl
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind, call_arrow


@dataclass(frozen=True)
class IoctlLogLine:
    """One ioctl, decoded.

    `chain`: QEMU's functions, outermost first, and the kind of the call to each; `kernel`: the kernel's, outermost
    first.
    """

    number: int
    time: float  # seconds since the program was started
    thread: str
    fd: int
    file: str
    descriptor: str  # system, vm, vcpu, device
    request: str
    argument: str  # as `ioctl_arguments.describe` returns it
    result: str  # as `ioctl_arguments.describe_result` returns it
    chain: tuple[KindAndFunction, ...]
    kernel: tuple[str, ...]
    observed: bool  # whether `kernel` is from a recorded stack; else it is from requests.toml

    @property
    def calls(self) -> str:
        """QEMU's functions in a line; "" when the stack was not taken."""
        return chain_text(self.chain)

    @property
    def kernel_calls(self) -> str:
        """The kernel's functions in a line, each behind its arrow."""
        names = self.kernel or ("unknown",)
        return " ".join(f"{call_arrow(k)} {name}" for k, name in zip(self.kernel_kinds, names, strict=True))

    @property
    def kernel_kinds(self) -> tuple[CallKind, ...]:
        """How each of the kernel's functions is called."""
        if self.kernel and not self.observed:
            return (CallKind.DOCUMENTED,) * len(self.kernel)
        return (CallKind.SYSCALL, *[CallKind.KERNEL] * (len(self.kernel) - 1))


def ioctl_log(recording: Recording) -> Iterator[IoctlLogLine]:
    """The ioctls of `recording` in the order made."""
    for entry in recording.ioctl_log:
        yield _line(entry, recording)


def _line(entry: Ioctl, recording: Recording) -> IoctlLogLine:
    kernel, observed = kernel_functions(entry)
    returned = entry.returned
    failed = returned is not None and returned < 0
    value = -1 if failed else returned
    return IoctlLogLine(
        number=entry.number,
        time=entry.time,
        thread=recording.thread(entry.thread).label,
        fd=entry.fd,
        file=entry.file,
        descriptor=descriptor_class(entry.file),
        request=name_of(entry.request),
        argument=describe(entry.request, entry.argument, entry.before, entry.after, value),
        result=describe_result(entry.request, value, -returned if failed and returned is not None else 0),
        chain=calls_in_program(entry.stack.frames),
        kernel=kernel,
        observed=observed,
    )
