"""The values of a judged comparison: which changes count, which are accepted, which rules hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from analyzer.diff.change import Change, Diff, NotComparable
from analyzer.graph.reachability_rules import RuleOutcome


class Verdict(Enum):
    """What a comparison comes to. Commands turn it into an exit status."""

    SAME = "same"
    DIFFERS = "differs"  # something counts, or a rule is broken
    NOT_COMPARABLE = "not comparable"  # all that could be compared is the same, and something could not be


@dataclass(frozen=True)
class JudgedChange:
    """A change, and whether it counts. `accepted` is the reason of the allow-list's entry, "" without an entry."""

    change: Change
    counts: bool  # it is a reason for exit status 1
    accepted: str = ""


@dataclass(frozen=True)
class RuleResult:
    """A must-hold rule of the allow file."""

    rule: str
    reason: str  # why the rule exists, from the allow-list
    outcome: RuleOutcome
    words: str  # the reason of the outcome, as a sentence
    path: tuple[str, ...] = ()  # the functions of the path that decides, outermost first


@dataclass(frozen=True)
class JudgedDiff:
    """A comparison with the decision about each change, the results of the rules and the stale entries."""

    diff: Diff
    findings: tuple[JudgedChange, ...]  # in the order of `diff.changes`
    rules: tuple[RuleResult, ...]
    stale: tuple[str, ...]  # entries of the allow-list that match nothing or have expired: a sentence each
    not_comparable: tuple[
        NotComparable, ...
    ]  # of the comparison and of the rules, without what the allow-list accepts
    stale_counts: bool = False

    @property
    def counting(self) -> tuple[JudgedChange, ...]:
        """The changes that count: they are reasons for exit status 1."""
        return tuple(finding for finding in self.findings if finding.counts)

    @property
    def broken(self) -> tuple[RuleResult, ...]:
        """The results of the rules that do not hold."""
        return tuple(rule for rule in self.rules if rule.outcome is RuleOutcome.BROKEN)

    @property
    def verdict(self) -> Verdict:
        """What the comparison comes to: a difference outweighs what could not be compared."""
        if self.counting or self.broken or (self.stale and self.stale_counts):
            return Verdict.DIFFERS
        return Verdict.NOT_COMPARABLE if self.not_comparable else Verdict.SAME
