"""The guest's I/O accesses as text: what `analyze show --accesses` prints and a row of the report says."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.kvm.io_accesses import IoAccess, io_accesses
from analyzer.model.frames import Stop, calls_in_program, chain_text
from analyzer.model.recording import Recording
from analyzer.text import number_of
from gdbscripts.call_kinds import CallKind, arrow_key


def access_words(access: IoAccess) -> str:
    """The access in one line: `port write 0x80, 1 byte = 0x41`; for a halt or an interrupt its kind and detail."""
    if access.address is None:
        return f"{access.kind}{f' ({access.detail})' if access.detail else ''}"
    times = f", {access.count} times" if access.count > 1 else ""
    size = number_of(access.size, "byte")
    value = "" if access.value is None else f" = {access.value:#x}"
    return f"{access.kind} {access.address:#x}, {size}{times}{value}"


def accesses_text(recording: Recording) -> Iterator[str]:
    """One text of several lines for each access of `recording`, in the order of `io_accesses`; then the key.

    The first line has the time in seconds, the vCPU's thread, the access, and the guest's instruction; the lines
    below have the call chains of QEMU that handle it, or the part of the kernel that serves it. The key explains
    the arrows of the chains.
    """
    kinds: set[CallKind] = set()
    for access in io_accesses(recording):
        instruction = f"  at {access.instruction}" if access.instruction else ""
        lines = [f"{access.time:9.6f} {access.thread:12} {access_words(access)}{instruction}"]
        lines += [f"          coalesced write: {_call_chain(stop)}" for stop in access.coalesced]
        lines += [f"          {access.reason}: {_call_chain(stop)}" for stop in access.handled]
        if not access.handled:
            lines.append(f"          {access.reason or access.served}")
        for stop in (*access.coalesced, *access.handled):
            kinds |= {kind for kind, _ in calls_in_program(stop.frames) if kind}
        yield "\n".join(lines)
    if kinds:
        yield f"Key: {arrow_key(kinds)}."


def _call_chain(stop: Stop) -> str:
    return chain_text(calls_in_program(stop.frames))
