"""What cannot be compared, and why: it must not pass for the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from analyzer.diff.calls import explained
from analyzer.diff.chain_pairs import ChainPair
from analyzer.diff.change import ChainDiff, NamedGraph, NotComparable
from analyzer.diff.ioctls import has_full_log
from analyzer.model.call_kinds import CallKind
from gdbscripts.records import BREAK, UNKNOWN_NAME


def why_not(pair: ChainPair, old: NamedGraph, new: NamedGraph) -> str:
    """Why a chain that one side lacks tells nothing; "" when it does."""
    lacking, other = (old, new) if pair.old is None else (new, old)
    if reason := _not_asked(pair.either.milestone, lacking):
        return reason
    missing = next((entry for entry in lacking.graph.missing if entry.milestone == pair.either.milestone), None)
    if missing and not missing.in_program and lacking is new:
        return f"{new.name} has none of the functions {', '.join(missing.functions)}"
    if not lacking.complete:
        return f"{lacking.name} was not recorded to its end and never came there"
    return other_scenario(lacking, other)


def _not_asked(milestone: str, lacking: NamedGraph) -> str:
    """Why a function that a user asks for may lack a chain, other than not being reached; "" for no reason."""
    reached = {chain.milestone for chain in lacking.graph.chains}
    missed = {entry.milestone for entry in lacking.graph.missing}
    if not milestone.startswith(BREAK) or milestone in reached | missed:
        return ""
    if not lacking.graph.provenance.tool:  # a baseline, which does not keep what was missed
        return f"{lacking.name} does not tell whether it was asked for it"
    return f"{lacking.name} was recorded without asking for it"


def other_scenario(one: NamedGraph, other: NamedGraph) -> str:
    """Why two recordings of different scenarios cannot be compared; "" when it is the same one."""
    if one.scenario == other.scenario:
        return ""
    return f"{one.name} is a recording of {one.scenario}, {other.name} one of {other.scenario}"


def never_reached(old: NamedGraph, new: NamedGraph) -> Iterator[NotComparable]:
    """Milestones that neither side came to, and one of them would have, had it been recorded to its end."""
    missing = {entry.milestone for entry in old.graph.missing}
    if not (old.complete and new.complete):
        for entry in new.graph.missing:
            if entry.milestone in missing:
                yield NotComparable(
                    entry.title, "neither side came there, and not both were recorded to their end"
                )


def lacking(old: NamedGraph, new: NamedGraph, pairs: Sequence[ChainPair]) -> Iterator[NotComparable]:
    """What one side tells of and the other one was not asked for."""
    if old.scenario != new.scenario:
        return
    before = [step for pair in pairs if pair.old and pair.new for step in pair.old.steps]
    now = [step for pair in pairs if pair.old and pair.new for step in pair.new.steps]
    for one, steps, other, others in ((old, before, new, now), (new, now, old, before)):
        if not other.complete:
            continue  # of which it is said that it lacks more than that
        if has_full_log(one.graph.ioctls) and not has_full_log(other.graph.ioctls):
            yield NotComparable("The ioctls", f"{other.name} {_why_no_ioctls(other.graph.provenance.accelerator)}")
        if any(map(explained, steps)) and not any(step.pointer for step in others):
            yield NotComparable(
                "Who set the function pointers", f"{other.name} was recorded without asking for it"
            )


def _why_no_ioctls(accelerator: str) -> str:
    kvm = accelerator in ("", "kvm")
    return "was recorded without them" if kvm else f"ran with {accelerator}, which makes none"


def holes(old: NamedGraph, new: NamedGraph, chains: Sequence[ChainDiff]) -> Iterator[NotComparable]:
    """What stands where a pasted backtrace shows that there is something, and not what."""
    told: dict[NotComparable, None] = {}
    for chain in chains:
        sides = (old, [row.old for row in chain.rows]), (new, [row.new for row in chain.rows])
        for source, rows in sides:
            steps = [step for step in rows if step]
            for outer, inner in pairwise(steps) if source.imported else ():
                if inner.kind is CallKind.UNKNOWN:
                    where = f"Between {outer.function} and {inner.function}"
                    told.setdefault(NotComparable(where, f"{source.name} has {UNKNOWN_NAME} there"))
    yield from told


def unexplained(old: NamedGraph, new: NamedGraph, chains: Sequence[ChainDiff]) -> Iterator[NotComparable]:
    """Pointers of which only one side knows who set them; where a side knows of none, that is told as one."""
    rows = [row for chain in chains for row in chain.rows if row.old and row.new]
    slots = [any(row.old and row.old.pointer for row in rows), any(row.new and row.new.pointer for row in rows)]
    told = set()
    for row in rows if all(slots) else ():
        mine, theirs = row.old, row.new
        if not mine or not theirs or mine.kind is not theirs.kind or explained(mine) == explained(theirs):
            continue
        source, step = (new, theirs) if explained(mine) else (old, mine)
        if step.function not in told:
            told.add(step.function)
            reason = f"{step.pointer.outcome}: {step.pointer.reason}" if step.pointer else "it does not say"
            yield NotComparable(f"Who set the pointer to {step.function}", f"{source.name}: {reason}")
