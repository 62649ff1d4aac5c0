"""The ledger of ioctls in words: what was asked of the kernel, what it said, who was on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.kvm.ioctl_arguments import describe, describe_result
from analyzer.kvm.kernel_functions import kernel_functions
from analyzer.kvm.requests import descriptor_class, name_of
from analyzer.model.call_kinds import CallKind, arrow_key, call_arrow
from analyzer.model.frames import KindAndFunction, calls_in_program, chain_text
from analyzer.model.kvm import Ioctl
from analyzer.model.recording import Recording


@dataclass(frozen=True)
class IoctlLogLine:
    """One ioctl. `chain` are QEMU's functions, outermost first, and how each is called; `kernel` the kernel's,
    behind the system call."""

    number: int
    time: float  # seconds since the program was started
    thread: str
    fd: int
    file: str
    descriptor: str  # system, vm, vcpu, device
    request: str
    argument: str
    result: str
    chain: tuple[KindAndFunction, ...]
    kernel: tuple[str, ...]
    observed: bool  # whether the kernel's functions were seen on its stack, or are as documented

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
    """The ioctls in the order made."""
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
        chain=calls_in_program(entry.frames),
        kernel=kernel,
        observed=observed,
    )


def ioctl_log_text(recording: Recording) -> Iterator[str]:
    """One text for each ioctl, as `strace` would print it, and the functions on the way; at the end the key."""
    kinds: set[CallKind] = set()
    for line in ioctl_log(recording):
        argument = f", {line.argument}" if line.argument else ""
        calls = line.calls or "(stack not taken)"
        kinds |= {*line.kernel_kinds, *(kind for kind, _ in line.chain if kind)}
        mark = "" if line.observed else " (documented)"
        yield (
            f"{line.time:9.6f} {line.thread:12} ioctl({line.fd}<{line.file}>, {line.request}{argument})"
            f" = {line.result or '?'}\n          {calls} {line.kernel_calls}{mark}"
        )
    if kinds:
        yield f"Key: {arrow_key(kinds)}."
