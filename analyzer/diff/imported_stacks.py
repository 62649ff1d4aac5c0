"""Cuts imported backtraces and recorded chains to the parts that can be compared. Pure.

A backtrace may end anywhere on a recorded chain, or beyond it, as the backtrace of a crash ends in `abort`. It may
also begin anywhere: with the start function of a thread, where a recorded chain continues with the stack that
created the thread, or with any other function, when only a part of a backtrace was imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from analyzer.diff.chain_pairs import ChainPair
from analyzer.diff.change import NotComparable
from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from gdbscripts.call_kinds import CallKind


@dataclass(frozen=True)
class _CommonPart:
    """An imported stack up to its last function on a recorded chain, and that recorded chain up to this function.

    `continues_with` is the next function of the imported stack, "" when the whole stack is common.
    """

    imported: Chain
    recorded: Chain
    continues_with: str


def common_part(
    imported: Sequence[Chain], recorded: Sequence[Chain], recording_name: str
) -> tuple[list[Chain], list[Chain], list[NotComparable]]:
    """Return the chains of both sides cut to what can be compared, and what only the imported stacks have.

    The first list has the imported stacks up to their last function on a recorded chain; the second has the
    recorded chains, and the beginnings of recorded chains up to that function; the third names the next function
    of each stack that continues beyond its recorded chain.
    """
    parts = list(_common_parts(imported, recorded))
    milestones = {part.imported.milestone for part in parts}
    stacks = [chain for chain in imported if chain.milestone not in milestones]
    stacks += dict.fromkeys(part.imported for part in parts)
    beginnings = dict.fromkeys(part.recorded for part in parts)
    not_continued = [
        NotComparable(
            part.imported.title, f"{recording_name} has no chain that continues with {part.continues_with}"
        )
        for part in parts
        if part.continues_with
    ]
    return stacks, [*recorded, *beginnings], list(dict.fromkeys(not_continued))


def _common_parts(imported: Sequence[Chain], recorded: Sequence[Chain]) -> Iterator[_CommonPart]:
    """Yield the common part of each imported stack that leads to no recorded milestone.

    A stack without a common function, or with its outermost function in common only, is left out.
    """
    recorded_milestones = {chain.milestone for chain in recorded}
    recorded_names = {step.function.name for chain in recorded for step in chain.steps}
    for chain in imported:
        names = [step.function.name for step in chain.steps]
        end = next((i for i in range(len(names), 0, -1) if names[i - 1] in recorded_names), 0)
        if chain.milestone in recorded_milestones or not end or end == 1 < len(names):
            continue
        stack = replace(chain, steps=chain.steps[:end])
        candidates = [part for other in recorded if (part := _up_to(names[end - 1], other))]
        shares = [_share_of_common_functions(_from_outermost(part, stack), stack) for part in candidates]
        best = candidates[shares.index(max(shares))]  # the first of equally good ones
        beginning = replace(stack, thread=best.thread, steps=best.steps, open_ended=False)
        yield _CommonPart(stack, beginning, "".join(names[end : end + 1]))


def _up_to(function_name: str, chain: Chain) -> Chain | None:
    names = [step.function.name for step in chain.steps]
    if function_name not in names:
        return None
    return replace(chain, steps=chain.steps[: names.index(function_name) + 1])


def _share_of_common_functions(first: Chain, second: Chain) -> float:
    """Return the share of the functions of two chains that both have, 0 to 1."""
    first_names = {step.function.name for step in first.steps}
    second_names = {step.function.name for step in second.steps}
    return len(first_names & second_names) / len(first_names | second_names)


def trim_to_imported(pair: ChainPair, old_imported: bool, new_imported: bool) -> ChainPair:
    """Return the pair with the recorded chain cut to the imported stack's outermost function.

    The pair stays as it is unless exactly one side is imported. Both chains get the recorded chain's thread.
    """
    if pair.old is None or pair.new is None or old_imported == new_imported:
        return pair
    if old_imported:
        return ChainPair(replace(pair.old, thread=pair.new.thread), _from_outermost(pair.new, pair.old))
    return ChainPair(_from_outermost(pair.old, pair.new), replace(pair.new, thread=pair.old.thread))


def recorded_alternatives(pair: ChainPair, pairs: Iterable[ChainPair]) -> Iterator[ChainPair]:
    """Yield an imported stack without a partner together with each recorded chain to its milestone."""
    for other in pairs:
        chain = other.new if pair.new is None else other.old
        if chain is not None and chain.milestone == pair.either.milestone:
            yield ChainPair(pair.old or chain, pair.new or chain)


def subgraph_of_rows(graph: CallGraph, steps: Iterable[Sequence[ChainStep]]) -> CallGraph:
    """Return the part of a graph that lies on the compared chains, given by their steps.

    A backtrace does not show whether the rest of the graph is new.
    """
    edges = {(a.function, b.function) for chain in steps for a, b in pairwise(chain)}
    return graph.restricted_to(call for call in graph.calls if (call.caller, call.callee) in edges)


def _from_outermost(recorded: Chain, imported: Chain) -> Chain:
    """Return the recorded chain from the imported stack's outermost function on, else from its thread's start."""
    names = [step.function.name for step in recorded.steps]
    outermost = imported.steps[0].function.name
    if names[0] in {step.function.name for step in imported.steps}:
        return recorded
    starts = [i for i, step in enumerate(recorded.steps) if step.kind is CallKind.THREAD_START]
    begin = names.index(outermost) if outermost in names else starts[-1] if starts else 0
    first, *rest = recorded.steps[begin:]
    return replace(recorded, steps=(replace(first, kind=None), *rest))
