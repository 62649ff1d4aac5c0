"""What a commit's graph answers to the question of a bisection: by rules, or by the chains of another. Pure.

Where nothing is known, since the recording is incomplete or was not asked for it, that is an answer of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from analyzer.diff.change import NamedGraph
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph, Provenance
from analyzer.graph.rules import Rule, RuleOutcome, check_rule
from gdbscripts.records import BREAK
from reports.text.sentences import first_divergence, started_unlike


class BisectAnswer(Enum):
    """What is said of a commit, in git's words."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"


@dataclass(frozen=True)
class BisectDecision:
    """The answer, and why it is this one."""

    answer: BisectAnswer
    why: str

    def turned(self) -> BisectDecision:
        """The other way round, for those who look for the commit that mended something."""
        other = {
            BisectAnswer.GOOD: BisectAnswer.BAD,
            BisectAnswer.BAD: BisectAnswer.GOOD,
            BisectAnswer.SKIP: BisectAnswer.SKIP,
        }
        return replace(self, answer=other[self.answer])


def combine_decisions(decisions: Sequence[BisectDecision]) -> BisectDecision:
    """One is enough to be bad; good is what nothing speaks against and everything was decided of."""
    for answer in (BisectAnswer.BAD, BisectAnswer.SKIP):
        if found := [decision for decision in decisions if decision.answer is answer]:
            return found[0]
    return BisectDecision(BisectAnswer.GOOD, "; ".join(dict.fromkeys(decision.why for decision in decisions)))


def by_rule(rule: Rule, graph: CallGraph) -> BisectDecision:
    """Whether the rule holds in what was recorded of a commit."""
    verdict = check_rule(rule, graph)
    if verdict.outcome is RuleOutcome.HOLDS:
        return BisectDecision(BisectAnswer.GOOD, f"“{rule.text}” holds")
    if verdict.outcome is RuleOutcome.BROKEN:
        return BisectDecision(BisectAnswer.BAD, f"“{rule.text}” is broken: {verdict.words}")
    return BisectDecision(BisectAnswer.SKIP, f"“{rule.text}” cannot be checked: {verdict.words}")


def by_chains(old: NamedGraph, new: NamedGraph, milestones: Sequence[str], names: SymbolHistory) -> BisectDecision:
    """Whether the chains to `milestones` are those of `old`; when there are none, all but those to what was asked
    for with --break, which a bisection does not ask for."""
    diff = compare(old, new, names)
    chains = [chain for chain in diff.chains if not milestones or chain.milestone in milestones]
    for chain in chains:
        if chain.differs:
            return BisectDecision(BisectAnswer.BAD, f"{chain.milestone}: {first_divergence(chain)}")
    compared = {chain.milestone for chain in chains}
    for name in milestones or dict.fromkeys(chain.milestone for chain in old.graph.chains):
        if name not in compared and not name.startswith(BREAK):
            reasons = [
                not_comparable.reason
                for not_comparable in diff.not_comparable
                if not_comparable.subject == _title(old, name)
            ]
            return BisectDecision(
                BisectAnswer.SKIP, f"{name}: {reasons[0] if reasons else 'it could not be compared'}"
            )
    return BisectDecision(BisectAnswer.GOOD, f"{', '.join(milestones) or 'every chain'}: as in {old.name}")


def check_milestones(milestones: Sequence[str], old: NamedGraph) -> None:
    """UsageError when `old` has no chain to one of them."""
    known = dict.fromkeys(chain.milestone for chain in old.graph.chains)
    for name in milestones:
        if name.startswith(BREAK):
            function = name.removeprefix(BREAK)
            raise UsageError(
                f"A bisection does not ask for {function}.", f"Give a rule: --rule 'main must reach {function}'."
            )
        if name not in known:
            raise UsageError(
                f"{old.name} has no chain to {name}.", f"It has: {', '.join(known) or 'none at all'}."
            )


def check_like(old: NamedGraph, started: Provenance) -> None:
    """UsageError when a recording that was `started` so cannot be like `old`, whatever the commit does."""
    if old.imported:
        return  # nobody knows how that one was started
    if not old.complete:
        raise UsageError(f"{old.name} was not recorded to its end: it shows too little.", "Record it again.")
    if old.scenario != started.scenario:
        raise UsageError(
            f"{old.name} is a recording of {old.scenario}; a bisection records {started.scenario}.",
            f"Give one of {started.scenario}.",
        )
    if unlike := started_unlike(old.graph.provenance, started):
        raise UsageError(f"{old.name} was started with {unlike}.", f"Start QEMU as it was: {_options(old)}")


def _options(old: NamedGraph) -> str:
    """What a QEMU started as `old` was is asked for with; a path of its arguments is not known any more."""
    was = old.graph.provenance
    options = {"--accel": was.accelerator, "--guest": was.guest}
    words = [f"{option} {shlex.quote(value)}" for option, value in options.items() if value]
    machine = f"-machine {was.machine}" if was.machine else ""
    own = " ".join(filter(None, (machine, was.arguments)))
    return " ".join([*words, f"-- {own}" if own else "and nothing after a --"])


def _title(old: NamedGraph, milestone: str) -> str:
    return next(chain.title for chain in old.graph.chains if chain.milestone == milestone)
