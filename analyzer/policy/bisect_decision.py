"""What a commit's graph answers to the question of a bisection: by rules, or by the chains of another. Pure.

Where nothing is known, since the recording is incomplete or was not asked for it, that is an answer of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from analyzer.diff.change import ChainDiff, NamedGraph
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph, Provenance, start_differences
from analyzer.graph.rules import Rule, RuleCheck, RuleOutcome, check_rule
from gdbscripts.records import BREAK


class BisectAnswer(Enum):
    """What is said of a commit, in git's words."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"


@dataclass(frozen=True)
class DivergedChain:
    """The chain to a milestone that is not as in the old graph."""

    chain: ChainDiff


@dataclass(frozen=True)
class EqualChains:
    """The chains to these milestones are as in the old graph; () stands for every chain."""

    milestones: tuple[str, ...]
    old: str  # the name of the old graph


@dataclass(frozen=True)
class ChainNotCompared:
    """A milestone whose chain could not be compared; `reason` is "" when nothing more is known."""

    milestone: str
    reason: str


@dataclass(frozen=True)
class NothingRecorded:
    """A commit of which there is no graph, and why."""

    reason: str


BisectReason: TypeAlias = "RuleCheck | DivergedChain | EqualChains | ChainNotCompared | NothingRecorded"


@dataclass(frozen=True)
class BisectDecision:
    """The answer, and what it rests on; `reports.text.bisect` words it."""

    answer: BisectAnswer
    reasons: tuple[BisectReason, ...]

    def reversed(self) -> BisectDecision:
        """The decision with good and bad exchanged, to find the commit that repaired something."""
        other = {BisectAnswer.GOOD: BisectAnswer.BAD, BisectAnswer.BAD: BisectAnswer.GOOD}
        return replace(self, answer=other.get(self.answer, self.answer))


_OF_OUTCOME = {
    RuleOutcome.HOLDS: BisectAnswer.GOOD,
    RuleOutcome.BROKEN: BisectAnswer.BAD,
    RuleOutcome.UNCHECKED: BisectAnswer.SKIP,
}


def combine_decisions(decisions: Sequence[BisectDecision]) -> BisectDecision:
    """Bad when one is bad, else skip when one is skip, else good for the reasons of all."""
    for answer in (BisectAnswer.BAD, BisectAnswer.SKIP):
        if found := [decision for decision in decisions if decision.answer is answer]:
            return found[0]
    reasons = tuple(reason for decision in decisions for reason in decision.reasons)
    return BisectDecision(BisectAnswer.GOOD, reasons)


def by_rule(rule: Rule, graph: CallGraph) -> BisectDecision:
    """Whether the rule holds in what was recorded of a commit."""
    check = check_rule(rule, graph)
    return BisectDecision(_OF_OUTCOME[check.outcome], (check,))


def by_chains(old: NamedGraph, new: NamedGraph, milestones: Sequence[str], names: SymbolHistory) -> BisectDecision:
    """Whether the chains to `milestones` are those of `old`.

    Without milestones all chains are compared, but those to functions that `--break` named, which a bisection does
    not record.
    """
    diff = compare(old, new, names)
    chains = [chain for chain in diff.chains if not milestones or chain.milestone in milestones]
    for chain in chains:
        if chain.differs:
            return BisectDecision(BisectAnswer.BAD, (DivergedChain(chain),))
    compared = {chain.milestone for chain in chains}
    for name in milestones or dict.fromkeys(chain.milestone for chain in old.graph.chains):
        if name not in compared and not name.startswith(BREAK):
            reasons = [each.reason for each in diff.not_comparable if each.subject == _title(old, name)]
            return BisectDecision(BisectAnswer.SKIP, (ChainNotCompared(name, (reasons or [""])[0]),))
    return BisectDecision(BisectAnswer.GOOD, (EqualChains(tuple(milestones), old.name),))


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
    if unlike := start_differences(old.graph.provenance, started):
        words = " and ".join(f"{'other' if name == 'arguments' else 'another'} {name}" for name in unlike)
        raise UsageError(f"{old.name} was started with {words}.", f"Start QEMU as it was: {_options(old)}")


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
