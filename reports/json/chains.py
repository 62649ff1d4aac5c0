"""Writes the chains of a graph or a baseline as a JSON document."""

from __future__ import annotations

from typing import Any

from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from reports.json.document import document
from reports.text.graph import chains_about

# History of the format:
# 1  first
SCHEMA = 1


def chains_json(graph: CallGraph, function: str = "") -> str:
    """Return the document with a line end: the chains of `chains_about` as `chains`.

    Each chain has `milestone`, `title`, `thread` and `steps`, outermost first. A step has `kind`, `instruction`
    and `pointer` of the call that leads to it (`kind`: null for the first step; `pointer`: name of the slot, null
    when it was not searched), and `file` and `line` of the call that it makes (0 when unknown). Raises UsageError
    as `chains_about`.
    """
    chains = [_chain(chain) for chain in chains_about(graph, function)]
    return document("chains", SCHEMA, provenance=vars(graph.provenance), chains=chains)


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "milestone": chain.milestone,
        "title": chain.title,
        "thread": chain.thread,
        "steps": list(map(_step, chain.steps)),
        **({"open_ended": True} if chain.open_ended else {}),
    }


def _step(step: ChainStep) -> dict[str, Any]:
    return {
        "function": {"name": step.function.name, "where": step.function.where},
        "kind": step.kind.value if step.kind else None,
        "file": step.file,
        "line": step.line,
        "instruction": step.instruction,
        "pointer": step.pointer.name if step.pointer else None,
    }
