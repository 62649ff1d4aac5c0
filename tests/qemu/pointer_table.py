"""Which pointers the way to the guest goes through, and who sets them, as QEMU's own sources say.

One row for each call through a pointer on the chains to kvm_init, qemu_init_vcpu and kvm_cpu_exec in QEMU 5.2, 7.2
and 10.0: the function reached, the slot, and the functions that set it, the one with the function's name last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.graph.call_graph import CallGraph, GraphPointer
from gdbscripts.call_kinds import CallKind


@dataclass(frozen=True)
class Row:
    """Patterns: the function reached, the slot, and who set it ("-" for a table that nobody writes to)."""

    reached: str
    slot: str
    set_by: str


TABLE = (
    Row("do_configure_accelerator", r"func of qemu_opts_foreach", "configure_accelerators"),
    Row("kvm_init", r"AccelClass\.init_machine", "kvm_accel_class_init"),
    Row(r"pc_init_v\d+_\d+|pc_i440fx_machine_\d+_\d+_init", r"MachineClass\.init", r"pc_.*_class_init"),
    Row("property_set_bool", r"ObjectProperty\.set", "object_class_property_add, object_class_property_add_bool"),
    Row("device_set_realized", r"BoolProperty\.set", "object_class_property_add_bool, device_class_init"),
    Row(
        "x86_cpu_realizefn",
        r"DeviceClass\.realize",
        "type_initialize, device_class_set_parent_realize, x86_cpu_common_class_init",
    ),
    Row(
        "kvm_start_vcpu_thread",
        r"AccelOpsClass\.create_vcpu_thread|kvm_cpus\.create_vcpu_thread",
        "kvm_accel_ops_class_init|-",
    ),
    Row("kvm_vcpu_thread_fn", r"QemuThreadArgs\.start_routine", "qemu_thread_create, kvm_start_vcpu_thread"),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a row: `found`, or what was found instead."""

    row: Row
    found: bool
    instead: str


def compare(graph: CallGraph) -> Iterator[Verdict]:
    """Each row against the graph of a recording."""
    slots = {c.callee.name: c.pointers for c in graph.calls if c.kind is CallKind.INDIRECT}
    for row in TABLE:
        found = [slot for name, ways in slots.items() if re.fullmatch(row.reached, name) for slot in ways]
        right = len(found) == 1 and _is_right(found[0], row)
        yield Verdict(row, right, "" if right else str(found))


def unexpected(graph: CallGraph) -> list[str]:
    """Calls through a pointer that no row speaks of."""
    return [
        f"{call.caller} -> {call.callee}"
        for call in graph.calls
        if call.kind in (CallKind.INDIRECT, CallKind.UNKNOWN)
        and not any(re.fullmatch(row.reached, call.callee.name) for row in TABLE)
    ]


def _is_right(slot: GraphPointer, row: Row) -> bool:
    setters = ", ".join(step.function for step in slot.set_by if step.function) or "-"
    explained = slot.outcome == "explained"
    return bool(explained and re.fullmatch(row.slot, slot.name) and re.fullmatch(row.set_by, setters))
