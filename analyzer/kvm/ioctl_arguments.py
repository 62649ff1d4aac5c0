"""Describes an ioctl: its argument in one line, its result in one word.

Nothing here raises an error because of the values it is given: what is unknown or too short is left out.
To describe one more request: requests whose argument is a number have a row in `_NUMBER_ARGUMENTS`, those with a
structure one in `struct_descriptions.py`, those whose text needs the result too a function in `_SPECIAL_REQUESTS`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from analyzer.kvm import number_names, struct_descriptions, struct_layouts
from analyzer.kvm.requests import name_of
from analyzer.kvm.struct_layouts import StructLayout
from analyzer.text import number_of

KVM_CREATE_DEVICE_TEST = 1

_MAX_MSRS_SHOWN = 4
_RETURNS_A_DESCRIPTOR = ("KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_GET_STATS_FD", "KVM_CREATE_GUEST_MEMFD")
# errno.h has two names for 95; the kernel uses EOPNOTSUPP only.
_ERRORS = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}

# Requests whose argument is a number, not a pointer.
_NUMBER_ARGUMENTS = {
    "KVM_CREATE_VCPU": "id {}",
    "KVM_SET_BOOT_CPU_ID": "id {}",
    "KVM_SET_NR_MMU_PAGES": "{} pages",
    "KVM_SET_TSC_KHZ": "{} kHz",
    "KVM_SET_TSS_ADDR": "address {:#x}",
}


@dataclass(frozen=True)
class _FinishedIoctl:
    """One ioctl with its result; the fields are the parameters of `describe`."""

    argument: int
    before: bytes
    after: bytes
    returned: int | None

    @property
    def succeeded(self) -> bool:
        """Whether the ioctl returned without an error, so that the kernel has filled in its output."""
        return self.returned is not None and self.returned >= 0


def describe(request: int, argument: int, before: bytes, after: bytes, returned: int | None) -> str:
    """The argument in one line: `slot 0, 0x0-0x9ffff, 640 KiB`; "" when it has no description or was not read.

    `before` and `after` are the bytes at `argument` at the call and after the return, as many as could be read;
    `returned` is the result of ioctl(), None when it was not recorded.
    """
    name, call = name_of(request), _FinishedIoctl(argument, before, after, returned)
    if name in _NUMBER_ARGUMENTS:
        return _NUMBER_ARGUMENTS[name].format(argument)
    if name in struct_descriptions.INPUT_STRUCTS:
        return struct_descriptions.INPUT_STRUCTS[name].describe(before)
    if name in struct_descriptions.OUTPUT_STRUCTS:
        return struct_descriptions.OUTPUT_STRUCTS[name].describe(after) if call.succeeded else ""
    return _SPECIAL_REQUESTS[name](call) if name in _SPECIAL_REQUESTS else ""


def describe_result(request: int, returned: int | None, error: int = 0) -> str:
    """The result in one word: `12`, `fd 12`, `-1 E2BIG`; "" when it was not recorded.

    `returned` is the result of ioctl(); `error` is Linux' errno of a call that failed, 0 when it is not known.
    """
    if returned is None:
        return ""
    if returned < 0:
        return f"{returned} {_ERRORS.get(error, f'errno {error}')}" if error else str(returned)
    return f"fd {returned}" if name_of(request) in _RETURNS_A_DESCRIPTOR else str(returned)


def _check_extension(call: _FinishedIoctl) -> str:
    """The capability and the kernel's answer, which is the result of the call."""
    name = number_names.capability(call.argument)
    if call.returned is None or call.returned < 0:
        return name
    answers = {0: ": no", 1: ": yes"}
    return name + answers.get(call.returned, f" = {call.returned}")


def _create_vm(call: _FinishedIoctl) -> str:
    return number_names.value("machine_type", call.argument)


def _create_device(call: _FinishedIoctl) -> str:
    """The type and the new descriptor, which the kernel writes into the structure instead of returning it."""
    device, created = struct_layouts.CREATE_DEVICE.read(call.before), struct_layouts.CREATE_DEVICE.read(call.after)
    if not device:
        return ""
    kind = number_names.value("device_type", device["type"])
    if device["flags"] & KVM_CREATE_DEVICE_TEST:
        return f"{kind}, test only"
    return number_names.comma_separated(kind, f"fd {created['fd']}" if created and call.succeeded else "")


def _msrs(call: _FinishedIoctl) -> str:
    """The number of MSRs, and the indices of a few. No values: they differ from run to run (the clock)."""
    head = struct_layouts.MSRS.read(call.before)
    if not head:
        return ""
    count = head["count"]
    text = number_of(count, "MSR")
    if not 0 < count <= _MAX_MSRS_SHOWN:
        return text
    starts = [struct_layouts.MSRS_HEAD + number * struct_layouts.MSR_ENTRY_SIZE for number in range(count)]
    entries = [struct_layouts.MSR_ENTRY.read(call.before[start:]) for start in starts]
    return text + ": " + ", ".join(f"{entry['index']:#x}" for entry in entries) if all(entries) else text


def _irq_line_status(call: _FinishedIoctl) -> str:
    """The line and its `status`: the number of vCPUs reached; 0: already pending; negative: masked."""
    status = struct_layouts.IRQ_STATUS.read(call.after) if call.succeeded else {}
    return number_names.comma_separated(
        struct_descriptions.IRQ_LINE.describe(call.before), f"status {status['status']}" if status else ""
    )


def _signal_mask(call: _FinishedIoctl) -> str:
    return struct_descriptions.SIGNAL_MASK.describe(call.before) if call.argument else "no mask"


def _list_output(layout: StructLayout, singular: str, plural: str) -> Callable[[_FinishedIoctl], str]:
    """A description of a list that the kernel fills in, for entries named `singular` and `plural`.

    Before the call `count` is the room for entries; after it the number of entries, also when there was too
    little room (E2BIG).
    """

    def describe_list(call: _FinishedIoctl) -> str:
        room, found = layout.read(call.before), layout.read(call.after)
        if call.succeeded:
            return number_of(found["count"], singular, plural) if found else ""
        if not room:
            return ""
        needed = found.get("count", 0)
        text = f"room for {number_of(room['count'], singular, plural)}"
        return f"{text}, {needed} needed" if needed > room["count"] else text

    return describe_list


_ENTRIES = _list_output(struct_layouts.CPUID, "entry", "entries")
_INDICES = _list_output(struct_layouts.MSR_LIST, "index", "indices")

_SPECIAL_REQUESTS: dict[str, Callable[[_FinishedIoctl], str]] = {
    "KVM_CHECK_EXTENSION": _check_extension,
    "KVM_CREATE_DEVICE": _create_device,
    "KVM_CREATE_VM": _create_vm,
    "KVM_GET_CPUID2": _ENTRIES,
    "KVM_GET_EMULATED_CPUID": _ENTRIES,
    "KVM_GET_MSRS": _msrs,
    "KVM_GET_MSR_FEATURE_INDEX_LIST": _INDICES,
    "KVM_GET_MSR_INDEX_LIST": _INDICES,
    "KVM_GET_SUPPORTED_CPUID": _ENTRIES,
    "KVM_GET_SUPPORTED_HV_CPUID": _ENTRIES,
    "KVM_IRQ_LINE_STATUS": _irq_line_status,
    "KVM_SET_MSRS": _msrs,
    "KVM_SET_SIGNAL_MASK": _signal_mask,
}
