"""Makes the ioctl log from the starts and ends of the ioctl system call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analyzer.recording.probes.calls import IoctlCall, IoctlEnd
from analyzer.recording.probes.hits import Hits

KVM_FILES = ("/dev/kvm", "anon_inode:kvm-")  # as in gdbscripts/breakpoints.py
_CREATE_VM, _CREATE_VCPU = 0xAE01, 0xAE41  # linux/kvm.h
_MAX_DIFFERENCE = 1000000  # nanoseconds
_KVM_TYPE = 0xAE  # KVMIO, the type of all requests of KVM
_LAST_SYSTEM_REQUEST = 0x0F  # 0x03 and 0x04 too: KVM_CHECK_EXTENSION, KVM_GET_VCPU_MMAP_SIZE


class KvmIoctl(NamedTuple):
    """An ioctl on a descriptor of KVM; `value` is the result of the system call, None when it has not ended."""

    call: IoctlCall
    file: str
    value: int | None


def kvm_ioctls(hits: Hits, files: Mapping[int, str]) -> list[KvmIoctl]:
    """The ioctls on descriptors of KVM in the order of time.

    `files` are the files behind the descriptors, as far as they could be read while the process ran. For other
    descriptors the requests tell: KVM_CREATE_VM and KVM_CREATE_VCPU return descriptors.
    """
    known = dict(files)
    found: list[KvmIoctl] = []
    pending: defaultdict[int, list[int]] = defaultdict(
        list
    )  # per thread: positions in `found`, -1 for other files
    for event in _in_order(hits):
        if isinstance(event, IoctlCall):
            file = known.get(event.fd) or _file_of_request(event.request)
            is_kvm = file.startswith(KVM_FILES)
            pending[event.tid].append(len(found) if is_kvm else -1)
            if is_kvm:
                known[event.fd] = file
                found.append(KvmIoctl(event, file, None))
            continue
        position = pending[event.tid].pop() if pending[event.tid] else -1
        if position >= 0:
            call, file, _ = found[position]
            found[position] = KvmIoctl(call, file, event.value)
            if event.value >= 0 and call.request == _CREATE_VM:
                known[event.value] = "anon_inode:kvm-vm"
            if event.value >= 0 and call.request == _CREATE_VCPU:
                known[event.value] = f"anon_inode:kvm-vcpu:{call.argument}"
    return found


def earliest_times(calls: Sequence[IoctlCall], hits: Hits) -> list[int]:
    """A time in nanoseconds for each call: before its start, and after the end of the thread's ioctl before it.

    Two traces of one system call differ a little in its time.
    """
    ends: dict[int, int] = {}
    before = {}
    for event in _in_order(hits):
        if isinstance(event, IoctlCall):
            before[event] = max(ends.get(event.tid, 0), event.time - _MAX_DIFFERENCE)
        else:
            ends[event.tid] = event.time
    return [before[call] for call in calls]


def _in_order(hits: Hits) -> list[IoctlCall | IoctlEnd]:
    events: list[IoctlCall | IoctlEnd] = [*hits.ioctls, *hits.ioctl_ends]
    return sorted(events, key=lambda event: event.time)


def _file_of_request(request: int) -> str:
    """The file that a request of KVM is for, when nothing else tells; "" for another one."""
    if request >> 8 & 0xFF != _KVM_TYPE:
        return ""
    return "/dev/kvm" if request & 0xFF <= _LAST_SYSTEM_REQUEST else "anon_inode:kvm-vm"
