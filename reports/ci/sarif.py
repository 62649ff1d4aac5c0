"""Writes a judged comparison as a SARIF 2.1.0 log (OASIS standard), with chains as code flows.

The limits are those of GitHub code scanning: GitHub documentation, "SARIF results exceed one or more limits".
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from analyzer import __version__
from analyzer.diff.change import NOTES, ChainDiff, ChangeKind
from analyzer.graph.call_graph import ChainStep
from analyzer.policy.verdict import JudgedDiff, Verdict
from reports.ci.json_document import STATUSES, provenance
from reports.findings import Finding, FindingKind, Level, findings
from reports.sanitize import sanitized
from reports.text.sentences import sentence, summary

MAX_FLOW_STEPS = 1_000  # thread flow locations of a result that GitHub shows; it accepts 10,000
MAX_STEPS_OF_ALL_FLOWS = 20_000  # keeps the log below the 10 MB, compressed, that GitHub accepts


class SarifFlows:
    """Builds the code flow of each result until the log has `max_steps` locations in all.

    The caller asks for the worst results first, so that the limit takes the flows of the least severe results.
    `omitted` is the number of results whose flow is left out.
    """

    def __init__(self, verdict: JudgedDiff, max_steps: int = MAX_STEPS_OF_ALL_FLOWS) -> None:
        self._steps_left = max_steps
        self.omitted = 0  # results without a flow because of the limit
        self._chains: dict[tuple[str, object], ChainDiff] = {}
        for chain in verdict.diff.chains:
            for change in chain.changes:
                self._chains.setdefault((chain.milestone, change.key), chain)

    def flow(self, finding: Finding) -> dict[str, Any] | None:
        """Return the code flow of a finding: the chain that contains its change, or the path of a rule.

        The chain is that of the new program, unless only the old program has one. None for a finding without a
        chain, and when the limit is reached.
        """
        chain = self._chain(finding)
        length = min(len(chain.rows) if chain else len(finding.path), MAX_FLOW_STEPS)
        if not length:
            return None
        if length > self._steps_left:
            self.omitted += 1
            return None
        self._steps_left -= length
        steps = _steps_of(sanitized(chain)) if chain else [location(name, "", 0) for name in finding.path]
        return {"threadFlows": [{"locations": [{"location": step} for step in _without_middle(steps)]}]}

    def _chain(self, finding: Finding) -> ChainDiff | None:
        change = finding.change
        return self._chains.get((change.chains[0], change.key)) if change and change.chains else None


def location(function: str, file: str, line: int) -> dict[str, Any]:
    """Return a SARIF location. `file` is relative to the source root; `line` 0 is unknown.

    An unknown file becomes `qemu`: GitHub requires an artifact location of each result.
    """
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
            text = "; ".join(map(sentence, row.changes)) or step.function.name
            steps.append(_with_message(step, text))
    return steps


def _with_message(step: ChainStep, text: str) -> dict[str, Any]:
    return {**location(step.function.name, step.file, step.line), "message": {"text": text}}


def _without_middle(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return at most `MAX_FLOW_STEPS` steps; a step with the number of omitted ones replaces the middle."""
    omitted = len(steps) - MAX_FLOW_STEPS + 1
    if omitted <= 1:
        return steps
    half = MAX_FLOW_STEPS // 2
    gap = {"message": {"text": f"{omitted} more functions"}}
    return [*steps[:half], gap, *steps[half + omitted :]]


_CHANGE_HELP = {
    ChangeKind.CHAIN_REMOVED: "The old program reaches a milestone that the new program does not reach.",
    ChangeKind.CHAIN_ADDED: "The new program reaches a milestone that the old program does not reach.",
    ChangeKind.THREAD: "Another thread reaches a milestone.",
    ChangeKind.INSERTED: "A function is added to the chain to a milestone.",
    ChangeKind.REMOVED: "A function is removed from the chain to a milestone.",
    ChangeKind.RENAMED: "A function at one position of the chain to a milestone has another name.",
    ChangeKind.CALL_KIND: "The kind of a call changes, such as from a direct call to a call through a pointer.",
    ChangeKind.POINTER: "A call goes through another pointer, or another function sets the pointer.",
    ChangeKind.MOVED: "A function of the chain to a milestone is moved to another source file.",
    ChangeKind.IOCTL_REMOVED: "QEMU no longer issues an ioctl.",
    ChangeKind.IOCTL_ADDED: "QEMU issues an ioctl that it did not issue before.",
    ChangeKind.IOCTL_REORDERED: "QEMU issues the same ioctls in another order.",
    ChangeKind.FUNCTION_REMOVED: "A function that is on no chain is no longer observed.",
    ChangeKind.FUNCTION_ADDED: "A function that is on no chain is newly observed.",
    ChangeKind.CALL_REMOVED: "A call that is on no chain is no longer observed.",
    ChangeKind.CALL_ADDED: "A call that is on no chain is newly observed.",
    ChangeKind.KIND_UNKNOWN: "Only one of the graphs has the kind of a call, which may have changed.",
    ChangeKind.HITS: "Another number of recorded stacks contains a call.",
    ChangeKind.MACHINE_VERSION: "A function is replaced by the same function of another machine version.",
    ChangeKind.OPTIMISED: "A function is inlined or ended by a tail call in one build; the calls are the same.",
}
_ACCEPT_HELP = (
    "If the change is intended, accept it with a reason in the allow-list, or make the new recording the baseline."
)
_FINDING_HELP: dict[ChangeKind | FindingKind, str] = {
    FindingKind.RULE_BROKEN: "A rule of the allow-list does not hold. Correct the program or the rule.",
    FindingKind.NOT_COMPARABLE: "This part could not be compared, so that it may have changed. Check that both "
    "recordings are complete and that the program has the function, or accept it with a reason in the allow-list.",
    FindingKind.STALE_ENTRY: "An entry of the allow-list matches nothing or has expired. Remove it, or renew it.",
}
SARIF_HELP = {kind: f"{text} {_ACCEPT_HELP}" for kind, text in _CHANGE_HELP.items()} | _FINDING_HELP


_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_RESULTS = 5_000  # of a run that GitHub shows; it rejects a run with more than 25,000
_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTICE: "note"}
_RULES: list[ChangeKind | FindingKind] = [*ChangeKind, *FindingKind]


def render(verdict: JudgedDiff, limit: int = MAX_RESULTS) -> str:
    """Return the log with a line end: at most `limit` results, worst first.

    A tool notification has the number of omitted results.
    """
    all_findings = findings(verdict)
    flows = SarifFlows(verdict)
    run = {
        "tool": {"driver": _driver()},
        "automationDetails": {"id": f"qemu-callchain/{_scenario(verdict)}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root folder of QEMU's source code."}}},
        "results": [_result(finding, flows) for finding in all_findings[:limit]],
        "properties": _sides(verdict),
    }
    run["invocations"] = [_invocation(verdict, len(all_findings) - limit, flows.omitted)]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _scenario(verdict: JudgedDiff) -> str:
    return quote(sanitized(verdict.diff.new.provenance).scenario, safe="") or "unknown"


def _sides(verdict: JudgedDiff) -> dict[str, Any]:
    sides = {"old": sanitized(verdict.diff.old), "new": sanitized(verdict.diff.new)}
    return {name: {"name": side.name, **provenance(side)} for name, side in sides.items()}


def _driver() -> dict[str, Any]:
    return {"name": "qemu-callchain", "semanticVersion": __version__, "rules": [_rule(rule) for rule in _RULES]}


def _rule(rule: ChangeKind | FindingKind) -> dict[str, Any]:
    level = "note" if rule in NOTES else "warning" if rule is FindingKind.STALE_ENTRY else "error"
    title = rule.value.replace("-", " ")
    return {
        "id": rule.value,
        "name": title.title().replace(" ", ""),
        "shortDescription": {"text": title[:1].upper() + title[1:]},
        "fullDescription": {"text": SARIF_HELP[rule]},
        "help": {"text": SARIF_HELP[rule]},
        "defaultConfiguration": {"level": level},
    }


def _result(finding: Finding, flows: SarifFlows) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.check.value,
        "ruleIndex": _RULES.index(finding.check),
        "level": _LEVELS[finding.level],
        "message": {"text": finding.text},
        "locations": [location(finding.subject, finding.file, finding.line)],
        "partialFingerprints": {"callchainChange/v1": finding.fingerprint},
        # The old side is the baseline. A removal is "new", too: viewers hide results with the state "absent".
        "baselineState": "unchanged" if finding.accepted else "new",
    }
    if finding.accepted:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.accepted}]
    if flow := flows.flow(finding):
        result["codeFlows"] = [flow]
    return result


def _invocation(judged: JudgedDiff, omitted_results: int, omitted_flows: int) -> dict[str, Any]:
    notifications = [_notification(summary(judged), "note")]
    if omitted_results > 0:
        notifications.append(
            _notification(f"{omitted_results} more results of the lowest levels are left out.", "warning")
        )
    if omitted_flows:
        notifications.append(
            _notification(
                f"{omitted_flows} results have no code flow: the log would contain too many steps.", "note"
            )
        )
    return {
        "executionSuccessful": judged.verdict is not Verdict.NOT_COMPARABLE,
        "exitCode": STATUSES[judged.verdict],
        "toolExecutionNotifications": notifications,
    }


def _notification(text: str, level: str) -> dict[str, Any]:
    return {"message": {"text": text}, "level": level}
