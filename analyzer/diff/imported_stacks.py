"""Backtraces that somebody pasted, beside recorded chains: what of these they can be compared with. Pure.

A backtrace may end anywhere on a recorded chain, or beyond it, as one of a crash ends in `abort`. It may begin
anywhere, too: with the start function of a thread, where a chain goes on with the stack that created it, or with
the outermost frame that somebody found worth pasting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from analyzer.diff.chain_pairs import ChainPair
from analyzer.diff.change import NotComparable
from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from analyzer.model.call_kinds import CallKind


@dataclass(frozen=True)
class _CommonPart:
    """A pasted stack as far as recorded chains go along, and the beginning of the one that goes along best.

    `beyond` is the function with which the stack goes on alone, "" when it does not.
    """

    imported: Chain
    recorded: Chain
    beyond: str


def common_part(
    imported: Sequence[Chain], recorded: Sequence[Chain], name: str
) -> tuple[list[Chain], list[Chain], list[NotComparable]]:
    """The chains of both sides as far as they can be compared: stacks that meet a recorded chain, up to there, and
    the beginnings they meet. How stacks go on alone, beside the recording of that `name`, is told."""
    met = list(_meetings(imported, recorded))
    milestones = {each.imported.milestone for each in met}
    stacks = [chain for chain in imported if chain.milestone not in milestones]
    stacks += dict.fromkeys(each.imported for each in met)
    beginnings = dict.fromkeys(each.recorded for each in met)
    beyond = [
        NotComparable(each.imported.title, f"{name} has no chain that goes on to {each.beyond}")
        for each in met
        if each.beyond
    ]
    return stacks, [*recorded, *beginnings], list(dict.fromkeys(beyond))


def _meetings(imported: Sequence[Chain], recorded: Sequence[Chain]) -> Iterator[_CommonPart]:
    """For each pasted stack that leads to no milestone of the recorded chains, where it meets one of them. Stacks
    that meet none, or at their outermost function only, are left out."""
    known = {chain.milestone for chain in recorded}
    passed = {step.function.name for chain in recorded for step in chain.steps}
    for chain in imported:
        names = [step.function.name for step in chain.steps]
        end = next((i for i in range(len(names), 0, -1) if names[i - 1] in passed), 0)
        if chain.milestone in known or not end or end == 1 < len(names):
            continue
        stack = replace(chain, steps=chain.steps[:end])
        ways = [way for other in recorded if (way := _up_to(names[end - 1], other))]
        scores = [_in_common(_beginning_like(way, stack), stack) for way in ways]
        best = ways[scores.index(max(scores))]  # the first of equals
        yield _CommonPart(
            stack, replace(stack, thread=best.thread, steps=best.steps), "".join(names[end : end + 1])
        )


def _up_to(goal: str, chain: Chain) -> Chain | None:
    names = [step.function.name for step in chain.steps]
    return replace(chain, steps=chain.steps[: names.index(goal) + 1]) if goal in names else None


def _in_common(one: Chain, other: Chain) -> float:
    """The share of functions that both chains have, 0 to 1."""
    mine = {step.function.name for step in one.steps}
    theirs = {step.function.name for step in other.steps}
    return len(mine & theirs) / len(mine | theirs)


def of_one_thread(pair: ChainPair, old_imported: bool, new_imported: bool) -> ChainPair:
    """The pair as it can be compared: without what lies outside the pasted stack's outermost frame."""
    if pair.old is None or pair.new is None or old_imported == new_imported:
        return pair
    if old_imported:
        return ChainPair(replace(pair.old, thread=pair.new.thread), _beginning_like(pair.new, pair.old))
    return ChainPair(_beginning_like(pair.old, pair.new), replace(pair.new, thread=pair.old.thread))


def with_same_milestone(pair: ChainPair, pairs: Iterable[ChainPair]) -> Iterator[ChainPair]:
    """A stack that is alone, with each recorded chain of the pairs that leads to the same milestone."""
    for other in pairs:
        chain = other.new if pair.new is None else other.old
        if chain is not None and chain.milestone == pair.either.milestone:
            yield ChainPair(pair.old or chain, pair.new or chain)


def subgraph_of_rows(graph: CallGraph, steps: Iterable[Sequence[ChainStep]]) -> CallGraph:
    """The calls of a graph that lie on compared chains: of the rest a backtrace tells nothing, not even that it is
    new."""
    edges = {(a.function, b.function) for chain in steps for a, b in pairwise(chain)}
    return graph.restricted_to(call for call in graph.calls if (call.caller, call.callee) in edges)


def _beginning_like(recorded: Chain, imported: Chain) -> Chain:
    """The recorded chain from the function the pasted stack begins with; else from the start of its thread."""
    names = [step.function.name for step in recorded.steps]
    outermost = imported.steps[0].function.name
    if names[0] in {step.function.name for step in imported.steps}:
        return recorded
    starts = [i for i, step in enumerate(recorded.steps) if step.kind is CallKind.THREAD_START]
    at = names.index(outermost) if outermost in names else starts[-1] if starts else 0
    first, *others = recorded.steps[at:]
    return replace(recorded, steps=(replace(first, kind=None), *others))
