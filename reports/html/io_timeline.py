"""The I/O accesses of the report: guest, KVM, QEMU's vCPU thread, device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.kvm.io_accesses import IoAccess, io_accesses
from analyzer.kvm.number_names import exit_reason
from analyzer.model.frames import Stop
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import call_arrow
from gdbscripts.enums import PointerOutcome
from reports.html.report_page import DeviceCall
from reports.html.translate import t
from reports.text.pointers import location_text, origin_text, slot_text

_VALUE_LIMIT = 24  # values shown in one row


def access_groups(recording: Recording) -> Iterator[list[IoAccess]]:
    """Yield the I/O accesses in the order of the recording; successive ones that differ only in value together."""
    if recording.exits:
        for _, accesses in groupby(io_accesses(recording), key=_all_but_value):
            yield list(accesses)


def exit_counts(recording: Recording) -> tuple[tuple[str, int, int], ...]:
    """Return (reason, number of exits, number of recorded exits) of the exits to QEMU, most frequent first."""
    recorded: dict[int, int] = {}
    for exit_ in recording.exits:
        reason = int.from_bytes(exit_.run[8:12], "little")
        recorded[reason] = recorded.get(reason, 0) + 1
    counts = sorted(recording.exit_counts.items(), key=lambda item: -item[1])
    return tuple((exit_reason(reason), count, recorded.get(reason, 0)) for reason, count in counts)


def _all_but_value(access: IoAccess) -> tuple[object, ...]:
    chains = tuple(tuple(frame.function for frame in stop.frames) for stop in (*access.handled, *access.coalesced))
    return access.thread, access.kind, access.address, access.size, access.served, access.reason, chains


def repetitions_text(accesses: Sequence[IoAccess]) -> str:
    """Return how many accesses there are and their values, as text when all are printable; "" for one access."""
    if len(accesses) == 1:
        return ""
    values = [access.value for access in accesses]
    if all(value is not None and (32 <= value < 127 or value in (10, 13)) for value in values):
        text = " ".join("".join(chr(value or 0) for value in values).split())
        return t("{count} accesses, values as text: {text}", count=len(accesses), text=text)
    shown = ", ".join("?" if value is None else f"{value:#x}" for value in values[:_VALUE_LIMIT])
    shown += ", …" if len(values) > _VALUE_LIMIT else ""
    return t("{count} accesses, values: {values}", count=len(accesses), values=shown)


def device_call(stop: Stop, recording: Recording) -> DeviceCall:
    """Return how QEMU calls the device's function, which is the innermost one of the stop."""
    steps = own_chain(stop, recording)
    device = steps[-1]
    slot_name, set_by = "", ""
    if device.pointer is not None:
        slot = graph_pointer(device.pointer)
        slot_name = slot_text(slot)
        origins = [
            f"{origin_text(step)}{', ' if location_text(step) else ''}{location_text(step)}"
            for step in slot.set_by
        ]
        explained = slot.outcome is PointerOutcome.EXPLAINED
        set_by = "; ".join(origins) if explained else f"{slot.outcome}: {slot.reason}"
    frame = stop.frames[0]
    return DeviceCall(
        chain=" ".join(f"{call_arrow(step.kind)} {step.function.name}" for step in steps[:-1]).strip(),
        functions=tuple(step.function for step in steps[:-1]),
        kind=device.kind,
        device=device.function,
        place=f"{frame.file}:{frame.line}" if frame.file else "",
        arguments=", ".join(f"{name}={value}" for name, value in stop.arguments_of(0)),
        slot=slot_name,
        set_by=set_by,
    )


def returned_text(access: IoAccess) -> str:
    """Return what the guest gets; "" for an access that does not exit to QEMU."""
    if not access.reason:
        return ""
    if access.kind.endswith("read") and access.value is not None:
        return t("returns {value} to the guest", value=f"{access.value:#x}")
    return t("returns to the guest")
