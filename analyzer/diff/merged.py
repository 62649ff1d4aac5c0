"""Two call graphs laid over each other: what is on both sides stands once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from analyzer.diff.change import ChainDiff, ChangeKind, Diff
from analyzer.graph.callgraph import Call, CallGraph, Node
from analyzer.model import Function, Kind

_COMPILERS_CHOICE = {Kind.DIRECT, Kind.INLINE, Kind.TAIL}


@dataclass(frozen=True)
class MergedNode:
    """A function on one side or on both; `kinds` are the changes that a chain tells of it."""

    old: Node | None
    new: Node | None
    kinds: frozenset[ChangeKind] = frozenset()

    @property
    def node(self) -> Node:
        """As the new side has it, else as the old one had it. A compiler may leave nothing but its name: then the
        file is the old one's."""
        node = self.new or self.old
        assert node is not None
        return node if node.file or self.old is None else replace(node, file=self.old.file)


@dataclass(frozen=True)
class MergedCall:
    """A call on one side or on both, by way of the merged functions; `pointer`: it is set in another way."""

    caller: Function
    callee: Function
    old: Call | None
    new: Call | None
    pointer: bool = False

    @property
    def state(self) -> str:
        """What became of it: gone, new, same, changed; note when only a compiler made the difference."""
        if self.old is None or self.new is None:
            return "gone" if self.old else "new"
        if self.old.kind is not self.new.kind:
            return "note" if {self.old.kind, self.new.kind} <= _COMPILERS_CHOICE else "changed"
        return "changed" if self.pointer else "same"


def merged_nodes(old: CallGraph, new: CallGraph, diff: Diff) -> dict[Function, MergedNode]:
    """The functions of both, by the one of the new side where there is one; sorted."""
    match = matched(old, new, diff)
    told = _told(diff)
    before = {match.get(node.function, node.function): node for node in old.nodes}
    after = {node.function: node for node in new.nodes}
    return {
        function: MergedNode(before.get(function), after.get(function), told.get(function, frozenset()))
        for function in sorted({*before, *after})
    }


def merged_calls(old: CallGraph, new: CallGraph, diff: Diff) -> list[MergedCall]:
    """The calls of both, between the functions of `merged_nodes`; sorted."""
    match = matched(old, new, diff)
    before: dict[tuple[Function, Function], dict[Kind, Call]] = defaultdict(dict)
    after: dict[tuple[Function, Function], dict[Kind, Call]] = defaultdict(dict)
    for call in old.calls:
        ends = (match.get(call.caller, call.caller), match.get(call.callee, call.callee))
        before[ends][call.kind] = call
    for call in new.calls:
        after[call.caller, call.callee][call.kind] = call
    pointers = {edge for chain in diff.chains for edge in _with_other_pointers(chain)}
    return [
        MergedCall(*ends, *sides, pointer=ends in pointers)
        for ends in sorted({*before, *after})
        for sides in _sides(before.get(ends, {}), after.get(ends, {}))
    ]


def matched(old: CallGraph, new: CallGraph, diff: Diff) -> dict[Function, Function]:
    """The function of the new side for each of the old one that has one: itself, else the one beside it in a
    row, else the only one of its name. No two have the same one."""
    after = {node.function for node in new.nodes}
    match = {node.function: node.function for node in old.nodes if node.function in after}
    left = [node.function for node in old.nodes if node.function not in match]
    free = after - set(match)
    beside = {
        row.old.function: row.new.function
        for chain in diff.chains for row in chain.rows if row.old is not None and row.new is not None
    }  # fmt: skip
    for candidates in (beside, _only_of_its_name(left, free)):
        for function in left:
            other = candidates.get(function)
            if function not in match and other in free:
                match[function] = other
                free.discard(other)
    return match


def _only_of_its_name(left: Iterable[Function], free: Iterable[Function]) -> dict[Function, Function]:
    before, after = _by_name(left), _by_name(free)
    return {
        functions[0]: after[name][0]
        for name, functions in before.items()
        if len(functions) == len(after.get(name, ())) == 1
    }


def _by_name(functions: Iterable[Function]) -> Mapping[str, list[Function]]:
    found: dict[str, list[Function]] = defaultdict(list)
    for function in functions:
        found[function.name].append(function)
    return found


def _told(diff: Diff) -> dict[Function, frozenset[ChangeKind]]:
    """What rows tell of the functions that are on both sides."""
    told: dict[Function, set[ChangeKind]] = defaultdict(set)
    for chain in diff.chains:
        for row in chain.rows:
            if row.old is not None and row.new is not None:
                told[row.new.function].update(change.kind for change in row.changes)
    return {function: frozenset(kinds) for function, kinds in told.items()}


def _with_other_pointers(chain: ChainDiff) -> Iterable[tuple[Function, Function]]:
    """The calls of the new side that a chain says go through a pointer set in another way."""
    there = [row for row in chain.rows if row.new is not None]
    for before, row in pairwise(there):
        if before.new and row.new and any(change.kind is ChangeKind.POINTER for change in row.changes):
            yield before.new.function, row.new.function


def _sides(before: Mapping[Kind, Call], after: Mapping[Kind, Call]) -> Iterable[tuple[Call | None, Call | None]]:
    """Calls between two functions, kind by kind; one kind that gave way to one other is one changed call."""
    gone = [call for kind, call in sorted(before.items()) if kind not in after]
    came = [call for kind, call in sorted(after.items()) if kind not in before]
    yield from ((call, after[kind]) for kind, call in sorted(before.items()) if kind in after)
    if len(gone) == len(came) == 1:
        yield gone[0], came[0]
    else:
        yield from ((call, None) for call in gone)
        yield from ((None, call) for call in came)
