"""Chains as flows of SARIF, and places."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from analyzer.diff.change import ChainDiff
from analyzer.diff.verdict import JudgedDiff
from analyzer.diff.words import sentence
from analyzer.graph.callgraph import ChainStep
from reports.changes.items import Finding
from reports.changes.safe import sanitized

MOST_STEPS = 1_000  # GitHub shows so many locations of a result's flows
MOST_IN_ALL = 20_000  # it takes a log of 10 MB packed


class SarifFlows:
    """The flow of each result, until they are too much in all; the worst results ask first."""

    def __init__(self, verdict: JudgedDiff, most_in_all: int = MOST_IN_ALL) -> None:
        self._room = most_in_all
        self.left_out = 0  # results that should have had a flow
        self._chains: dict[tuple[str, object], ChainDiff] = {}
        for chain in verdict.diff.chains:
            for change in chain.changes:
                self._chains.setdefault((chain.milestone, change.key), chain)

    def of(self, item: Finding) -> dict[str, Any] | None:
        """The new chain that shows the item's change, the old one where there is no new; None without one."""
        chain = self._chain(item)
        length = min(len(chain.rows) if chain else len(item.path), MOST_STEPS)
        if not length:
            return None
        if length > self._room:
            self.left_out += 1
            return None
        self._room -= length
        steps = _steps_of(sanitized(chain)) if chain else [location(name, "", 0) for name in item.path]
        return {"threadFlows": [{"locations": [{"location": step} for step in _middle_left_out(steps)]}]}

    def _chain(self, item: Finding) -> ChainDiff | None:
        change = item.change
        return self._chains.get((change.chains[0], change.key)) if change and change.chains else None


def location(function: str, file: str, line: int) -> dict[str, Any]:
    """A place as SARIF has it. A file that is not known is `qemu`, since platforms refuse a result without any."""
    artifact = {"uri": quote(file.lstrip("/") or "qemu", safe="/"), "uriBaseId": "SRCROOT"}
    physical: dict[str, Any] = {"artifactLocation": artifact}
    if file and line > 0:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": function}]}


def _steps_of(chain: ChainDiff) -> list[dict[str, Any]]:
    new = any(row.new for row in chain.rows)
    steps = []
    for row in chain.rows:
        step = row.new if new else row.old
        if step is not None:
            said = "; ".join(map(sentence, row.changes)) or step.function.name
            steps.append(_with_message(step, said))
    return steps


def _with_message(step: ChainStep, text: str) -> dict[str, Any]:
    return {**location(step.function.name, step.file, step.line), "message": {"text": text}}


def _middle_left_out(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outermost and the innermost steps, when there are too many; the one between says so."""
    left = len(steps) - MOST_STEPS + 1
    if left <= 1:
        return steps
    half = MOST_STEPS // 2
    gap = {"message": {"text": f"{left} more functions"}}
    return [*steps[:half], gap, *steps[half + left :]]
