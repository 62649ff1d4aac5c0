"""The boundary between QEMU and the kernel: the ladder of descriptors, and the ledger of ioctls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analyzer.kvm.ioctl_log import IoctlLogLine, ioctl_log
from analyzer.kvm.requests import name_of
from analyzer.model.recording import Recording
from reports.html.report_page import DescriptorRow, IoctlLogRow

_OPENS = {"system": 0, "vm": 1, "vcpu": 2, "device": 2}  # how far up the ladder a descriptor is
_GIVES = {"KVM_CREATE_VM": "vm", "KVM_CREATE_VCPU": "vcpu"}
_NAMES = {"system": "system_fd", "vm": "vm_fd", "vcpu": "vcpu_fd", "device": "device_fd"}


def descriptor_hierarchy(recording: Recording) -> Iterator[DescriptorRow]:
    """The descriptors, each below the one it came from, with how many ioctls went to it."""
    lines = list(ioctl_log(recording))
    counts = Counter((line.descriptor, line.fd) for line in lines)
    files = {(line.descriptor, line.fd): line.file for line in lines}
    givers = {
        (_GIVES[line.request], entry.returned): line.request
        for line, entry in zip(lines, recording.ioctl_log, strict=True)
        if line.request in _GIVES
    }
    runs = {line.fd for line in lines if line.request == "KVM_RUN"}
    for descriptor, fd in sorted(counts, key=lambda key: (_OPENS.get(key[0], 9), key[1])):
        rung = (descriptor, fd)
        yield DescriptorRow(
            depth=_OPENS.get(descriptor, 3),
            request=givers.get(rung, "open" if descriptor == "system" else ""),
            name=f"{_NAMES.get(descriptor, 'fd')} {fd}",
            file=files[rung],
            ioctls=counts[rung],
        )
        if fd in runs:
            yield DescriptorRow(3, "KVM_RUN", "the guest", "", sum(_runs(recording, fd)))


def _runs(recording: Recording, fd: int) -> Iterator[int]:
    for entry in recording.ioctl_log:
        yield int(entry.fd == fd and name_of(entry.request) == "KVM_RUN")


def ioctl_log_rows(recording: Recording) -> Iterator[IoctlLogRow]:
    """The ioctls in the order made; equal ones in a row are told once."""
    previous: IoctlLogRow | None = None
    for line in ioctl_log(recording):
        row = _row(line)
        if previous is not None and row.same_as(previous):
            previous = previous.once_more()
            continue
        if previous is not None:
            yield previous
        previous = row
    if previous is not None:
        yield previous


def kernel_note(recording: Recording) -> str:
    """Whether the kernel's functions in the ledger were seen, and what is missing."""
    kernel = recording.kernel
    if kernel is None:
        return "The kernel's side was not recorded; its functions are those its sources name."
    if not kernel.recorded:
        why = f"The kernel's side could not be recorded: {kernel.reason}"
        return f"{why} Its functions are those its sources name."
    seen = sum(line.observed for line in ioctl_log(recording))
    total = len(recording.ioctl_log)
    note = f"The kernel's own stack was seen for {seen} of {total} ioctls; for the others its sources name it."
    if kernel.lost:
        note += f" {kernel.lost} events of the kernel were lost."
    if kernel.unclaimed:
        note += f" The kernel saw {kernel.unclaimed} more ioctls, made without libc."
    return note


def _row(line: IoctlLogLine) -> IoctlLogRow:
    return IoctlLogRow(
        time=f"{line.time:.4f}",
        thread=line.thread,
        fd=f"{line.fd}",
        descriptor=line.descriptor,
        request=line.request,
        argument=line.argument,
        result=line.result,
        chain=line.calls,
        kernel=line.kernel_calls,
        observed=line.observed or not line.kernel,
        count=1,
    )
