"""Offsets of fields in KVM's structures: the x86-64 ABI of linux/kvm.h and asm/kvm.h.

Only the fields that the analyzer shows are listed; a later kernel adds fields to a structure and never moves one.
The names and offsets are compared with the host's headers in tests/build/test_kvm_header.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

Fields = dict[str, int]  # name of a field -> its value


@dataclass(frozen=True)
class StructField:
    """One number in a structure: `offset` in bytes, `letter` its type as in Python's `struct` module.

    `member` is its name in C (`io.direction`); "" where that is `name`.
    """

    name: str
    offset: int
    letter: str
    member: str = ""

    @property
    def end(self) -> int:
        """Offset in bytes of the first byte behind the field."""
        return self.offset + struct.calcsize("<" + self.letter)


@dataclass(frozen=True)
class StructLayout:
    """Some fields of a structure. `structure` is its name in C; "" for a number that is in no structure."""

    structure: str
    fields: tuple[StructField, ...]

    def read(self, data: bytes) -> Fields:
        """The fields in `data`, little-endian; {} when `data` ends before the last of them."""
        if any(field.end > len(data) for field in self.fields):
            return {}
        return {field.name: struct.unpack_from("<" + field.letter, data, field.offset)[0] for field in self.fields}


def _layout(structure: str, *fields: tuple[str, int, str] | tuple[str, int, str, str]) -> StructLayout:
    return StructLayout(structure, tuple(StructField(*field) for field in fields))


NUMBER = _layout("", ("number", 0, "Q"))

CLEAR_DIRTY_LOG = _layout("kvm_clear_dirty_log", ("slot", 0, "I"), ("num_pages", 4, "I"), ("first_page", 8, "Q"))
CLOCK = _layout("kvm_clock_data", ("clock", 0, "Q"), ("flags", 8, "I"))
COALESCED = _layout("kvm_coalesced_mmio_zone", ("addr", 0, "Q"), ("size", 8, "I"), ("pio", 12, "I"))
CPUID = _layout("kvm_cpuid2", ("count", 0, "I", "nent"))
CREATE_DEVICE = _layout("kvm_create_device", ("type", 0, "I"), ("fd", 4, "I"), ("flags", 8, "I"))
CREATE_GUEST_MEMFD = _layout("kvm_create_guest_memfd", ("size", 0, "Q"), ("flags", 8, "Q"))
DEVICE_ATTR = _layout("kvm_device_attr", ("group", 4, "I"), ("attr", 8, "Q"))
DIRTY_LOG = _layout("kvm_dirty_log", ("slot", 0, "I"))
ENABLE_CAP = _layout(
    "kvm_enable_cap",
    ("cap", 0, "I"),
    *((f"argument{n}", 8 + 8 * n, "Q", f"args[{n}]") for n in range(4)),
)
INTERRUPT = _layout("kvm_interrupt", ("irq", 0, "I"))
IOEVENTFD = _layout("kvm_ioeventfd", ("datamatch", 0, "Q"), ("addr", 8, "Q"), ("len", 16, "I"), ("flags", 24, "I"))
IRQCHIP = _layout("kvm_irqchip", ("chip_id", 0, "I"))
IRQFD = _layout("kvm_irqfd", ("gsi", 4, "I"), ("flags", 8, "I"))
IRQ_LEVEL = _layout("kvm_irq_level", ("irq", 0, "I"), ("level", 4, "I"))
IRQ_STATUS = _layout("kvm_irq_level", ("status", 0, "i"))
MEMORY_ATTRIBUTES = _layout(
    "kvm_memory_attributes", ("address", 0, "Q"), ("size", 8, "Q"), ("attributes", 16, "Q")
)
MEMORY_REGION = _layout(  # the same beginning in kvm_userspace_memory_region2
    "kvm_userspace_memory_region",
    ("slot", 0, "I"), ("flags", 4, "I"), ("guest_phys_addr", 8, "Q"), ("memory_size", 16, "Q"),
)  # fmt: skip
MP_STATE = _layout("kvm_mp_state", ("mp_state", 0, "I"))
MSI = _layout("kvm_msi", ("address_lo", 0, "I"), ("address_hi", 4, "I"), ("data", 8, "I"))
MSRS = _layout("kvm_msrs", ("count", 0, "I", "nmsrs"))
MSR_ENTRY = _layout("kvm_msr_entry", ("index", 0, "I"))
MSR_LIST = _layout("kvm_msr_list", ("count", 0, "I", "nmsrs"))
ONE_REG = _layout("kvm_one_reg", ("id", 0, "Q"))
PIT_CONFIG = _layout("kvm_pit_config", ("flags", 0, "I"))
PRE_FAULT = _layout("kvm_pre_fault_memory", ("gpa", 0, "Q"), ("size", 8, "Q"))
REGS = _layout("kvm_regs", ("rip", 128, "Q"), ("rflags", 136, "Q"))
REINJECT = _layout("kvm_reinject_control", ("enabled", 0, "B", "pit_reinject"))
ROUTING = _layout("kvm_irq_routing", ("count", 0, "I", "nr"))
SIGNAL_MASK = _layout("kvm_signal_mask", ("len", 0, "I"))
SREGS = _layout(  # the same beginning in kvm_sregs2
    "kvm_sregs", ("base", 0, "Q", "cs.base"), ("selector", 12, "H", "cs.selector"), ("cr0", 224, "Q")
)
TPR_ACCESS = _layout("kvm_tpr_access_ctl", ("enabled", 0, "I"))
XCRS = _layout("kvm_xcrs", ("xcr", 8, "I", "xcrs[0].xcr"), ("value", 16, "Q", "xcrs[0].value"))

MSRS_HEAD, MSR_ENTRY_SIZE = 8, 16  # bytes before the first struct kvm_msr_entry; bytes of each entry

# struct kvm_run: the common head, then one layout for each exit reason that has more to show.
RUN = _layout("kvm_run", ("exit_reason", 8, "I"))
RUN_DEBUG = _layout("kvm_run", ("exception", 32, "I", "debug.arch.exception"), ("pc", 40, "Q", "debug.arch.pc"))
RUN_EOI = _layout("kvm_run", ("vector", 32, "B", "eoi.vector"))
RUN_EXCEPTION = _layout(
    "kvm_run", ("exception", 32, "I", "ex.exception"), ("error_code", 36, "I", "ex.error_code")
)
RUN_FAIL_ENTRY = _layout("kvm_run", ("reason", 32, "Q", "fail_entry.hardware_entry_failure_reason"))
RUN_HYPERCALL = _layout("kvm_run", ("nr", 32, "Q", "hypercall.nr"))
RUN_INTERNAL = _layout("kvm_run", ("suberror", 32, "I", "internal.suberror"))
RUN_IO = _layout(
    "kvm_run",
    ("direction", 32, "B", "io.direction"), ("size", 33, "B", "io.size"), ("port", 34, "H", "io.port"),
    ("count", 36, "I", "io.count"), ("data_offset", 40, "Q", "io.data_offset"),
)  # fmt: skip
RUN_MEMORY_FAULT = _layout(
    "kvm_run",
    ("flags", 32, "Q", "memory_fault.flags"), ("gpa", 40, "Q", "memory_fault.gpa"),
    ("size", 48, "Q", "memory_fault.size"),
)  # fmt: skip
RUN_MMIO = _layout(
    "kvm_run",
    ("phys_addr", 32, "Q", "mmio.phys_addr"), ("data", 40, "Q", "mmio.data"), ("len", 48, "I", "mmio.len"),
    ("is_write", 52, "B", "mmio.is_write"),
)  # fmt: skip
RUN_MSR = _layout("kvm_run", ("index", 44, "I", "msr.index"), ("data", 48, "Q", "msr.data"))
RUN_SYSTEM_EVENT = _layout("kvm_run", ("type", 32, "I", "system_event.type"))
RUN_TPR = _layout("kvm_run", ("cr8", 16, "Q"))
RUN_TPR_ACCESS = _layout(
    "kvm_run", ("rip", 32, "Q", "tpr_access.rip"), ("is_write", 40, "I", "tpr_access.is_write")
)
RUN_UNKNOWN = _layout("kvm_run", ("reason", 32, "Q", "hw.hardware_exit_reason"))
