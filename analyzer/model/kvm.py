"""Ioctls on KVM descriptors, exits of KVM_RUN, and kernel events."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.model.frames import Frame, Function


@dataclass(frozen=True)
class KernelEvent:
    """A tracepoint passed, `count` times, while the kernel served an ioctl; `stack` is outermost first."""

    time: float  # of the first, in seconds since the program was started
    name: str
    text: str
    stack: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Ioctl:
    """One ioctl on a descriptor of KVM. `before` and `after` are the beginning of what its argument points to."""

    number: int
    time: float  # seconds since the program was started
    thread: int
    fd: int
    file: str
    request: int
    argument: int
    before: bytes
    after: bytes
    returned: int | None  # a negative errno when it failed; None when it did not return while recorded
    frames: tuple[Frame, ...]  # innermost first; none when the same call was recorded often before
    kernel: tuple[KernelEvent, ...] = ()

    @property
    def functions(self) -> tuple[Function, ...]:
        """The program's functions that led to it, outermost first; () when they were not recorded."""
        own = [frame.function for frame in self.frames if not frame.library]
        return tuple(reversed(own))


@dataclass(frozen=True)
class KvmExit:
    """KVM_RUN came back with something to do; `run` and `data` are as `analyzer.kvm.exits` decodes them."""

    number: int
    ioctl: int  # number of the KVM_RUN in the ledger
    time: float  # seconds since the program was started
    thread: int
    run: bytes
    data: bytes  # what the guest writes to a port
    answer: bytes  # what it was given to read
