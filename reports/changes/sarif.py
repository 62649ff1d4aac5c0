"""A verdict as a SARIF 2.1.0 log: a result for each finding, those of chains with the chain as a flow."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from analyzer import __version__
from analyzer.diff.change import NOTES, ChangeKind
from analyzer.diff.verdict import JudgedDiff
from analyzer.diff.words import summary
from analyzer.errors import ExitStatus
from reports.changes.document import provenance
from reports.changes.flows import SarifFlows, location
from reports.changes.helps import SARIF_HELP
from reports.changes.items import NOT_COMPARABLE, RULE_BROKEN, STALE_ENTRY, Finding, findings
from reports.changes.safe import sanitized

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 5_000  # GitHub refuses a log with more than 25,000 and shows the first 5,000
_LEVELS = {"error": "error", "warning": "warning", "notice": "note"}
_NOTES = {kind.value for kind in NOTES}
_RULES = [*(kind.value for kind in ChangeKind), RULE_BROKEN, NOT_COMPARABLE, STALE_ENTRY]


def render(verdict: JudgedDiff, most: int = MOST_RESULTS) -> str:
    """The log as text, worst results first; how many are left out is a notification."""
    told = findings(verdict)
    flows = SarifFlows(verdict)
    run = {
        "tool": {"driver": _driver()},
        "automationDetails": {"id": f"qemu-callchain/{_scenario(verdict)}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of QEMU's sources."}}},
        "results": [_result(item, flows) for item in told[:most]],
        "properties": _sides(verdict),
    }
    run["invocations"] = [_invocation(verdict, len(told) - most, flows.left_out)]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _scenario(verdict: JudgedDiff) -> str:
    return quote(sanitized(verdict.diff.new.provenance).scenario, safe="") or "unknown"


def _sides(verdict: JudgedDiff) -> dict[str, Any]:
    sides = {"old": sanitized(verdict.diff.old), "new": sanitized(verdict.diff.new)}
    return {name: {"name": side.name, **provenance(side)} for name, side in sides.items()}


def _driver() -> dict[str, Any]:
    return {"name": "qemu-callchain", "semanticVersion": __version__, "rules": [_rule(rule) for rule in _RULES]}


def _rule(rule: str) -> dict[str, Any]:
    level = "note" if rule in _NOTES else "warning" if rule == STALE_ENTRY else "error"
    words = rule.replace("-", " ")
    return {
        "id": rule,
        "name": words.title().replace(" ", ""),
        "shortDescription": {"text": words[:1].upper() + words[1:]},
        "fullDescription": {"text": SARIF_HELP[rule]},
        "help": {"text": SARIF_HELP[rule]},
        "defaultConfiguration": {"level": level},
    }


def _result(item: Finding, flows: SarifFlows) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": item.check,
        "ruleIndex": _RULES.index(item.check),
        "level": _LEVELS[item.level],
        "message": {"text": item.text},
        "locations": [location(item.subject, item.file, item.line)],
        "partialFingerprints": {"callchainChange/v1": item.fingerprint},
        # The old side is the baseline. What is gone is news too: viewers hide what they are told is "absent".
        "baselineState": "unchanged" if item.accepted else "new",
    }
    if item.accepted:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": item.accepted}]
    if flow := flows.of(item):
        result["codeFlows"] = [flow]
    return result


def _invocation(verdict: JudgedDiff, results_left: int, flows_left: int) -> dict[str, Any]:
    told = [_notification(summary(verdict), "note")]
    if results_left > 0:
        told.append(_notification(f"{results_left} more results are left out, the least bad.", "warning"))
    if flows_left:
        told.append(_notification(f"{flows_left} results are without their chain, which is too long.", "note"))
    return {
        "executionSuccessful": verdict.status is not ExitStatus.COULD_NOT_RUN,
        "exitCode": int(verdict.status),
        "toolExecutionNotifications": told,
    }


def _notification(text: str, level: str) -> dict[str, Any]:
    return {"message": {"text": text}, "level": level}
