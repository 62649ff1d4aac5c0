"""Writes the origins of function pointers: the slot that a call loads, and how the pointer got into the slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from analyzer.graph.call_graph import CallGraph, GraphPointer, GraphPointerOrigin
from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.model.frames import Function
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind, arrow_key, call_arrow
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind

_ORIGIN_TEMPLATES = {
    PointerOriginKind.PASSED: "passed as {name} by {function}",
    PointerOriginKind.READ: "read from {name}",
    PointerOriginKind.STORED: "stored in {name} by {function}",
    PointerOriginKind.COPIED: "copied to {name} by {function}",
    PointerOriginKind.WRITTEN: "named in the source of {function}",
    PointerOriginKind.STATIC: "initialised statically in {name}",
    PointerOriginKind.RETURNED: "returned by {name} to {function}",
}
_UNNAMED_ORIGINS = {PointerOriginKind.PASSED: "an argument", PointerOriginKind.RETURNED: "a function"}


def slot_text(slot: GraphPointer) -> str:
    """Return the slot that the call loads its pointer from: "argument f of g", "global variable f", "Ops.run"."""
    if slot.kind is SlotKind.ARGUMENT:
        return slot.name if slot.name.startswith("an argument ") else f"argument {slot.name}"
    if slot.kind is SlotKind.GLOBAL:
        return f"global variable {slot.name}"
    if slot.kind is SlotKind.LOCAL:
        return f"local variable {slot.name}" if slot.name else "an unnamed local value"
    in_memory = slot.kind in (SlotKind.MEMBER, SlotKind.STATIC)
    return slot.name or ("unnamed memory" if in_memory else "unknown")


def origin_text(origin: GraphPointerOrigin) -> str:
    """Return one step from the call back to the origin of the pointer: "stored in Ops.run by init"."""
    name = origin.name or _UNNAMED_ORIGINS.get(origin.what, "unnamed memory")
    return _ORIGIN_TEMPLATES[origin.what].format(name=name, function=origin.function)


def location_text(origin: GraphPointerOrigin) -> str:
    """Return FILE:LINE of the step, FILE when the line is unknown, "" when the file is unknown."""
    return f"{origin.file}:{origin.line}" if origin.file and origin.line else origin.file


@dataclass(frozen=True)
class ExplainedCall:
    """An indirect call with the origin of its pointer.

    `file` and `line` are the call site, "" and 0 when unknown. `address` is the address of the slot; 0 for a
    call of a graph, which has no addresses, and for a slot without one.
    """

    caller: Function
    callee: Function
    file: str
    line: int
    pointer: GraphPointer
    kind: CallKind | None
    address: int = 0


def pointer_calls(recording: Recording) -> Iterator[ExplainedCall]:
    """Yield the indirect calls of a recording whose pointer was searched, each once, in the order of the stops."""
    seen = set()
    for stop in recording.stops:
        for caller, callee in pairwise(own_chain(stop, recording)):
            key = (caller.function, callee.function, caller.line, callee.pointer)
            if callee.pointer is not None and key not in seen:
                seen.add(key)
                pointer, address = graph_pointer(callee.pointer), callee.pointer.address
                yield ExplainedCall(
                    caller.function, callee.function, caller.file, caller.line, pointer, callee.kind, address
                )


def pointer_calls_of_graph(graph: CallGraph) -> Iterator[ExplainedCall]:
    """Yield the indirect calls of a graph with a pointer, each once: those on chains first."""
    seen = set()
    for chain in graph.chains:
        for caller, callee in pairwise(chain.steps):
            key = (caller.function, callee.function, callee.pointer)
            if callee.pointer is not None and key not in seen:
                seen.add(key)
                yield ExplainedCall(
                    caller.function, callee.function, caller.file, caller.line, callee.pointer, callee.kind
                )
    for call in graph.calls:
        file, line = (call.sites[0].file, call.sites[0].line) if call.sites else ("", 0)
        for pointer in call.pointers:
            if (call.caller, call.callee, pointer) not in seen:
                yield ExplainedCall(call.caller, call.callee, file, line, pointer, call.kind)


def pointers_text(calls: Iterable[ExplainedCall]) -> Iterator[str]:
    """Yield a text for each call: caller, arrow, callee, call site, slot and origin; then the key."""
    kinds = set()
    for call in calls:
        kinds.add(call.kind)
        call_site = f"{call.file}:{call.line}" if call.file and call.line else call.file
        address = f" at {call.address:#x}" if call.address else ""
        call_line = f"{call.caller} {call_arrow(call.kind)} {call.callee}" + (
            f"  ({call_site})" if call_site else ""
        )
        yield "\n".join([call_line, *_pointer_lines(call.pointer, address)])
    if kinds:
        yield f"Key: {arrow_key(kinds)}."


def _pointer_lines(slot: GraphPointer, address: str) -> Iterator[str]:
    yield f"    through {slot_text(slot)}{address}"
    for origin in slot.set_by:
        location = location_text(origin)
        yield f"    {origin_text(origin)}" + (f", {location}" if location else "")
    if slot.outcome is not PointerOutcome.EXPLAINED:
        yield f"    {slot.outcome}: {slot.reason}"
