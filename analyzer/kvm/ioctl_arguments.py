"""An ioctl's argument in a line, its result in a word. Nothing here raises for the sake of what it is given."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from analyzer.kvm import number_names, struct_descriptions, struct_layouts
from analyzer.kvm.requests import name_of
from analyzer.kvm.struct_layouts import StructLayout
from analyzer.text import number_of

KVM_CREATE_DEVICE_TEST = 1

_MSRS_SHOWN = 4
_MAKES_A_DESCRIPTOR = ("KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_GET_STATS_FD", "KVM_CREATE_GUEST_MEMFD")
# Two names have the number 95 in errno.h; the kernel knows this one only.
_ERRORS = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}

# Requests whose argument is the number itself.
_NUMBERS = {
    "KVM_CREATE_VCPU": "id {}",
    "KVM_SET_BOOT_CPU_ID": "id {}",
    "KVM_SET_NR_MMU_PAGES": "{} pages",
    "KVM_SET_TSC_KHZ": "{} kHz",
    "KVM_SET_TSS_ADDR": "address {:#x}",
}


@dataclass(frozen=True)
class _FinishedIoctl:
    """One ioctl, as `describe` has it."""

    argument: int
    before: bytes
    after: bytes
    returned: int | None

    @property
    def succeeded(self) -> bool:
        """Whether what the kernel had to fill in is there."""
        return self.returned is not None and self.returned >= 0


def describe(request: int, argument: int, before: bytes, after: bytes, returned: int | None) -> str:
    """What was asked, in a line: `slot 0, 0x0-0x9ffff, 640 KiB`; "" when there is nothing to say or to read.

    `before` and `after` are the memory at `argument` when the call was made and when it had returned, as much as
    could be read; `returned` is what ioctl() gave back, None when that was not recorded.
    """
    name, call = name_of(request), _FinishedIoctl(argument, before, after, returned)
    if name in _NUMBERS:
        return _NUMBERS[name].format(argument)
    if name in struct_descriptions.GIVEN:
        return struct_descriptions.GIVEN[name].read(before)
    if name in struct_descriptions.FILLED:
        return struct_descriptions.FILLED[name].read(after) if call.succeeded else ""
    return _OTHERS[name](call) if name in _OTHERS else ""


def describe_result(request: int, returned: int | None, error: int = 0) -> str:
    """What came back, in a word: `12`, `fd 12`, `-1 E2BIG`; "" when it was not recorded.

    `error` is Linux' errno of a call that failed, 0 when it is not known.
    """
    if returned is None:
        return ""
    if returned < 0:
        return f"{returned} {_ERRORS.get(error, f'errno {error}')}" if error else str(returned)
    return f"fd {returned}" if name_of(request) in _MAKES_A_DESCRIPTOR else str(returned)


def _check_extension(call: _FinishedIoctl) -> str:
    """With the answer: it is what the call returns."""
    name = number_names.capability(call.argument)
    if call.returned is None or call.returned < 0:
        return name
    answers = {0: ": no", 1: ": yes"}
    return name + answers.get(call.returned, f" = {call.returned}")


def _create_vm(call: _FinishedIoctl) -> str:
    return number_names.value("machine_type", call.argument)


def _create_device(call: _FinishedIoctl) -> str:
    """With the descriptor: the kernel writes it into the structure, not into the result."""
    asked, made = struct_layouts.CREATE_DEVICE.read(call.before), struct_layouts.CREATE_DEVICE.read(call.after)
    if not asked:
        return ""
    kind = number_names.value("device_type", asked["type"])
    if asked["flags"] & KVM_CREATE_DEVICE_TEST:
        return f"{kind}, only asked whether it could be"
    return number_names.listed(kind, f"fd {made['fd']}" if made and call.succeeded else "")


def _msrs(call: _FinishedIoctl) -> str:
    """The numbers of a few. No values: the clock and random numbers are among them."""
    head = struct_layouts.MSRS.read(call.before)
    if not head:
        return ""
    count = head["count"]
    text = number_of(count, "MSR")
    if not 0 < count <= _MSRS_SHOWN:
        return text
    starts = [struct_layouts.MSRS_HEAD + number * struct_layouts.MSR_ENTRY_SIZE for number in range(count)]
    entries = [struct_layouts.MSR_ENTRY.read(call.before[start:]) for start in starts]
    return text + ": " + ", ".join(f"{entry['index']:#x}" for entry in entries) if all(entries) else text


def _irq_line_status(call: _FinishedIoctl) -> str:
    """`status` is how many processors got it; 0 when one was waiting already, negative when it is masked."""
    status = struct_layouts.IRQ_STATUS.read(call.after) if call.succeeded else {}
    return number_names.listed(
        struct_descriptions.IRQ_LINE.read(call.before), f"status {status['status']}" if status else ""
    )


def _signal_mask(call: _FinishedIoctl) -> str:
    return struct_descriptions.SIGNAL_MASK.read(call.before) if call.argument else "no mask"


def _list_to_fill(layout: StructLayout, one: str, many: str) -> Callable[[_FinishedIoctl], str]:
    """`count` is the room for the list before; after, how many there are, also when that were too many."""

    def decode(call: _FinishedIoctl) -> str:
        room, found = layout.read(call.before), layout.read(call.after)
        if call.succeeded:
            return number_of(found["count"], one, many) if found else ""
        if not room:
            return ""
        needed = found.get("count", 0)
        text = f"room for {number_of(room['count'], one, many)}"
        return f"{text}, {needed} needed" if needed > room["count"] else text

    return decode


_ENTRIES = _list_to_fill(struct_layouts.CPUID, "entry", "entries")
_INDICES = _list_to_fill(struct_layouts.MSR_LIST, "index", "indices")

_OTHERS: dict[str, Callable[[_FinishedIoctl], str]] = {
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
