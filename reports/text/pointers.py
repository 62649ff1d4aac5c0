"""Pointers in words: where a call took its pointer from, and how it was set."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from analyzer.graph.call_graph import GraphPointer, GraphPointerOrigin
from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.model.recording import Recording
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind

_WORDS = {
    PointerOriginKind.PASSED: "passed as {name} by {function}",
    PointerOriginKind.READ: "read from {name}",
    PointerOriginKind.STORED: "stored in {name} by {function}",
    PointerOriginKind.COPIED: "copied to {name} by {function}",
    PointerOriginKind.WRITTEN: "written by name in {function}",
    PointerOriginKind.STATIC: "there from the beginning, in {name}",
    PointerOriginKind.RETURNED: "returned by {name} to {function}",
}
# Otherwise it is a place without a name.
_NAMELESS = {PointerOriginKind.PASSED: "an argument", PointerOriginKind.RETURNED: "a function"}


def slot_words(slot: GraphPointer) -> str:
    """Where the call took its pointer from."""
    if slot.kind is SlotKind.ARGUMENT:
        return slot.name if slot.name.startswith("an argument ") else f"argument {slot.name}"
    if slot.kind is SlotKind.GLOBAL:
        return f"global variable {slot.name}"
    if slot.kind is SlotKind.LOCAL:
        return f"local variable {slot.name}" if slot.name else "a value at hand"
    in_memory = slot.kind in (SlotKind.MEMBER, SlotKind.STATIC)
    return slot.name or ("a place without a name" if in_memory else "unknown")


def setting_words(step: GraphPointerOrigin) -> str:
    """One step back to where the pointer was set, without its place."""
    name = step.name or _NAMELESS.get(step.what, "a place without a name")
    return _WORDS[step.what].format(name=name, function=step.function)


def place_words(step: GraphPointerOrigin) -> str:
    """Where the step is made; "" when that is not known."""
    return f"{step.file}:{step.line}" if step.file and step.line else step.file


def pointers_text(recording: Recording) -> Iterator[str]:
    """One text for each call through a pointer that was looked into, in the order of the stacks."""
    told = set()
    for stop in recording.stops:
        steps = own_chain(stop, recording)
        for caller, callee in pairwise(steps):
            key = (caller.function, callee.function, caller.line, callee.pointer)
            if callee.pointer is not None and key not in told:
                told.add(key)
                place = f"  ({caller.file}:{caller.line})" if caller.file else ""
                head = f"{caller.function} -> {callee.function}{place}"
                address = f" at {callee.pointer.address:#x}" if callee.pointer.address else ""
                yield "\n".join([head, *_lines(graph_pointer(callee.pointer), address)])


def _lines(slot: GraphPointer, address: str) -> Iterator[str]:
    yield f"    through {slot_words(slot)}{address}"
    for step in slot.set_by:
        place = place_words(step)
        yield f"    {setting_words(step)}" + (f", {place}" if place else "")
    if slot.outcome is not PointerOutcome.EXPLAINED:
        yield f"    {slot.outcome}: {slot.reason}"
