"""The ioctls between QEMU and the kernel: the descriptor hierarchy and the ioctl log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.kvm.requests import name_of
from analyzer.model.recording import Recording
from reports.html.report_page import DescriptorRow
from reports.html.translate import t

_DEPTHS = {"system": 0, "vm": 1, "vcpu": 2, "device": 2}  # of descriptors in the hierarchy
_RETURNED_DESCRIPTORS = {"KVM_CREATE_VM": "vm", "KVM_CREATE_VCPU": "vcpu"}
_NAMES = {"system": "system_fd", "vm": "vm_fd", "vcpu": "vcpu_fd", "device": "device_fd"}


def descriptor_hierarchy(recording: Recording) -> Iterator[DescriptorRow]:
    """Yield the KVM descriptors by depth, each with the number of ioctls on it, vCPUs with their KVM_RUNs."""
    lines = list(ioctl_log(recording))
    counts = Counter((line.descriptor, line.fd) for line in lines)
    files = {(line.descriptor, line.fd): line.file for line in lines}
    creating_requests = {
        (_RETURNED_DESCRIPTORS[line.request], entry.returned): line.request
        for line, entry in zip(lines, recording.ioctl_log, strict=True)
        if line.request in _RETURNED_DESCRIPTORS
    }
    running_vcpus = {line.fd for line in lines if line.request == "KVM_RUN"}
    for descriptor, fd in sorted(counts, key=lambda key: (_DEPTHS.get(key[0], 9), key[1])):
        key = (descriptor, fd)
        yield DescriptorRow(
            depth=_DEPTHS.get(descriptor, 3),
            request=creating_requests.get(key, "open" if descriptor == "system" else ""),
            name=f"{_NAMES.get(descriptor, 'fd')} {fd}",
            file=files[key],
            ioctls=counts[key],
        )
        if fd in running_vcpus:
            yield DescriptorRow(3, "KVM_RUN", "the guest", "", _count_runs(recording, fd))


def _count_runs(recording: Recording, fd: int) -> int:
    return sum(entry.fd == fd and name_of(entry.request) == "KVM_RUN" for entry in recording.ioctl_log)


def kernel_note(recording: Recording) -> str:
    """Return how the kernel's functions in the ioctl log are known, and what the kernel trace lacks."""
    from_sources = t("The kernel functions are those of the kernel's sources.")
    kernel = recording.kernel
    if kernel is None:
        return f"{t('The kernel was not traced.')} {from_sources}"
    if not kernel.recorded:
        return f"{t('The kernel could not be traced: {reason}', reason=kernel.reason)} {from_sources}"
    notes = [
        t(
            "The kernel trace has the stack of {observed} of {total} ioctls; "
            "the others show the kernel's sources.",
            observed=sum(line.observed for line in ioctl_log(recording)),
            total=len(recording.ioctl_log),
        )
    ]
    if kernel.lost:
        notes.append(t("The kernel trace lost {count} events.", count=kernel.lost))
    if kernel.unclaimed:
        notes.append(t("The kernel trace has {count} more ioctls, issued without libc.", count=kernel.unclaimed))
    return " ".join(notes)
