"""Writes the outcome of a must-hold rule and its reason as sentences."""

from __future__ import annotations

from analyzer.graph.reachability_rules import PartialGraph, RuleCheck, RuleReason
from analyzer.text import visible
from reports.text.paths import heading

_PARTIAL_GRAPH_SENTENCES = {
    PartialGraph.INCOMPLETE: "The recording is incomplete.",
    PartialGraph.BACKTRACE: "A backtrace shows one moment of a run only.",
}
_SEARCH_LIMIT_SENTENCE = (
    "The search ended at its step limit. Name fewer functions in the rule, with narrower patterns."
)


def rule_sentence(check: RuleCheck) -> str:
    """Return the reason of the outcome in one or two sentences; control characters are escaped."""
    if check.reason is RuleReason.CUT_OFF:
        return _SEARCH_LIMIT_SENTENCE
    if check.reason is RuleReason.PATH:
        return _path_sentence(check)
    if check.reason is RuleReason.PATH_AROUND:
        return f"{_path_sentence(check)} It is not via {visible(str(check.pattern))}."
    return visible(_sentence_without_path(check)).rstrip()


def _sentence_without_path(check: RuleCheck) -> str:
    rule, pattern = check.rule, check.pattern
    limitation = _PARTIAL_GRAPH_SENTENCES[check.partial_graph] if check.partial_graph else ""
    if check.reason is RuleReason.NO_PATH:
        kind = " of the kind the rule names" if rule.via or rule.not_via else ""
        return f"No path{kind} leads from {rule.start} to {rule.goal}. {limitation}"
    if check.reason is RuleReason.NO_PATH_AROUND:
        return f"The graph contains no path that is not via {pattern}. {limitation}"
    if check.reason is RuleReason.NOT_IN_PROGRAM:
        return f"{pattern} is not in the program."
    if check.reason is RuleReason.NEVER_REACHED:
        incomplete = "; the recording is incomplete" if check.partial_graph else ""
        return f"The recording waited for {pattern}, which was never reached{incomplete}."
    similar = f", perhaps to {' or '.join(check.similar)}" if check.similar else ""
    return (
        f"No function of the graph matches {pattern}. If it was renamed{similar}, correct the rule; if it was "
        "not recorded, record it with --break FUNC; if it was removed, delete the rule."
    )


def _path_sentence(check: RuleCheck) -> str:
    if check.path is None:
        return ""
    doubt = "" if check.path.recorded else "; the calls need not occur in one stack"
    return f"A path leads from {heading(check.path)}{doubt}."
