"""The I/O timeline of the report: each access in four columns: guest, KVM, QEMU's vCPU thread, device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.kvm.io_accesses import IoAccess, io_accesses
from analyzer.kvm.number_names import exit_reason
from analyzer.model.frames import Stop
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind, call_arrow
from gdbscripts.enums import PointerOutcome
from reports.html.report_page import DeviceCall, IoAccessRow
from reports.text.io_accesses import access_words
from reports.text.pointers import location_text, origin_text, slot_text

_VALUE_LIMIT = 24  # values shown in one row


def io_access_rows(recording: Recording) -> Iterator[IoAccessRow]:
    """Yield the I/O accesses in the order of the recording; those that differ only in value share a row."""
    for _, accesses in groupby(io_accesses(recording), key=_all_but_value):
        yield _io_access_row(list(accesses), recording)


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


def _io_access_row(accesses: Sequence[IoAccess], recording: Recording) -> IoAccessRow:
    first = accesses[0]
    return IoAccessRow(
        thread=first.thread,
        time=f"{first.time:.4f}",
        access=access_words(first),
        instruction=first.instruction,
        repetitions=_repetitions(accesses),
        kvm=first.reason or first.served,
        exits_to_qemu=bool(first.reason),
        kernel_chain=f" {call_arrow(CallKind.KERNEL)} ".join(first.kernel),
        device_calls=tuple(_device_call(stop, recording, coalesced) for stop, coalesced in _stops(first)),
        returned=_returned(first),
    )


def _stops(access: IoAccess) -> Iterator[tuple[Stop, bool]]:
    yield from ((stop, True) for stop in access.coalesced)
    yield from ((stop, False) for stop in access.handled)


def _repetitions(accesses: Sequence[IoAccess]) -> str:
    """Return how many accesses there are and their values, as text when all are printable; "" for one access."""
    if len(accesses) == 1:
        return ""
    values = [access.value for access in accesses]
    if all(value is not None and (32 <= value < 127 or value in (10, 13)) for value in values):
        text = " ".join("".join(chr(value or 0) for value in values).split())
        return f"{len(accesses)} accesses, values as text: {text}"
    shown = ", ".join("?" if value is None else f"{value:#x}" for value in values[:_VALUE_LIMIT])
    return f"{len(accesses)} accesses, values: {shown}{', …' if len(values) > _VALUE_LIMIT else ''}"


def _device_call(stop: Stop, recording: Recording, coalesced: bool) -> DeviceCall:
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
        completes_coalesced_write=coalesced,
        chain=" ".join(f"{call_arrow(step.kind)} {step.function.name}" for step in steps[:-1]).strip(),
        caller=steps[-2].function.name if len(steps) > 1 else "",
        functions=len(steps) - 1,
        arrow=call_arrow(device.kind),
        device=device.function.name,
        place=f"{frame.file}:{frame.line}" if frame.file else "",
        arguments=", ".join(f"{name}={value}" for name, value in stop.arguments_of(0)),
        slot=slot_name,
        set_by=set_by,
    )


def _returned(access: IoAccess) -> str:
    if not access.reason:
        return ""
    if access.kind.endswith("read") and access.value is not None:
        return f"returns {access.value:#x} to the guest"
    return "returns to the guest"
