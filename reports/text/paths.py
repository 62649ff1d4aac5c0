"""Writes the paths that a search found: as text, as JSON, and as the part of the graph that they consist of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.graph.call_graph import Call, CallGraph
from analyzer.graph.paths import CallPath, PathQuery
from analyzer.model.frames import Function
from analyzer.text import number_of, visible
from gdbscripts.call_kinds import ARROW_WIDTH, CallKind, arrow_key, call_arrow

# History of the format:
# 1  first
SCHEMA = 1
_FORMAT = "qemu-callchain paths"
_MAX_NAME_WIDTH = 60  # columns for names; longer ones push their place aside


@dataclass(frozen=True)
class PathSearchResult:
    """The paths that a query found in a graph.

    `more`: the graph has further paths. `limit_reached`: the search ended at its step limit, so that the graph may
    have further paths.
    """

    graph: CallGraph
    query: PathQuery
    paths: Sequence[CallPath]
    more: bool = False
    limit_reached: bool = False


def paths_text(result: PathSearchResult) -> Iterator[str]:
    """Yield a text for each path, with one line for each function; at the end the key of the arrows.

    A line has the function, the place of its call to the next function, and the slot through which it is called.
    """
    for number, path in enumerate(result.paths, 1):
        yield f"{number}. {heading(path)}\n" + "\n".join(path_lines(path, result.graph)) + "\n"
    kinds = {call.kind for path in result.paths for call in path.calls}
    if key := arrow_key(kinds):
        yield f"Key: {key}."


def heading(path: CallPath) -> str:
    """Return the ends of a path, the number of its calls, and its origin, without a full stop."""
    first, last = (_one_line(f"{function.name} {_library(function)}".rstrip()) for function in path.ends)
    return f"{first} to {last}, {number_of(len(path.calls), 'call')}, {path_origin(path)}"


def path_origin(path: CallPath) -> str:
    """Return whether a recorded chain contains the path or the path combines calls of several stacks."""
    if path.recorded:
        end = (path.milestone or "").removeprefix(
            "at "
        ) or "its last function"  # "at F" is an imported stack that ends in F
        return f"recorded as a whole in the chain to {_one_line(end)}"
    documented = sum(call.kind is CallKind.DOCUMENTED for call in path.calls)
    if documented:
        return f"combined from several stacks; {documented} of the calls documented, not observed"
    return "combined from several stacks: no recorded chain contains it"


def path_lines(path: CallPath, graph: CallGraph) -> Iterator[str]:
    """Yield a line for each function of the path, with the arrow of the call that leads to it in front."""
    calls = path.calls
    names = [
        _arrow_and_name("", calls[0].caller),
        *(_arrow_and_name(call_arrow(call.kind), call.callee) for call in calls),
    ]
    width = min(max(map(len, names)), _MAX_NAME_WIDTH)
    locations = [*map(_location, calls), ""]
    slots = ["", *map(_slots_text, calls)]
    for name, location, slot, function in zip(names, locations, slots, path.functions, strict=True):
        where = location or graph.node(function).file or _library(function)
        yield f"{name:{width}}  {_one_line(where):36}  {slot}".rstrip()


def paths_json(result: PathSearchResult) -> str:
    """The paths as a JSON document, with a line end.

    `query` has the conditions as asked; `paths` has each path with the names `from` and `to`, `recorded`, the
    `milestone` of the chain that contains it (null: combined from several stacks), and its `calls`, each with
    `caller` and `callee` (name and where), `kind`, `sites` (file, line, instruction) and `slots` (names). `more`
    says whether other paths exist, `limit_reached` whether the search ended at its step limit.
    """
    query = result.query
    data = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "provenance": vars(result.graph.provenance),
        "query": {
            "from": str(query.start),
            "to": str(query.goal),
            "via": list(map(str, query.via)),
            "not_via": list(map(str, query.not_via)),
            "kind": [sorted(kind.value for kind in kinds) for kinds in query.kinds],
            "only_kind": sorted(kind.value for kind in query.only_kinds),
        },
        "paths": list(map(_path_data, result.paths)),
        "more": result.more,
        "limit_reached": result.limit_reached,
    }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def subgraph_of_paths(result: PathSearchResult) -> CallGraph:
    """Return the part of the graph that consists of the functions and calls of the paths."""
    return result.graph.restricted_to(call for path in result.paths for call in path.calls)


def _arrow_and_name(arrow: str, function: Function) -> str:
    return f"{arrow:>{ARROW_WIDTH}} {_one_line(function.name)}"


def _location(call: Call) -> str:
    if not call.sites:
        return ""
    more = f" and {len(call.sites) - 1} more" if len(call.sites) > 1 else ""
    line = f":{call.sites[0].line}" if call.sites[0].line else ""  # a baseline keeps no lines
    return f"{call.sites[0].file}{line}{more}"


def _library(function: Function) -> str:
    return function.where if function.where.startswith("[") else ""


def _slots_text(call: Call) -> str:
    names = _slot_names(call)
    return f"through {_one_line(', '.join(names))}" if names else ""


def _slot_names(call: Call) -> list[str]:
    return list(dict.fromkeys(pointer.name for pointer in call.pointers if pointer.name))


def _path_data(path: CallPath) -> dict[str, Any]:
    return {
        "from": path.functions[0].name,
        "to": path.functions[-1].name,
        "recorded": path.recorded,
        "milestone": path.milestone,
        "calls": [_call_data(call) for call in path.calls],
    }


def _call_data(call: Call) -> dict[str, Any]:
    return {
        "caller": call.caller._asdict(),
        "callee": call.callee._asdict(),
        "kind": call.kind.value,
        "sites": [[site.file, site.line, site.instruction] for site in call.sites],
        "slots": _slot_names(call),
    }


def _one_line(text: str) -> str:
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
