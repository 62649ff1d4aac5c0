"""Writes a judged comparison as a JSON document; `changes.schema.json` in this folder describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from analyzer import TOOL
from analyzer.diff.change import AlignedRow, ChainDiff, NamedProvenance
from analyzer.graph.call_graph import ChainStep, GraphPointer, GraphPointerOrigin
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult, Verdict
from reports.text.sentences import first_divergence, sentence, summary

# History of the format:
# 1  first
SCHEMA = 1
_FORMAT = "qemu-callchain changes"
STATUSES = {Verdict.SAME: 0, Verdict.DIFFERS: 1, Verdict.NOT_COMPARABLE: 3}
"""The exit status of `analyze diff` for each verdict."""


def render(judged: JudgedDiff) -> str:
    """Return the document with a line end; names are unchanged, with the escapes of JSON."""
    numbers = {finding.change.key: number for number, finding in enumerate(judged.findings)}
    data = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "tool": TOOL,
        "status": STATUSES[judged.verdict],
        "summary": summary(judged),
        "old": _side(judged.diff.old),
        "new": _side(judged.diff.new),
        "findings": [_finding(finding) for finding in judged.findings],
        "chains": [_chain(chain, numbers) for chain in judged.diff.chains],
        "rules": [_rule(rule) for rule in judged.rules],
        "stale": list(judged.stale),
        "stale_counts": judged.stale_counts,
        "unchecked": [{"subject": part.subject, "reason": part.reason} for part in judged.not_comparable],
    }
    return json.dumps(data, indent=1) + "\n"


def provenance(side: NamedProvenance) -> dict[str, Any]:
    """Return the fields of a side's provenance, with the facts about the build sorted by name."""
    fields = dict(vars(side.provenance))
    fields["build"] = dict(sorted(side.provenance.build.items()))
    return fields


def _side(side: NamedProvenance) -> dict[str, Any]:
    return {"name": side.name, "provenance": provenance(side)}


def _finding(finding: JudgedChange) -> dict[str, Any]:
    change = finding.change
    return {
        "kind": change.kind.value,
        "subject": change.subject,
        "old": change.old,
        "new": change.new,
        "after": change.after,
        "note": change.note,
        "chains": list(change.chains),
        "file": change.file,
        "line": change.line,
        "text": sentence(change),
        "counts": finding.counts,
        "accepted": finding.accepted,
    }


def _chain(chain: ChainDiff, numbers: dict[tuple[str, ...], int]) -> dict[str, Any]:
    return {
        "milestone": chain.milestone,
        "title": chain.title,
        "target": chain.target,
        "old_thread": chain.old_thread,
        "new_thread": chain.new_thread,
        "differs": chain.differs,
        "first_divergence": first_divergence(chain),
        "known": chain.known,
        "findings": sorted({numbers[change.key] for change in chain.changes if change.key in numbers}),
        "rows": [_row(row, numbers) for row in chain.rows],
    }


def _row(row: AlignedRow, numbers: dict[tuple[str, ...], int]) -> dict[str, Any]:
    return {
        "old": _step(row.old),
        "new": _step(row.new),
        "findings": [numbers[change.key] for change in row.changes if change.key in numbers],
    }


def _step(step: ChainStep | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "function": step.function.name,
        "where": step.function.where,
        "kind": step.kind.value if step.kind else None,
        "file": step.file,
        "line": step.line,
        "slot": _pointer(step.pointer),
    }


def _pointer(pointer: GraphPointer | None) -> dict[str, Any] | None:
    return None if pointer is None else {**vars(pointer), "set_by": _origins(pointer.set_by)}


def _origins(origins: Sequence[GraphPointerOrigin]) -> list[dict[str, Any]]:
    return [dict(vars(origin)) for origin in origins]


def _rule(rule: RuleResult) -> dict[str, Any]:
    return {**vars(rule), "path": list(rule.path)}
