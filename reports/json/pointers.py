"""Writes the indirect calls and the origins of their pointers as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analyzer.graph.call_graph import Provenance
from reports.json.document import document
from reports.text.pointers import ExplainedCall

# History of the format:
# 1  first
SCHEMA = 1


def pointers_json(calls: Iterable[ExplainedCall], provenance: Provenance, notes: Sequence[str] = ()) -> str:
    """Return the document with a line end: the indirect calls as `pointers`.

    Each has `caller`, `callee`, `file` and `line` of the call, `kind` and `name` of the slot, its `address` (null
    when unknown), `outcome` and `reason` of the search, and `set_by`: the steps from the call back to the origin
    of the pointer, each with `what`, `name`, `function`, `file` and `line`.
    """
    pointers = list(map(pointer_object, calls))
    return document("pointers", SCHEMA, provenance=vars(provenance), notes=list(notes), pointers=pointers)


def pointer_object(call: ExplainedCall) -> dict[str, Any]:
    """Return an indirect call as an object of the document."""
    pointer = call.pointer
    return {
        "caller": {"name": call.caller.name, "where": call.caller.where},
        "callee": {"name": call.callee.name, "where": call.callee.where},
        "file": call.file,
        "line": call.line,
        "kind": pointer.kind,
        "name": pointer.name,
        "address": hex(call.address) if call.address else None,
        "outcome": pointer.outcome,
        "reason": pointer.reason,
        "set_by": [vars(step) for step in pointer.set_by],
    }
