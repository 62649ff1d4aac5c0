"""The I/O path of the report: each access across four lanes: guest, KVM, QEMU's vCPU thread, device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.kvm.io_accesses import IoAccess, access_words, io_accesses
from analyzer.kvm.number_names import exit_reason
from analyzer.model.call_kinds import CallKind, call_arrow
from analyzer.model.frames import Stop
from analyzer.model.recording import Recording
from gdbscripts.enums import PointerOutcome
from reports.html.report_page import DeviceCall, IoAccessRow
from reports.text.pointers import location_text, origin_text, slot_text

_MOST_VALUES = 24  # shown of accesses alike


def io_access_rows(recording: Recording) -> Iterator[IoAccessRow]:
    """The accesses in the order made; those alike that follow each other are told once."""
    for _, alike in groupby(io_accesses(recording), key=_likeness):
        group = list(alike)
        yield _row(group, recording)


def exit_counts(recording: Recording) -> tuple[tuple[str, int, int], ...]:
    """(reason, how many there were, how many were followed) of the exits to QEMU."""
    followed: dict[int, int] = {}
    for exit_ in recording.exits:
        reason = int.from_bytes(exit_.run[8:12], "little")
        followed[reason] = followed.get(reason, 0) + 1
    counts = sorted(recording.exit_counts.items(), key=lambda item: -item[1])
    return tuple((exit_reason(reason), count, followed.get(reason, 0)) for reason, count in counts)


def _likeness(access: IoAccess) -> tuple[object, ...]:
    ways = tuple(tuple(frame.function for frame in stop.frames) for stop in (*access.handled, *access.delivered))
    return access.thread, access.kind, access.address, access.size, access.served, access.reason, ways


def _row(group: Sequence[IoAccess], recording: Recording) -> IoAccessRow:
    first = group[0]
    return IoAccessRow(
        thread=first.thread,
        time=f"{first.time:.4f}",
        guest=access_words(first),
        instruction=first.instruction,
        more=_more(group),
        kvm=first.reason or first.served,
        leaves=bool(first.reason),
        kernel=f" {call_arrow(CallKind.KERNEL)} ".join(first.kernel),
        lanes=tuple(_lane(stop, recording, delivers) for stop, delivers in _stops(first)),
        back=_back(first),
    )


def _stops(access: IoAccess) -> Iterator[tuple[Stop, bool]]:
    yield from ((stop, True) for stop in access.delivered)
    yield from ((stop, False) for stop in access.handled)


def _more(group: Sequence[IoAccess]) -> str:
    """What the others of a group do."""
    if len(group) == 1:
        return ""
    values = [access.value for access in group]
    if all(value is not None and (32 <= value < 127 or value in (10, 13)) for value in values):
        text = " ".join("".join(chr(value or 0) for value in values).split())
        return f"{len(group)} like this, together: {text}"
    shown = ", ".join("?" if value is None else f"{value:#x}" for value in values[:_MOST_VALUES])
    return f"{len(group)} like this: {shown}{', …' if len(values) > _MOST_VALUES else ''}"


def _lane(stop: Stop, recording: Recording, delivers: bool) -> DeviceCall:
    steps = own_chain(stop, recording)
    device = steps[-1]
    through, set_by = "", ""
    if device.pointer is not None:
        slot = graph_pointer(device.pointer)
        through = slot_text(slot)
        told = [
            f"{origin_text(step)}{', ' if location_text(step) else ''}{location_text(step)}"
            for step in slot.set_by
        ]
        set_by = "; ".join(told) if slot.outcome is PointerOutcome.EXPLAINED else f"{slot.outcome}: {slot.reason}"
    frame = stop.frames[0]
    return DeviceCall(
        delivers=delivers,
        chain=" ".join(f"{call_arrow(step.kind)} {step.function.name}" for step in steps[:-1]).strip(),
        caller=steps[-2].function.name if len(steps) > 1 else "",
        functions=len(steps) - 1,
        arrow=call_arrow(device.kind),
        device=device.function.name,
        place=f"{frame.file}:{frame.line}" if frame.file else "",
        arguments=", ".join(f"{name}={value}" for name, value in frame.arguments),
        through=through,
        set_by=set_by,
    )


def _back(access: IoAccess) -> str:
    if not access.reason:
        return ""
    if access.kind.endswith("read") and access.value is not None:
        return f"{access.value:#x} goes back to the guest"
    return "back to the guest"
