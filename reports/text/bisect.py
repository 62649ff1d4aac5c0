"""Writes why a commit is good, bad or skipped in a bisection."""

from __future__ import annotations

from analyzer.graph.reachability_rules import RuleCheck, RuleOutcome
from analyzer.policy.bisect_decision import (
    BisectDecision,
    BisectReason,
    ChainNotCompared,
    DivergedChain,
    EqualChains,
)
from reports.text.rules import rule_sentence
from reports.text.sentences import first_divergence


def decision_sentence(decision: BisectDecision) -> str:
    """Return the reasons of a decision in one line, each once, separated by semicolons."""
    return "; ".join(dict.fromkeys(map(_reason_text, decision.reasons)))


def _reason_text(reason: BisectReason) -> str:
    if isinstance(reason, RuleCheck):
        return _rule_text(reason)
    if isinstance(reason, DivergedChain):
        return f"{reason.chain.milestone}: {first_divergence(reason.chain)}"
    if isinstance(reason, EqualChains):
        return f"{', '.join(reason.milestones) or 'every chain'}: equal to {reason.old}"
    if isinstance(reason, ChainNotCompared):
        return f"{reason.milestone}: {reason.reason or 'not comparable'}"
    return reason.reason


def _rule_text(check: RuleCheck) -> str:
    if check.outcome is RuleOutcome.HOLDS:
        return f"“{check.rule.text}” holds"
    outcome = "is broken" if check.outcome is RuleOutcome.BROKEN else "cannot be checked"
    return f"“{check.rule.text}” {outcome}: {rule_sentence(check)}"
