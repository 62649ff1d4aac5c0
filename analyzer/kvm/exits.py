"""Decodes `struct kvm_run`, which the kernel shares with the program: the reason of an exit and its details.

To decode one more exit reason: its number in `exits.toml`, the layout of its member of `struct kvm_run` in
`struct_layouts.py`, and a row in `_DECODERS` below. The ABI is that of linux/kvm.h (`KVM_EXIT_…`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from analyzer.kvm import number_names, struct_layouts
from analyzer.kvm.struct_layouts import Fields, StructLayout

KVM_EXIT_IO_OUT = 1  # io.direction of struct kvm_run, linux/kvm.h

_MAX_VALUE_SIZE = 8  # bytes of one access: `mmio.data` has so many


@dataclass(frozen=True)
class DecodedExit:
    """One exit of KVM_RUN. A field that its reason does not have, or that was not read, has its default."""

    reason: str  # KVM_EXIT_…; "" when `run` is too short
    direction: str = ""  # in, out (ports); read, write (memory, MSRs)
    address: int | None = None  # port, physical address of the guest, number of the MSR
    size: int = 0  # bytes of one access; for KVM_EXIT_MEMORY_FAULT of the whole range
    count: int = 0  # accesses: more than one for string instructions on ports
    value: int | None = None  # of the first access; None for a read of memory
    detail: str = ""  # further fields of the reason as text


def decode_exit(run: bytes, data: bytes = b"") -> DecodedExit:
    """Decode the first bytes of `struct kvm_run`, as they were when KVM_RUN returned; raises nothing.

    `data` are the bytes at `io.data_offset`: for a port write the value that the guest writes. A port read has
    its value there only when the program calls KVM_RUN again, and a read of memory in `mmio.data`.
    When KVM_RUN fails without an exit (`immediate_exit`), `run` still holds the previous exit.
    """
    head = struct_layouts.RUN.read(run)
    if not head:
        return DecodedExit("")
    exit_ = DecodedExit(number_names.exit_reason(head["exit_reason"]))
    layout, decode = _DECODERS.get(exit_.reason, (struct_layouts.RUN, _no_details))
    fields = layout.read(run)
    exit_ = decode(exit_, fields) if fields else exit_
    return replace(exit_, value=_number(data, exit_.size)) if exit_.reason == "KVM_EXIT_IO" else exit_


def _number(data: bytes, size: int) -> int | None:
    return int.from_bytes(data[:size], "little") if 0 < size <= min(len(data), _MAX_VALUE_SIZE) else None


def _no_details(exit_: DecodedExit, _fields: Fields) -> DecodedExit:
    return exit_


def _io(exit_: DecodedExit, io: Fields) -> DecodedExit:
    return replace(
        exit_,
        direction="out" if io["direction"] == KVM_EXIT_IO_OUT else "in",
        address=io["port"],
        size=io["size"],
        count=io["count"],
    )


def _mmio(exit_: DecodedExit, mmio: Fields) -> DecodedExit:
    size = mmio["len"]
    value = _number(mmio["data"].to_bytes(_MAX_VALUE_SIZE, "little"), size) if mmio["is_write"] else None
    direction = "write" if mmio["is_write"] else "read"
    return replace(exit_, direction=direction, address=mmio["phys_addr"], size=size, count=1, value=value)


def _rdmsr(exit_: DecodedExit, msr: Fields) -> DecodedExit:
    return replace(exit_, direction="read", address=msr["index"], size=8, count=1)


def _wrmsr(exit_: DecodedExit, msr: Fields) -> DecodedExit:
    return replace(exit_, direction="write", address=msr["index"], size=8, count=1, value=msr["data"])


def _memory_fault(exit_: DecodedExit, fault: Fields) -> DecodedExit:
    detail = number_names.flags("fault_flags", fault["flags"])
    return replace(exit_, address=fault["gpa"], size=fault["size"], detail=detail)


def _internal_error(exit_: DecodedExit, error: Fields) -> DecodedExit:
    return replace(exit_, detail=number_names.value("internal_error", error["suberror"]))


def _system_event(exit_: DecodedExit, event: Fields) -> DecodedExit:
    return replace(exit_, detail=number_names.value("system_event", event["type"]))


def _tpr_access(exit_: DecodedExit, access: Fields) -> DecodedExit:
    direction = "write" if access["is_write"] else "read"
    return replace(exit_, direction=direction, detail=f"rip {access['rip']:#x}")


def _detail(template: str) -> Callable[[DecodedExit, Fields], DecodedExit]:
    """A decoder for reasons that need no more than a text: `template` takes the layout's fields by name."""

    def decode(exit_: DecodedExit, fields: Fields) -> DecodedExit:
        return replace(exit_, detail=template.format_map(fields))

    return decode


_DECODERS: dict[str, tuple[StructLayout, Callable[[DecodedExit, Fields], DecodedExit]]] = {
    "KVM_EXIT_DEBUG": (struct_layouts.RUN_DEBUG, _detail("exception {exception}, pc {pc:#x}")),
    "KVM_EXIT_EXCEPTION": (
        struct_layouts.RUN_EXCEPTION,
        _detail("exception {exception}, error code {error_code:#x}"),
    ),
    "KVM_EXIT_FAIL_ENTRY": (struct_layouts.RUN_FAIL_ENTRY, _detail("hardware reason {reason:#x}")),
    "KVM_EXIT_HYPERCALL": (struct_layouts.RUN_HYPERCALL, _detail("hypercall {nr}")),
    "KVM_EXIT_INTERNAL_ERROR": (struct_layouts.RUN_INTERNAL, _internal_error),
    "KVM_EXIT_IO": (struct_layouts.RUN_IO, _io),
    "KVM_EXIT_IOAPIC_EOI": (struct_layouts.RUN_EOI, _detail("vector {vector}")),
    "KVM_EXIT_MEMORY_FAULT": (struct_layouts.RUN_MEMORY_FAULT, _memory_fault),
    "KVM_EXIT_MMIO": (struct_layouts.RUN_MMIO, _mmio),
    "KVM_EXIT_SET_TPR": (struct_layouts.RUN_TPR, _detail("cr8 {cr8:#x}")),
    "KVM_EXIT_SYSTEM_EVENT": (struct_layouts.RUN_SYSTEM_EVENT, _system_event),
    "KVM_EXIT_TPR_ACCESS": (struct_layouts.RUN_TPR_ACCESS, _tpr_access),
    "KVM_EXIT_UNKNOWN": (struct_layouts.RUN_UNKNOWN, _detail("hardware reason {reason:#x}")),
    "KVM_EXIT_X86_RDMSR": (struct_layouts.RUN_MSR, _rdmsr),
    "KVM_EXIT_X86_WRMSR": (struct_layouts.RUN_MSR, _wrmsr),
}
