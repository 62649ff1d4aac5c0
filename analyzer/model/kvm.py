"""Ioctls on KVM descriptors, exits of KVM_RUN, and kernel events."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.model.frames import Function, Stack


@dataclass(frozen=True)
class KernelEvent:
    """An event of a kernel tracepoint while the kernel served an ioctl."""

    time: float  # of the first event, in seconds since the program was started
    name: str  # of the tracepoint, kvm_pio
    text: str  # of the first event, as the tracepoint prints it
    stack: tuple[str, ...]  # names of the kernel's functions, outermost first
    count: int  # number of events of this name and stack


@dataclass(frozen=True)
class Ioctl:
    """One ioctl on a KVM descriptor. `before`, `after`: the bytes at `argument` at the call and at the return."""

    number: int
    time: float  # seconds since the program was started
    thread: int  # number of the thread
    fd: int
    file: str  # target of /proc/PID/fd/N
    request: int  # as in linux/kvm.h
    argument: int  # a number, or an address in the program
    before: bytes
    after: bytes
    returned: int | None  # a negative errno when it failed; None when its return was not recorded
    stack: Stack  # without frames once the same call was recorded often enough
    kernel: tuple[KernelEvent, ...] = ()  # () without a kernel trace

    @property
    def functions(self) -> tuple[Function, ...]:
        """The program's functions on the stack of the ioctl, outermost first; () when no stack was recorded."""
        own = [frame.function for frame in self.stack.frames if not frame.library]
        return tuple(reversed(own))


@dataclass(frozen=True)
class KvmExit:
    """One exit: KVM_RUN returned 0. `analyzer.kvm.exits.decode_exit` decodes `run` and `data`."""

    number: int
    ioctl: int  # number of the KVM_RUN in the ioctl log
    time: float  # seconds since the program was started
    thread: int  # number of the thread
    run: bytes  # the first bytes of struct kvm_run
    data: bytes  # at io.data_offset: the value that the guest writes to a port
    answer: bytes  # the value that QEMU returns for a read; b"" for other exits
