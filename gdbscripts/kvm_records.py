"""The records of the ioctl log and of KVM's exits; `records.py` has all others, and the history of the format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, List


@dataclass(frozen=True)
class IoctlRecord:
    """One ioctl on a KVM descriptor, in the order of the calls."""

    TAG: ClassVar[str] = "ioctl"
    number: int  # from 0
    time: float  # seconds since the program was started
    thread: int
    fd: int
    file: str  # target of the /proc link of the descriptor
    request: int
    argument: int
    data: str  # the beginning of what the argument points to, in hexadecimal; "" for a plain number
    stack: int = -1  # number of its `StackRecord`; -1: the same call was recorded often before
    frames: List[int] = field(default_factory=list)  # before schema 5: the frames of the stack


@dataclass(frozen=True)
class IoctlReturnRecord:
    """The result of the system call of one ioctl."""

    TAG: ClassVar[str] = "ioctl-return"
    number: int
    value: int  # of the system call: a negative errno on failure
    data: str  # as `IoctlRecord.data`; "" when the kernel did not change it


@dataclass(frozen=True)
class KvmExitRecord:
    """One return of KVM_RUN with an exit that user space handles."""

    TAG: ClassVar[str] = "vcpu-exit"
    number: int  # from 0
    ioctl: int  # number of the KVM_RUN
    time: float  # seconds since the program was started
    thread: int
    run: str  # the beginning of struct kvm_run, in hexadecimal
    data: str  # what the guest writes to a port, in hexadecimal


@dataclass(frozen=True)
class ExitResultRecord:
    """The data that user space returns to the guest for a read, in hexadecimal."""

    TAG: ClassVar[str] = "exit-answer"
    number: int
    data: str


@dataclass(frozen=True)
class ExitCountRecord:
    """The number of exits with one exit reason, recorded or not."""

    TAG: ClassVar[str] = "exit-count"
    reason: int  # KVM_EXIT_… of linux/kvm.h
    count: int
