"""Describes the structure at an ioctl's argument in one line: for each request its layout and its text.

To describe one more request: the layout in `struct_layouts.py`, a function here that turns its fields into text,
and a row in INPUT_STRUCTS or OUTPUT_STRUCTS. Requests whose text needs the result as well are in
`ioctl_arguments.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from analyzer.kvm import number_names, struct_layouts
from analyzer.kvm.struct_layouts import Fields, StructLayout
from analyzer.text import number_of

# Flags of linux/kvm.h that change the text.
KVM_IOEVENTFD_FLAG_DATAMATCH = 1
KVM_IOEVENTFD_FLAG_PIO = 2
KVM_IOEVENTFD_FLAG_DEASSIGN = 4
KVM_IRQFD_FLAG_DEASSIGN = 1
KVM_IRQFD_FLAG_RESAMPLE = 2

# The bits above are the address space: system management mode has its own (KVM_CAP_MULTI_ADDRESS_SPACE).
_SLOT_BITS = 16


class StructDescription(NamedTuple):
    """The layout of a structure and the function that makes a text of its fields."""

    layout: StructLayout
    format_fields: Callable[[Fields], str]

    def describe(self, data: bytes) -> str:
        """The structure in `data` as one line of text; "" when `data` is too short."""
        fields = self.layout.read(data)
        return self.format_fields(fields) if fields else ""


def _memory_region(region: Fields) -> str:
    """Leaves out userspace_addr, which differs from run to run."""
    if not region["memory_size"]:
        return f"{_slot(region)} removed"
    where = number_names.address_range(region["guest_phys_addr"], region["memory_size"])
    return number_names.comma_separated(_slot(region), where, number_names.flags("memory_flags", region["flags"]))


def _slot(fields: Fields) -> str:
    space, slot = fields["slot"] >> _SLOT_BITS, fields["slot"] & (1 << _SLOT_BITS) - 1
    return f"slot {slot} of address space {space}" if space else f"slot {slot}"


def _clear_dirty_log(log: Fields) -> str:
    return f"{_slot(log)}, {number_of(log['num_pages'], 'page')} from page {log['first_page']:#x}"


def _memory_attributes(change: Fields) -> str:
    attributes = number_names.flags("memory_attributes", change["attributes"]) or "no attributes"
    return number_names.comma_separated(number_names.address_range(change["address"], change["size"]), attributes)


def _guest_range(region: Fields) -> str:
    return number_names.address_range(region["gpa"], region["size"])


def _size(memory: Fields) -> str:
    return number_names.size(memory["size"])


def _length(fields: Fields) -> str:
    return number_names.size(fields["len"])


def _entries(table: Fields) -> str:
    return number_of(table["count"], "entry", "entries")


def _timer(config: Fields) -> str:
    return number_names.flags("timer_flags", config["flags"]) or "no flags"


def _switch(control: Fields) -> str:
    return "enabled" if control["enabled"] else "disabled"


def _irqchip(chip: Fields) -> str:
    return number_names.value("irqchip", chip["chip_id"])


def _msi(msi: Fields) -> str:
    return f"address {msi['address_hi'] << 32 | msi['address_lo']:#x}, data {msi['data']:#x}"


def _ioeventfd(event: Fields) -> str:
    bits = event["flags"]
    return number_names.comma_separated(
        f"{'port' if bits & KVM_IOEVENTFD_FLAG_PIO else 'memory'} {event['addr']:#x}",
        _length(event) if event["len"] else "any length",
        f"value {event['datamatch']:#x}" if bits & KVM_IOEVENTFD_FLAG_DATAMATCH else "",
        "deassign" if bits & KVM_IOEVENTFD_FLAG_DEASSIGN else "assign",
    )


def _irqfd(event: Fields) -> str:
    bits = event["flags"]
    return number_names.comma_separated(
        f"gsi {event['gsi']}",
        "deassign" if bits & KVM_IRQFD_FLAG_DEASSIGN else "assign",
        "resample" if bits & KVM_IRQFD_FLAG_RESAMPLE else "",
    )


def _coalesced(zone: Fields) -> str:
    return f"{'port' if zone['pio'] else 'memory'} {number_names.address_range(zone['addr'], zone['size'])}"


def _clock(clock: Fields) -> str:
    return number_names.comma_separated(f"{clock['clock']} ns", number_names.flags("clock_flags", clock["flags"]))


def _enable_cap(enabled: Fields) -> str:
    arguments = [enabled[f"argument{number}"] for number in range(4)]
    while arguments and not arguments[-1]:
        arguments.pop()
    return number_names.capability(enabled["cap"]) + (": " if arguments else "") + ", ".join(map(hex, arguments))


def _mp_state(state: Fields) -> str:
    return number_names.value("processor_state", state["mp_state"])


def _machine_checks(word: Fields) -> str:
    """The register IA32_MCG_CAP, whose lowest byte is the number of banks."""
    return f"{number_of(word['number'] & 0xFF, 'bank')}, {word['number']:#x}"


_ADDRESS = StructDescription(struct_layouts.NUMBER, "address {number:#x}".format_map)
_CLOCK = StructDescription(struct_layouts.CLOCK, _clock)
_COALESCED = StructDescription(struct_layouts.COALESCED, _coalesced)
_CPUID = StructDescription(struct_layouts.CPUID, _entries)
_DEVICE_ATTR = StructDescription(struct_layouts.DEVICE_ATTR, "group {group}, attribute {attr:#x}".format_map)
_IRQCHIP = StructDescription(struct_layouts.IRQCHIP, _irqchip)
_MACHINE_CHECKS = StructDescription(struct_layouts.NUMBER, _machine_checks)
_MEMORY_REGION = StructDescription(struct_layouts.MEMORY_REGION, _memory_region)
_MP_STATE = StructDescription(struct_layouts.MP_STATE, _mp_state)
_ONE_REG = StructDescription(struct_layouts.ONE_REG, "register {id:#x}".format_map)
_REGS = StructDescription(struct_layouts.REGS, "rip {rip:#x}, rflags {rflags:#x}".format_map)
_SREGS = StructDescription(struct_layouts.SREGS, "cs {selector:#x} at {base:#x}, cr0 {cr0:#x}".format_map)
_XCRS = StructDescription(struct_layouts.XCRS, "xcr{xcr} {value:#x}".format_map)

IRQ_LINE = StructDescription(struct_layouts.IRQ_LEVEL, "irq {irq}, level {level}".format_map)
SIGNAL_MASK = StructDescription(struct_layouts.SIGNAL_MASK, _length)

# Structures that the program fills in, read before the ioctl.
INPUT_STRUCTS: dict[str, StructDescription] = {
    "KVM_CLEAR_DIRTY_LOG": StructDescription(struct_layouts.CLEAR_DIRTY_LOG, _clear_dirty_log),
    "KVM_CREATE_GUEST_MEMFD": StructDescription(struct_layouts.CREATE_GUEST_MEMFD, _size),
    "KVM_CREATE_PIT2": StructDescription(struct_layouts.PIT_CONFIG, _timer),
    "KVM_ENABLE_CAP": StructDescription(struct_layouts.ENABLE_CAP, _enable_cap),
    "KVM_GET_DEVICE_ATTR": _DEVICE_ATTR,
    "KVM_GET_DIRTY_LOG": StructDescription(struct_layouts.DIRTY_LOG, _slot),
    "KVM_GET_IRQCHIP": _IRQCHIP,
    "KVM_GET_ONE_REG": _ONE_REG,
    "KVM_HAS_DEVICE_ATTR": _DEVICE_ATTR,
    "KVM_INTERRUPT": StructDescription(struct_layouts.INTERRUPT, "irq {irq}".format_map),
    "KVM_IOEVENTFD": StructDescription(struct_layouts.IOEVENTFD, _ioeventfd),
    "KVM_IRQFD": StructDescription(struct_layouts.IRQFD, _irqfd),
    "KVM_IRQ_LINE": IRQ_LINE,
    "KVM_PRE_FAULT_MEMORY": StructDescription(struct_layouts.PRE_FAULT, _guest_range),
    "KVM_REGISTER_COALESCED_MMIO": _COALESCED,
    "KVM_REINJECT_CONTROL": StructDescription(struct_layouts.REINJECT, _switch),
    "KVM_SET_CLOCK": _CLOCK,
    "KVM_SET_CPUID": _CPUID,
    "KVM_SET_CPUID2": _CPUID,
    "KVM_SET_DEVICE_ATTR": _DEVICE_ATTR,
    "KVM_SET_GSI_ROUTING": StructDescription(struct_layouts.ROUTING, _entries),
    "KVM_SET_IDENTITY_MAP_ADDR": _ADDRESS,
    "KVM_SET_IRQCHIP": _IRQCHIP,
    "KVM_SET_MEMORY_ATTRIBUTES": StructDescription(struct_layouts.MEMORY_ATTRIBUTES, _memory_attributes),
    "KVM_SET_MP_STATE": _MP_STATE,
    "KVM_SET_ONE_REG": _ONE_REG,
    "KVM_SET_REGS": _REGS,
    "KVM_SET_SREGS": _SREGS,
    "KVM_SET_SREGS2": _SREGS,
    "KVM_SET_USER_MEMORY_REGION": _MEMORY_REGION,
    "KVM_SET_USER_MEMORY_REGION2": _MEMORY_REGION,
    "KVM_SET_VAPIC_ADDR": _ADDRESS,
    "KVM_SET_XCRS": _XCRS,
    "KVM_SIGNAL_MSI": StructDescription(struct_layouts.MSI, _msi),
    "KVM_TPR_ACCESS_REPORTING": StructDescription(struct_layouts.TPR_ACCESS, _switch),
    "KVM_UNREGISTER_COALESCED_MMIO": _COALESCED,
    "KVM_X86_SETUP_MCE": _MACHINE_CHECKS,
}

# Structures that the kernel fills in, read after the ioctl.
OUTPUT_STRUCTS: dict[str, StructDescription] = {
    "KVM_GET_CLOCK": _CLOCK,
    "KVM_GET_MP_STATE": _MP_STATE,
    "KVM_GET_REGS": _REGS,
    "KVM_GET_SREGS": _SREGS,
    "KVM_GET_SREGS2": _SREGS,
    "KVM_GET_XCRS": _XCRS,
    "KVM_X86_GET_MCE_CAP_SUPPORTED": _MACHINE_CHECKS,
}
