"""Reads and writes `graph.json`. The document is sorted and free of addresses, clocks and absolute paths."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import cache
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
from analyzer.model.frames import Function
from analyzer.strict_json import parse_json
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind

# History of the format:
# 1  the first version
# 2  calls and steps have pointers, under the key "slots" and as the last element
# 3  milestones that were not reached; the machine type; the user's QEMU arguments; chains to devices; the call
#    kind `call`
# 4  chains and functions of backtraces that were cut have `open_ended`
SCHEMA = 4
_FORMAT = "qemu-callchain graph"
_TYPES = {"str": str, "int": int, "bool": bool, "dict[str, object]": dict}
_Dataclass = TypeVar("_Dataclass")


def to_json(graph: CallGraph) -> str:
    """Return the graph as JSON text that ends with a newline. `from_json` of it gives an equal graph."""
    functions = [node.function for node in graph.nodes]
    numbers = {function: number for number, function in enumerate(functions)}
    data = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "provenance": vars(graph.provenance),
        "functions": [_node(node) for node in graph.nodes],
        "calls": [_call(call, numbers) for call in graph.calls],
        "chains": [_chain(chain, numbers) for chain in graph.chains],
        **({"shortened": graph.shortened} if graph.shortened else {}),
        "ioctls": [_ioctl(ioctl) for ioctl in graph.ioctls],
        "missing": [vars(entry) for entry in graph.missing],
    }
    text = StringIO()  # uses less memory than `dumps`, which builds a list of all tokens first
    json.dump(data, text, indent=1, ensure_ascii=False)
    return text.getvalue() + "\n"


def from_json(text: str, name: str) -> CallGraph:
    """Return the graph in `text`, of any schema up to SCHEMA.

    Raises AnalyzerError, with `name` in its message, when the text is no graph, is damaged, or has a newer schema.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
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
        function = _function(entry.pop("name"), entry.pop("where"))
        graph.put(_check_types(Node(function, **{**entry, **_tuples(entry, "threads", "milestones")})))
        functions.append(function)
    for entry in data["calls"]:
        sites = tuple(_check_types(CallSite(*site)) for site in entry["sites"])
        pointers = tuple(_read_pointer(pointer) for pointer in entry.get("slots", ()))
        ends = (_at(functions, entry["caller"]), _at(functions, entry["callee"]))
        graph.connect(_check_types(Call(*ends, CallKind(entry["kind"]), entry["hits"], sites, pointers)))
    nodes = [graph.node(function) for function in functions]
    steps: dict[str, ChainStep] = {}
    graph.chains = tuple(_read_chain(entry, nodes, steps) for entry in data["chains"])
    graph.shortened = tuple(map(str, data.get("shortened", ())))
    graph.ioctls = tuple(
        _check_types(GraphIoctl(**{**entry, "function": _function(*entry["function"])}))
        for entry in data["ioctls"]
    )
    graph.missing = tuple(
        _check_types(MissedMilestone(**{**entry, **_tuples(entry, "functions")}))
        for entry in data.get("missing", ())
    )
    return graph


def _read_chain(entry: dict[str, Any], nodes: list[Node], known: dict[str, ChainStep]) -> Chain:
    """Return the chain. `known` are the steps read before: chains have most steps in common."""
    steps = tuple(_read_step(step, nodes, known) for step in entry.pop("steps"))
    if not steps:
        raise ValueError("a chain has no steps")
    return _check_types(Chain(steps=steps, **entry))


def _read_step(entry: list[Any], nodes: list[Node], known: dict[str, ChainStep]) -> ChainStep:
    text = repr(entry)  # unlike the values, it tells 1 from true
    step = known.get(text)
    if step is None:
        number, kind, *place, pointers = _split_pointer(entry)
        node = _at(nodes, number)
        step = ChainStep(node.function, CallKind(kind) if kind else None, *place, *map(_read_pointer, pointers))
        step = known[text] = _check_types(replace(step, defined_in=node.file))
    return step


def _read_pointer(entry: dict[str, Any]) -> GraphPointer:
    set_by = tuple(
        _check_types(GraphPointerOrigin(PointerOriginKind(what), *rest)) for what, *rest in entry.pop("set_by")
    )
    kind, outcome = SlotKind(entry.pop("kind")), PointerOutcome(entry.pop("outcome"))
    return _check_types(GraphPointer(kind=kind, outcome=outcome, set_by=set_by, **entry))


def _at(values: list[_Dataclass], number: int) -> _Dataclass:
    """Return the function or node of that number. Raises IndexError, also for a negative number."""
    if number < 0:
        raise IndexError(f"the graph has no function {number}")
    return values[number]


def _tuples(entry: dict[str, Any], *names: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(str(item) for item in entry[name]) for name in names}


def _function(name: object, where: object) -> Function:
    if type(name) is not str or type(where) is not str:
        raise TypeError("a function is not of two texts")
    return Function(name, where)


def _check_types(value: _Dataclass) -> _Dataclass:
    """Return the dataclass `value`. Raises TypeError when a str, int, bool or dict field has another type."""
    kind: Any = type(value)
    for name, words, expected in _checked_fields(kind):
        if type(getattr(value, name)) is not expected:
            raise TypeError(f"{name} is not of type {words}")
    return value


@cache
def _checked_fields(dataclass: Any) -> list[tuple[str, str, type]]:
    """Return name, type in words and type of the fields whose types are checked."""
    found = [(field.name, str(field.type)) for field in fields(dataclass)]
    return [(name, words, _TYPES[words]) for name, words in found if words in _TYPES]


def _node(node: Node) -> dict[str, Any]:
    entry = {"name": node.function.name, "where": node.function.where, **vars(node)}
    del entry["function"]
    return _without_default(entry, "open_ended")


def _without_default(entry: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the entry without `name` when its value is false or 0, as in most graphs."""
    return {key: value for key, value in entry.items() if key != name or value}


def _split_pointer(step: list[Any]) -> list[Any]:
    """Return function, kind, file, line and instruction of a step, and a list of its pointer if there is one."""
    return [*step[:5], step[5:]]


def _pointer(pointer: GraphPointer) -> dict[str, Any]:
    return {**vars(pointer), "set_by": [list(vars(origin).values()) for origin in pointer.set_by]}


def _call(call: Call, numbers: dict[Function, int]) -> dict[str, Any]:
    pointers = [_pointer(pointer) for pointer in call.pointers]
    return {
        "caller": numbers[call.caller],
        "callee": numbers[call.callee],
        "kind": call.kind.value,
        "hits": call.hits,
        "sites": [[site.file, site.line, site.instruction] for site in call.sites],
        **({"slots": pointers} if pointers else {}),
    }


def _chain(chain: Chain, numbers: dict[Function, int]) -> dict[str, Any]:
    steps = [
        [
            numbers[s.function],
            s.kind.value if s.kind else None,
            s.file,
            s.line,
            s.instruction,
            *([_pointer(s.pointer)] if s.pointer else []),
        ]
        for s in chain.steps
    ]
    entry = {field.name: getattr(chain, field.name) for field in fields(chain)}
    return _without_default({**entry, "steps": steps}, "open_ended")


def _ioctl(ioctl: GraphIoctl) -> dict[str, Any]:
    return {**vars(ioctl), "function": [ioctl.function.name, ioctl.function.where]}
