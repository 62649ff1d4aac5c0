"""Finds what cannot be compared, and why, so that it is not reported as equal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from analyzer.diff.calls import explained
from analyzer.diff.chain_pairs import ChainPair
from analyzer.diff.change import ChainDiff, NamedGraph, NotComparable
from analyzer.diff.ioctls import has_full_log
from analyzer.model.headings import ASKED_FOR, filled_in
from analyzer.text import some_of
from gdbscripts.call_kinds import CallKind
from gdbscripts.records import BREAK, UNKNOWN_NAME

_NAMED_FUNCTIONS = 5  # of those of --break that are not comparable for one reason


def reason_not_comparable(pair: ChainPair, old: NamedGraph, new: NamedGraph) -> str:
    """Return why a chain that one side lacks is no change; "" when it is one."""
    lacking, having = (old, new) if pair.old is None else (new, old)
    if reason := _reason_not_recorded(pair.either.milestone, lacking):
        return reason
    missing = next((entry for entry in lacking.graph.missing if entry.milestone == pair.either.milestone), None)
    if missing and not missing.in_program and lacking is new:
        return f"{new.name} has none of the functions {', '.join(missing.functions)}"
    if not lacking.complete:
        return f"{lacking.name} is an incomplete recording and did not reach it"
    return scenario_mismatch(lacking, having)


def _reason_not_recorded(milestone: str, lacking: NamedGraph) -> str:
    """Return why a side may lack the chain to a function of `--break` that it reaches; "" for no such reason."""
    reached = {chain.milestone for chain in lacking.graph.chains}
    missed = {entry.milestone for entry in lacking.graph.missing}
    if not milestone.startswith(BREAK) or milestone in reached | missed:
        return ""
    if not lacking.graph.provenance.tool:  # a baseline does not contain missed milestones
        return f"{lacking.name} does not say whether it was recorded with --break for it"
    return f"{lacking.name} was recorded without --break for it"


def fold_functions_asked_for(entries: Iterable[NotComparable]) -> list[NotComparable]:
    """Return `entries` with those for functions of `--break` that have one reason as one, when they are many.

    A glob of `--break` selects hundreds of functions.
    """
    groups: dict[str, list[str]] = {}
    found = list(dict.fromkeys(entries))
    for entry in found:
        if function := filled_in(ASKED_FOR, entry.subject):
            groups.setdefault(entry.reason, []).append(function)
    folded: dict[NotComparable, None] = {}
    for entry in found:
        functions = groups.get(entry.reason, []) if filled_in(ASKED_FOR, entry.subject) else []
        if len(functions) > _NAMED_FUNCTIONS:
            named = some_of(functions, _NAMED_FUNCTIONS)
            folded.setdefault(NotComparable(ASKED_FOR.format(named), entry.reason))
        else:
            folded.setdefault(entry)
    return list(folded)


def scenario_mismatch(first: NamedGraph, second: NamedGraph) -> str:
    """Return a sentence about the different scenarios of two recordings; "" when they have the same one."""
    if first.scenario == second.scenario:
        return ""
    return f"{first.name} is a recording of {first.scenario}, {second.name} one of {second.scenario}"


def never_reached(old: NamedGraph, new: NamedGraph) -> Iterator[NotComparable]:
    """Yield the milestones that neither side reached, when a recording is incomplete."""
    missing = {entry.milestone for entry in old.graph.missing}
    if not (old.complete and new.complete):
        for entry in new.graph.missing:
            if entry.milestone in missing:
                yield NotComparable(entry.title, "neither side reached it, and not both recordings are complete")


def not_recorded_on_one_side(
    old: NamedGraph, new: NamedGraph, pairs: Sequence[ChainPair]
) -> Iterator[NotComparable]:
    """Yield the ioctls and the origins of pointers, if they were recorded on one side only.

    An incomplete recording yields nothing here: `compare` reports that more than this is missing in it.
    """
    if old.scenario != new.scenario:
        return
    old_steps = [step for pair in pairs if pair.old and pair.new for step in pair.old.steps]
    new_steps = [step for pair in pairs if pair.old and pair.new for step in pair.new.steps]
    for having, steps, lacking, other_steps in (
        (old, old_steps, new, new_steps),
        (new, new_steps, old, old_steps),
    ):
        if not lacking.complete:
            continue
        if has_full_log(having.graph.ioctls) and not has_full_log(lacking.graph.ioctls):
            yield NotComparable(
                "The ioctls", f"{lacking.name} {_reason_for_no_ioctls(lacking.graph.provenance.accelerator)}"
            )
        if any(map(explained, steps)) and not any(step.pointer for step in other_steps):
            yield NotComparable(
                "Who set the function pointers", f"{lacking.name} was recorded without the origins of pointers"
            )


def _reason_for_no_ioctls(accelerator: str) -> str:
    uses_kvm = accelerator in ("", "kvm")
    return "was recorded without them" if uses_kvm else f"ran with {accelerator}, which issues none"


def unknown_frames(old: NamedGraph, new: NamedGraph, chains: Sequence[ChainDiff]) -> Iterator[NotComparable]:
    """Yield the places at which an imported backtrace has frames without a known function."""
    found: dict[NotComparable, None] = {}
    for chain in chains if old.imported or new.imported else ():
        sides = (old, [row.old for row in chain.rows]), (new, [row.new for row in chain.rows])
        for side, side_steps in sides:
            steps = [step for step in side_steps if step]
            for outer, inner in pairwise(steps) if side.imported else ():
                if inner.kind is CallKind.UNKNOWN:
                    where = f"Between {outer.function} and {inner.function}"
                    found.setdefault(NotComparable(where, f"{side.name} has the unknown frame {UNKNOWN_NAME}"))
    yield from found


def pointers_explained_on_one_side(
    old: NamedGraph, new: NamedGraph, chains: Sequence[ChainDiff]
) -> Iterator[NotComparable]:
    """Yield the pointers whose origin only one side knows.

    Nothing is yielded when a side has no origins at all: `not_recorded_on_one_side` reports that once.
    """
    shared = {id(row): row for chain in chains for row in chain.rows}  # many chains share their rows
    rows = [row for row in shared.values() if row.old and row.new]
    have_pointers = (
        any(row.old and row.old.pointer for row in rows),
        any(row.new and row.new.pointer for row in rows),
    )
    reported = set()
    for row in rows if all(have_pointers) else ():
        if (
            not row.old
            or not row.new
            or row.old.kind is not row.new.kind
            or explained(row.old) == explained(row.new)
        ):
            continue
        side, step = (new, row.new) if explained(row.old) else (old, row.old)
        if step.function not in reported:
            reported.add(step.function)
            reason = f"{step.pointer.outcome}: {step.pointer.reason}" if step.pointer else "no origin recorded"
            yield NotComparable(f"Who set the pointer to {step.function}", f"{side.name}: {reason}")
