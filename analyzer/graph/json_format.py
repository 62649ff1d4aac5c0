"""`graph.json`: the graph as a document, there and back. Sorted; no addresses, clocks or absolute paths."""

from __future__ import annotations

import json
from dataclasses import fields
from io import StringIO
from typing import Any, TypeVar

from analyzer.errors import NAME_AN_INPUT, AnalyzerError, newer_schema
from analyzer.graph.call_graph import (
    Call,
    CallGraph,
    CallSite,
    Chain,
    ChainStep,
    GraphIoctl,
    GraphPointer,
    GraphPointerOrigin,
    MissedMilestone,
    Node,
    Provenance,
)
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind

# History of the format:
# 1  first
# 2  calls have slots
# 3  milestones that were not reached; the machine type, the user's own QEMU arguments; chains to devices; calls of
#    kind `call`
SCHEMA = 3
_FORMAT = "qemu-callchain graph"
_TYPES = {"str": str, "int": int, "bool": bool, "dict[str, object]": dict}
_Plain = TypeVar("_Plain")


def to_json(graph: CallGraph) -> str:
    """The document as text, with a line end."""
    functions = [node.function for node in graph.nodes]
    numbers = {function: number for number, function in enumerate(functions)}
    data = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "provenance": vars(graph.provenance),
        "functions": [_node(node) for node in graph.nodes],
        "calls": [_call(call, numbers) for call in graph.calls],
        "chains": [_chain(chain, numbers) for chain in graph.chains],
        "ioctls": [_plain(call) for call in graph.ioctls],
        "missing": [vars(entry) for entry in graph.missing],
    }
    text = StringIO()  # `dumps` has each number and bracket as a text of its own before it joins them
    json.dump(data, text, indent=1, ensure_ascii=False)
    return text.getvalue() + "\n"


def from_json(text: str, name: str) -> CallGraph:
    """The graph in `text`; AnalyzerError, naming `name`, when it is none or of a newer schema."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnalyzerError(f"{name} is not a graph: {error}.", NAME_AN_INPUT) from None
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise AnalyzerError(f"{name} is not a graph.", NAME_AN_INPUT)
    try:
        if data["schema"] > SCHEMA:
            raise newer_schema(name, data["schema"], SCHEMA)
        return _read(data)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise AnalyzerError(f"{name} is damaged: {type(error).__name__} {error}.") from None


def _read(data: dict[str, Any]) -> CallGraph:
    provenance = Provenance(**data["provenance"])
    _check_types(provenance)
    graph = CallGraph(provenance)
    functions = []
    for entry in data["functions"]:
        function = Function(entry.pop("name"), entry.pop("where"))
        _check_types(function)
        graph.put(_check_types(Node(function, **{**entry, **_tuples(entry, "threads", "milestones")})))
        functions.append(function)
    for entry in data["calls"]:
        sites = tuple(_check_types(CallSite(*site)) for site in entry["sites"])
        slots = tuple(_read_slot(slot) for slot in entry.get("slots", ()))
        ends = (_numbered(functions, entry["caller"]), _numbered(functions, entry["callee"]))
        graph.connect(_check_types(Call(*ends, CallKind(entry["kind"]), entry["hits"], sites, slots)))
    graph.chains = tuple(_read_chain(entry, functions) for entry in data["chains"])
    graph.ioctls = tuple(
        _check_types(GraphIoctl(**{**entry, "function": _check_types(Function(*entry["function"]))}))
        for entry in data["ioctls"]
    )
    graph.missing = tuple(
        _check_types(MissedMilestone(**{**entry, **_tuples(entry, "functions")}))
        for entry in data.get("missing", ())
    )
    return graph


def _read_chain(entry: dict[str, Any], functions: list[Function]) -> Chain:
    steps = tuple(
        _check_types(
            ChainStep(
                _numbered(functions, number),
                CallKind(kind) if kind else None,
                *place,
                *(_read_slot(slot) for slot in slots),
            )
        )
        for number, kind, *place, slots in map(_with_slots, entry.pop("steps"))
    )
    if not steps:
        raise ValueError("a chain has no steps")
    return _check_types(Chain(steps=steps, **entry))


def _read_slot(entry: dict[str, Any]) -> GraphPointer:
    set_by = tuple(
        _check_types(GraphPointerOrigin(PointerOriginKind(what), *rest)) for what, *rest in entry.pop("set_by")
    )
    kind, outcome = SlotKind(entry.pop("kind")), PointerOutcome(entry.pop("outcome"))
    return _check_types(GraphPointer(kind=kind, outcome=outcome, set_by=set_by, **entry))


def _numbered(functions: list[Function], number: int) -> Function:
    if number < 0:
        raise IndexError(f"there is no function {number}")
    return functions[number]


def _tuples(entry: dict[str, Any], *names: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(str(item) for item in entry[name]) for name in names}


def _check_types(value: _Plain) -> _Plain:
    """The dataclass `value`; TypeError unless its texts, numbers and truths are what the annotations say."""
    for field in fields(value):  # type: ignore[arg-type]
        wanted = _TYPES.get(str(field.type))
        if wanted is not None and type(getattr(value, field.name)) is not wanted:
            raise TypeError(f"{field.name} is no {field.type}")
    return value


def _node(node: Node) -> dict[str, Any]:
    entry = {"name": node.function.name, "where": node.function.where, **vars(node)}
    del entry["function"]
    return entry


def _with_slots(step: list[Any]) -> list[Any]:
    """A step of a chain: function, kind, file, line, instruction, and perhaps a slot (none in schema 1)."""
    return [*step[:5], step[5:]]


def _slot(slot: GraphPointer) -> dict[str, Any]:
    return {**vars(slot), "set_by": [list(vars(step).values()) for step in slot.set_by]}


def _call(call: Call, numbers: dict[Function, int]) -> dict[str, Any]:
    slots = [_slot(slot) for slot in call.slots]
    return {
        "caller": numbers[call.caller],
        "callee": numbers[call.callee],
        "kind": call.kind.value,
        "hits": call.hits,
        "sites": [[site.file, site.line, site.instruction] for site in call.sites],
        **({"slots": slots} if slots else {}),
    }


def _chain(chain: Chain, numbers: dict[Function, int]) -> dict[str, Any]:
    steps = [
        [
            numbers[s.function],
            s.kind.value if s.kind else None,
            s.file,
            s.line,
            s.instruction,
            *([_slot(s.slot)] if s.slot else []),
        ]
        for s in chain.steps
    ]
    return {**vars(chain), "steps": steps}


def _plain(call: GraphIoctl) -> dict[str, Any]:
    return {**vars(call), "function": [call.function.name, call.function.where]}
