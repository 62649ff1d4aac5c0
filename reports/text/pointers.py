"""Pointers in words: where a call took its pointer from, and how it was set."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from analyzer.graph.call_graph import GraphPointer, GraphPointerOrigin
from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.model.call_kinds import arrow_key, call_arrow
from analyzer.model.recording import Recording

_WORDS = {
    "passed": "passed as {name} by {function}",
    "read": "read from {name}",
    "stored": "stored in {name} by {function}",
    "copied": "copied to {name} by {function}",
    "written": "written by name in {function}",
    "static": "there from the beginning, in {name}",
    "returned": "returned by {name} to {function}",
}
_NAMELESS = {"passed": "an argument", "returned": "a function"}  # else it is a place without a name


def slot_words(slot: GraphPointer) -> str:
    """Where the call took its pointer from."""
    if slot.kind == "argument":
        return slot.name if slot.name.startswith("an argument ") else f"argument {slot.name}"
    if slot.kind == "global":
        return f"global variable {slot.name}"
    if slot.kind == "local":
        return f"local variable {slot.name}" if slot.name else "a value at hand"
    return slot.name or ("a place without a name" if slot.kind in ("member", "static") else "unknown")


def setting_words(step: GraphPointerOrigin) -> str:
    """One step back to where the pointer was set, without its place."""
    name = step.name or _NAMELESS.get(step.what, "a place without a name")
    return _WORDS[step.what].format(name=name, function=step.function)


def place_words(step: GraphPointerOrigin) -> str:
    """Where the step is made; "" when that is not known."""
    return f"{step.file}:{step.line}" if step.file and step.line else step.file


def pointers_text(recording: Recording) -> Iterator[str]:
    """One text for each call through a pointer that was looked into, in the order of the stacks; then the key."""
    told = set()
    kinds = set()
    for stop in recording.stops:
        steps = own_chain(stop, recording)
        for caller, callee in pairwise(steps):
            key = (caller.function, callee.function, caller.line, callee.pointer)
            if callee.pointer is not None and key not in told:
                told.add(key)
                kinds.add(callee.kind)
                place = f"  ({caller.file}:{caller.line})" if caller.file else ""
                head = f"{caller.function} {call_arrow(callee.kind)} {callee.function}{place}"
                address = f" at {callee.pointer.address:#x}" if callee.pointer.address else ""
                yield "\n".join([head, *_lines(graph_pointer(callee.pointer), address)])
    if kinds:
        yield f"Key: {arrow_key(kinds)}."


def _lines(slot: GraphPointer, address: str) -> Iterator[str]:
    yield f"    through {slot_words(slot)}{address}"
    for step in slot.set_by:
        place = place_words(step)
        yield f"    {setting_words(step)}" + (f", {place}" if place else "")
    if slot.outcome != "explained":
        yield f"    {slot.outcome}: {slot.reason}"
