"""What a comparison tells of single functions and calls, for whoever draws them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from analyzer.diff.calls import call_kind
from analyzer.diff.change import NOTES, AlignedRow, ChainDiff, Change, ChangeKind, Diff
from analyzer.diff.off_chain import matched_functions
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Call, CallGraph, ChainStep, Node
from analyzer.kvm.kernel_functions import KERNEL
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function

Way = tuple[Function, Function]
_SIDES: tuple[Callable[[AlignedRow], ChainStep | None], ...] = (lambda row: row.old, lambda row: row.new)


class ChangeIndex:
    """Looks things up in a comparison."""

    def __init__(self, diff: Diff) -> None:
        self._diff = diff

    @property
    def recorded(self) -> bool:
        """As `Diff.recorded`."""
        return self._diff.recorded

    def kinds(self, old: Function, new: Function) -> frozenset[ChangeKind]:
        """What changed about a function that both sides have."""
        return frozenset(self._kinds.get((old, new), ())) | self._outside.get(new.name, frozenset())

    @cached_property
    def optimised(self) -> frozenset[str]:
        """Names of functions that one side lacks by its compiler's choice, and of no other change."""
        kinds: dict[str, set[ChangeKind]] = defaultdict(set)
        for change in self._diff.changes:
            kinds[change.subject].add(change.kind)
        return frozenset(name for name, those in kinds.items() if those == {ChangeKind.OPTIMISED})

    @cached_property
    def past_optimised(self) -> frozenset[Way]:
        """Calls of one side past functions that only the compiler took out of its chains or put in."""
        return frozenset(way for chain in self._diff.chains for side in _SIDES for way in _past(chain, side))

    @cached_property
    def other_pointers(self) -> frozenset[Way]:
        """Calls of the new side through a pointer that is another one, or is set in another way."""
        ways = (
            way for chain in self._diff.chains for way, rows in _ways(chain, _SIDES[1])
            if _has(rows[-1].changes, ChangeKind.POINTER)
        )  # fmt: skip
        return frozenset(ways)

    @cached_property
    def _kinds(self) -> dict[Way, set[ChangeKind]]:
        kinds: dict[Way, set[ChangeKind]] = defaultdict(set)
        for chain in self._diff.chains:
            for row in chain.rows:
                if row.old is not None and row.new is not None:
                    kinds[row.old.function, row.new.function].update(change.kind for change in row.changes)
        return kinds

    @cached_property
    def _outside(self) -> dict[str, frozenset[ChangeKind]]:
        moved = (change for change in self._diff.changes if change.kind is ChangeKind.MOVED and not change.chains)
        return {change.subject: frozenset({change.kind}) for change in moved}


def _has(changes: Iterable[Change], kind: ChangeKind) -> bool:
    return any(change.kind is kind for change in changes)


def _ways(
    chain: ChainDiff, side: Callable[[AlignedRow], ChainStep | None]
) -> Iterator[tuple[Way, list[AlignedRow]]]:
    """The calls of one side's chain, each with the rows from its caller's to its callee's."""
    rows: list[AlignedRow] = []
    for row in chain.rows:
        rows.append(row)
        step = side(row)
        if step is not None:
            caller = side(rows[0])
            if caller is not None and len(rows) > 1:
                yield (caller.function, step.function), rows
            rows = [row]


def _past(chain: ChainDiff, side: Callable[[AlignedRow], ChainStep | None]) -> Iterator[Way]:
    for way, rows in _ways(chain, side):
        alone = [row for row in rows if row.old is None or row.new is None]
        if alone and not any(row.differs for row in alone):
            yield way


CHANGED = (ChangeKind.RENAMED, ChangeKind.MOVED)  # of a function on both sides
NO_NAMES = SymbolHistory()


@dataclass(frozen=True)
class MergedNode:
    """A function on one side or on both; `kinds` are the changes told of it when it is on both. `note`: that one
    side lacks it does not count."""

    old: Node | None
    new: Node | None
    kinds: frozenset[ChangeKind] = frozenset()
    note: bool = False

    @property
    def node(self) -> Node:
        """As the new side has it, else as the old one had it. A compiler may leave nothing but its name: then the
        file is the old one's."""
        node = self.new or self.old
        assert node is not None
        return node if node.file or self.old is None else replace(node, file=self.old.file)

    @property
    def state(self) -> str:
        """What became of it: gone, new, changed, note or same."""
        if self.old is None or self.new is None:
            return "note" if self.note else "gone" if self.old else "new"
        if self.kinds & set(CHANGED):
            return "changed"
        return "same" if self.old.function.name == self.new.function.name else "note"


@dataclass(frozen=True)
class MergedCall:
    """A call on one side or on both, between two nodes by number. `pointer`: it is set in another way; `note`:
    that one side lacks it does not count; `recorded`: as `Diff.recorded`."""

    caller: int
    callee: int
    old: Call | None
    new: Call | None
    pointer: bool = False
    note: bool = False
    recorded: bool = True

    @property
    def state(self) -> str:
        """What became of it: gone, new, changed, note or same."""
        if self.old is None or self.new is None:
            return "note" if self.note else "gone" if self.old else "new"
        if change := call_kind("", self.old.kind, self.new.kind, ("", 0), self.recorded):
            return "note" if change.kind in NOTES else "changed"
        return "changed" if self.pointer else "same"


@dataclass(frozen=True)
class MergedGraph:
    """Both graphs in one."""

    nodes: tuple[MergedNode, ...]  # sorted by name
    calls: tuple[MergedCall, ...]  # sorted by node


def merge_graphs(old: CallGraph, new: CallGraph, diff: Diff, names: SymbolHistory = NO_NAMES) -> MergedGraph:
    """The functions and calls of both. A function that two could be is that of the first."""
    told = ChangeIndex(diff)
    inlined = {call.callee for graph in (old, new) for call in graph.calls if call.kind is CallKind.INLINE}
    match = _one_to_one(matched_functions(old, new, diff.chains, names))
    nodes = sorted(_nodes(old, new, match, told), key=lambda it: (it.node.function, it.old is None))
    before = {it.old.function: number for number, it in enumerate(nodes) if it.old}
    after = {it.new.function: number for number, it in enumerate(nodes) if it.new}
    calls: dict[tuple[int, int], _Sides] = defaultdict(_Sides.none)
    for call in old.calls:
        calls[before[call.caller], before[call.callee]].old[call.kind] = call
    for call in new.calls:
        calls[after[call.caller], after[call.callee]].new[call.kind] = call
    return MergedGraph(
        tuple(nodes),
        tuple(
            _call(*ends, *sides, nodes, told, inlined) for ends in sorted(calls) for sides in calls[ends].pairs()
        ),
    )


@dataclass(frozen=True)
class _Sides:
    """The calls between two functions, by kind."""

    old: dict[CallKind, Call]
    new: dict[CallKind, Call]

    @classmethod
    def none(cls) -> _Sides:
        return cls({}, {})

    def pairs(self) -> Iterable[tuple[Call | None, Call | None]]:
        """Kind by kind; one kind that gave way to one other is one changed call."""
        gone = [call for kind, call in sorted(self.old.items()) if kind not in self.new]
        came = [call for kind, call in sorted(self.new.items()) if kind not in self.old]
        yield from ((call, self.new[kind]) for kind, call in sorted(self.old.items()) if kind in self.new)
        if len(gone) == len(came) == 1:
            yield gone[0], came[0]
        else:
            yield from ((call, None) for call in gone)
            yield from ((None, call) for call in came)


def _one_to_one(match: Mapping[Function, Function]) -> dict[Function, Function]:
    firsts: dict[Function, Function] = {}
    for before, now in match.items():
        firsts.setdefault(now, before)
    return {before: now for now, before in firsts.items()}


def _nodes(
    old: CallGraph, new: CallGraph, match: Mapping[Function, Function], told: ChangeIndex
) -> Iterable[MergedNode]:
    after = {node.function: node for node in new.nodes}
    for node in old.nodes:
        now = match.get(node.function)
        if now is None:
            yield MergedNode(node, None, note=_is_note(node.function, told))
        else:
            yield MergedNode(node, after.pop(now), told.kinds(node.function, now))
    for node in after.values():
        yield MergedNode(None, node, note=_is_note(node.function, told))


def _is_note(function: Function, told: ChangeIndex) -> bool:
    return function.where == KERNEL or function.name in told.optimised


def _call(
    caller: int,
    callee: int,
    old: Call | None,
    new: Call | None,
    nodes: list[MergedNode],
    told: ChangeIndex,
    inlined: set[Function],
) -> MergedCall:
    call = new or old
    assert call is not None
    way = (call.caller, call.callee)
    # A function of which only the beginning is inlined seems to call itself.
    itself = call.caller == call.callee and call.callee in inlined
    past = itself or way in told.past_optimised or call.callee.where == KERNEL
    note = past or nodes[caller].note or nodes[callee].note
    pointer = way in told.other_pointers
    return MergedCall(caller, callee, old, new, pointer, note, told.recorded)
