"""Decides whether a commit is good or bad in a bisection: by rules, or by the chains of an older graph. Pure.

A commit is skipped when its recording is incomplete or does not contain what decides.
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
from analyzer.graph.reachability_rules import Rule, RuleCheck, RuleOutcome, check_rule
from gdbscripts.records import BREAK


class BisectAnswer(Enum):
    """The answer for a commit, in the words of `git bisect`."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"


@dataclass(frozen=True)
class DivergedChain:
    """The chain to a milestone that differs from the chain of the old graph."""

    chain: ChainDiff


@dataclass(frozen=True)
class EqualChains:
    """The milestones whose chains equal those of the old graph; () stands for all chains."""

    milestones: tuple[str, ...]
    old: str  # the name of the old graph


@dataclass(frozen=True)
class ChainNotCompared:
    """A milestone whose chain could not be compared; `reason` is "" when the comparison gives none."""

    milestone: str
    reason: str


@dataclass(frozen=True)
class NothingRecorded:
    """A commit without a graph, and the reason for that."""

    reason: str


BisectReason: TypeAlias = "RuleCheck | DivergedChain | EqualChains | ChainNotCompared | NothingRecorded"


@dataclass(frozen=True)
class BisectDecision:
    """The answer for a commit and its reasons; `reports.text.bisect` turns them into sentences."""

    answer: BisectAnswer
    reasons: tuple[BisectReason, ...]

    def reversed(self) -> BisectDecision:
        """Return the decision with good and bad exchanged, to find the commit that repaired something."""
        opposite = {BisectAnswer.GOOD: BisectAnswer.BAD, BisectAnswer.BAD: BisectAnswer.GOOD}
        return replace(self, answer=opposite.get(self.answer, self.answer))


_OF_OUTCOME = {
    RuleOutcome.HOLDS: BisectAnswer.GOOD,
    RuleOutcome.BROKEN: BisectAnswer.BAD,
    RuleOutcome.UNCHECKED: BisectAnswer.SKIP,
}


def combine_decisions(decisions: Sequence[BisectDecision]) -> BisectDecision:
    """Return the first bad decision, else the first one to skip, else a good one with all reasons."""
    for answer in (BisectAnswer.BAD, BisectAnswer.SKIP):
        if found := [decision for decision in decisions if decision.answer is answer]:
            return found[0]
    reasons = tuple(reason for decision in decisions for reason in decision.reasons)
    return BisectDecision(BisectAnswer.GOOD, reasons)


def decide_by_rule(rule: Rule, graph: CallGraph) -> BisectDecision:
    """Return good when the rule holds in the graph of a commit, bad when it is broken, else skip."""
    check = check_rule(rule, graph)
    return BisectDecision(_OF_OUTCOME[check.outcome], (check,))


def decide_by_chains(
    old: NamedGraph, new: NamedGraph, milestones: Sequence[str], names: SymbolHistory
) -> BisectDecision:
    """Return good when the chains to `milestones` equal those of `old`, bad when one differs, else skip.

    Without milestones all chains are compared, except those to functions of `--break`, which a bisection does not
    record.
    """
    diff = compare(old, new, names)
    chains = [chain for chain in diff.chains if not milestones or chain.milestone in milestones]
    for chain in chains:
        if chain.differs:
            return BisectDecision(BisectAnswer.BAD, (DivergedChain(chain),))
    compared = {chain.milestone for chain in chains}
    for name in milestones or dict.fromkeys(chain.milestone for chain in old.graph.chains):
        if name not in compared and not name.startswith(BREAK):
            reasons = [part.reason for part in diff.not_comparable if part.subject == _title(old, name)]
            return BisectDecision(BisectAnswer.SKIP, (ChainNotCompared(name, (reasons or [""])[0]),))
    return BisectDecision(BisectAnswer.GOOD, (EqualChains(tuple(milestones), old.name),))


def check_milestones(milestones: Sequence[str], old: NamedGraph) -> None:
    """Check that `old` has a chain to each of the milestones. Raises UsageError otherwise."""
    known = dict.fromkeys(chain.milestone for chain in old.graph.chains)
    for name in milestones:
        if name.startswith(BREAK):
            function = name.removeprefix(BREAK)
            raise UsageError(
                f"A bisection does not record the chain to {function}.",
                f"Give a rule: --rule 'main must reach {function}'.",
            )
        if name not in known:
            raise UsageError(
                f"{old.name} has no chain to {name}.", f"It has chains to: {', '.join(known) or 'no milestone'}."
            )


def check_same_start(old: NamedGraph, new: Provenance) -> None:
    """Check that the recordings of a bisection, which have the provenance `new`, are started like `old`.

    Raises UsageError when they are not, or when `old` is incomplete: then every commit would differ. An imported
    backtrace does not say how its program was started, and passes.
    """
    if old.imported:
        return
    if not old.complete:
        raise UsageError(f"{old.name} was not recorded to its end and may lack chains.", "Record it again.")
    if old.scenario != new.scenario:
        raise UsageError(
            f"{old.name} is a recording of {old.scenario}; a bisection records {new.scenario}.",
            f"Give a recording of {new.scenario}.",
        )
    if differing := start_differences(old.graph.provenance, new):
        words = " and ".join(f"{'other' if name == 'arguments' else 'another'} {name}" for name in differing)
        raise UsageError(f"{old.name} was started with {words}.", f"Give the same options: {_start_options(old)}")


def _start_options(old: NamedGraph) -> str:
    """Return the options that start QEMU as for `old`; paths in its arguments are not recorded."""
    provenance = old.graph.provenance
    options = {"--accel": provenance.accelerator, "--guest": provenance.guest}
    words = [f"{option} {shlex.quote(value)}" for option, value in options.items() if value]
    machine = f"-machine {provenance.machine}" if provenance.machine else ""
    arguments = " ".join(filter(None, (machine, provenance.arguments)))
    return " ".join([*words, f"-- {arguments}" if arguments else "and nothing after a --"])


def _title(old: NamedGraph, milestone: str) -> str:
    return next(chain.title for chain in old.graph.chains if chain.milestone == milestone)
