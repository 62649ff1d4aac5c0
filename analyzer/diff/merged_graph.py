"""Merges two compared graphs into one, with the changes of each function and call, to draw them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from analyzer.diff.calls import call_kind_change
from analyzer.diff.change import NOTES, AlignedRow, ChainDiff, ChangeKind, Diff, DiffState
from analyzer.diff.off_chain import matched_functions
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Call, CallGraph, ChainStep, Node
from analyzer.kvm.kernel_functions import KERNEL
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind

Edge = tuple[Function, Function]  # caller, callee
_StepOfRow = Callable[[AlignedRow], ChainStep | None]


def _old_step(row: AlignedRow) -> ChainStep | None:
    return row.old


def _new_step(row: AlignedRow) -> ChainStep | None:
    return row.new


class ChangeIndex:
    """Looks up the changes of a comparison by function and by call."""

    def __init__(self, diff: Diff) -> None:
        self._diff = diff

    @property
    def recorded(self) -> bool:
        """Whether both sides are recordings, as in `Diff.recorded`."""
        return self._diff.recorded

    def kinds(self, old: Function, new: Function) -> frozenset[ChangeKind]:
        """Return the kinds of changes of a function that both sides have."""
        return frozenset(self._kinds.get((old, new), ())) | self._moved_off_chain.get(new.name, frozenset())

    @cached_property
    def optimised(self) -> frozenset[str]:
        """Names of the functions whose only change is that one compiler left them without a frame."""
        kinds: dict[str, set[ChangeKind]] = defaultdict(set)
        for change in self._diff.changes:
            kinds[change.subject].add(change.kind)
        return frozenset(name for name, found in kinds.items() if found == {ChangeKind.OPTIMISED})

    @cached_property
    def calls_past_optimised(self) -> frozenset[Edge]:
        """Calls of one side past functions that only the compiler removed from its chain."""
        sides = (_old_step, _new_step)
        return frozenset(
            edge for chain in self._diff.chains for side in sides for edge in _calls_past(chain, side)
        )

    @cached_property
    def calls_with_other_pointer(self) -> frozenset[Edge]:
        """Indirect calls of the new side whose pointer has another slot or another origin."""
        edges = (
            edge for chain in self._diff.chains for edge, rows in _calls_of_side(chain, _new_step)
            if any(change.kind is ChangeKind.POINTER for change in rows[-1].changes)
        )  # fmt: skip
        return frozenset(edges)

    @cached_property
    def _kinds(self) -> dict[Edge, set[ChangeKind]]:
        kinds: dict[Edge, set[ChangeKind]] = defaultdict(set)
        for chain in self._diff.chains:
            for row in chain.rows:
                if row.old is not None and row.new is not None:
                    kinds[row.old.function, row.new.function].update(change.kind for change in row.changes)
        return kinds

    @cached_property
    def _moved_off_chain(self) -> dict[str, frozenset[ChangeKind]]:
        moved = (change for change in self._diff.changes if change.kind is ChangeKind.MOVED and not change.chains)
        return {change.subject: frozenset({change.kind}) for change in moved}


def _calls_of_side(chain: ChainDiff, step_of: _StepOfRow) -> Iterator[tuple[Edge, list[AlignedRow]]]:
    """Yield the calls of one side's chain, each with the rows from its caller's to its callee's."""
    rows: list[AlignedRow] = []
    for row in chain.rows:
        rows.append(row)
        step = step_of(row)
        if step is not None:
            caller = step_of(rows[0])
            if caller is not None and len(rows) > 1:
                yield (caller.function, step.function), rows
            rows = [row]


def _calls_past(chain: ChainDiff, step_of: _StepOfRow) -> Iterator[Edge]:
    for edge, rows in _calls_of_side(chain, step_of):
        unmatched = [row for row in rows if row.old is None or row.new is None]
        if unmatched and not any(row.differs for row in unmatched):
            yield edge


CHANGED = (ChangeKind.RENAMED, ChangeKind.MOVED)  # of a function that both sides have
NO_NAMES = SymbolHistory()


@dataclass(frozen=True)
class MergedNode:
    """A function of one side or of both.

    `kinds` are its changes when both sides have it. With `note`, that one side lacks it does not count as a
    change.
    """

    old: Node | None
    new: Node | None
    kinds: frozenset[ChangeKind] = frozenset()
    note: bool = False

    @property
    def node(self) -> Node:
        """The node of the new side, else of the old side.

        The debug information of the new side may lack the file: then the file is the old side's.
        """
        node = self.new or self.old
        assert node is not None
        return node if node.file or self.old is None else replace(node, file=self.old.file)

    @property
    def state(self) -> DiffState:
        """The result of the comparison for this function."""
        if self.old is None or self.new is None:
            return _one_sided_state(self.old is not None, self.note)
        if self.kinds & set(CHANGED):
            return DiffState.CHANGED
        same_name = self.old.function.name == self.new.function.name
        return DiffState.UNCHANGED if same_name else DiffState.NOTE


@dataclass(frozen=True)
class MergedCall:
    """A call of one side or of both; `caller` and `callee` are positions in `MergedGraph.nodes`.

    With `pointer`, its pointer has another slot or origin; with `note`, that one side lacks it does not count as a
    change; `recorded` is that of `Diff`.
    """

    caller: int
    callee: int
    old: Call | None
    new: Call | None
    pointer: bool = False
    note: bool = False
    recorded: bool = True

    @property
    def state(self) -> DiffState:
        """The result of the comparison for this call."""
        if self.old is None or self.new is None:
            return _one_sided_state(self.old is not None, self.note)
        if change := call_kind_change("", self.old.kind, self.new.kind, ("", 0), self.recorded):
            return DiffState.NOTE if change.kind in NOTES else DiffState.CHANGED
        return DiffState.CHANGED if self.pointer else DiffState.UNCHANGED


def _one_sided_state(only_old: bool, note: bool) -> DiffState:
    if note:
        return DiffState.NOTE
    return DiffState.REMOVED if only_old else DiffState.ADDED


@dataclass(frozen=True)
class MergedGraph:
    """The functions and calls of two graphs, each once."""

    nodes: tuple[MergedNode, ...]  # sorted by name
    calls: tuple[MergedCall, ...]  # sorted by caller and callee


def merge_graphs(old: CallGraph, new: CallGraph, diff: Diff, names: SymbolHistory = NO_NAMES) -> MergedGraph:
    """Return the functions and calls of both graphs, matched as in the comparison `diff` of them.

    When two old functions match one new function, the first of them is matched and the other one is removed.
    """
    index = ChangeIndex(diff)
    inlined = {call.callee for graph in (old, new) for call in graph.calls if call.kind is CallKind.INLINE}
    match = _one_to_one(matched_functions(old, new, diff.chains, names))
    nodes = sorted(_nodes(old, new, match, index), key=lambda merged: (merged.node.function, merged.old is None))
    old_numbers = {merged.old.function: number for number, merged in enumerate(nodes) if merged.old}
    new_numbers = {merged.new.function: number for number, merged in enumerate(nodes) if merged.new}
    calls: dict[tuple[int, int], _CallsByKind] = defaultdict(_CallsByKind.empty)
    for call in old.calls:
        calls[old_numbers[call.caller], old_numbers[call.callee]].old[call.kind] = call
    for call in new.calls:
        calls[new_numbers[call.caller], new_numbers[call.callee]].new[call.kind] = call
    return MergedGraph(
        tuple(nodes),
        tuple(
            _call(*ends, *pair, nodes, index, inlined) for ends in sorted(calls) for pair in calls[ends].pairs()
        ),
    )


@dataclass(frozen=True)
class _CallsByKind:
    """The calls between two functions on both sides, by kind."""

    old: dict[CallKind, Call]
    new: dict[CallKind, Call]

    @classmethod
    def empty(cls) -> _CallsByKind:
        """Return a pair of sides without any calls."""
        return cls({}, {})

    def pairs(self) -> Iterable[tuple[Call | None, Call | None]]:
        """Yield (old, new) for each kind of call.

        When each side has exactly one kind of its own, these two calls are one changed call.
        """
        removed = [call for kind, call in sorted(self.old.items()) if kind not in self.new]
        added = [call for kind, call in sorted(self.new.items()) if kind not in self.old]
        yield from ((call, self.new[kind]) for kind, call in sorted(self.old.items()) if kind in self.new)
        if len(removed) == len(added) == 1:
            yield removed[0], added[0]
        else:
            yield from ((call, None) for call in removed)
            yield from ((None, call) for call in added)


def _one_to_one(match: Mapping[Function, Function]) -> dict[Function, Function]:
    old_of_new: dict[Function, Function] = {}
    for old_function, new_function in match.items():
        old_of_new.setdefault(new_function, old_function)
    return {old_function: new_function for new_function, old_function in old_of_new.items()}


def _nodes(
    old: CallGraph, new: CallGraph, match: Mapping[Function, Function], index: ChangeIndex
) -> Iterable[MergedNode]:
    new_nodes = {node.function: node for node in new.nodes}
    for node in old.nodes:
        matched = match.get(node.function)
        if matched is None:
            yield MergedNode(node, None, note=_is_note(node.function, index))
        else:
            yield MergedNode(node, new_nodes.pop(matched), index.kinds(node.function, matched))
    for node in new_nodes.values():
        yield MergedNode(None, node, note=_is_note(node.function, index))


def _is_note(function: Function, index: ChangeIndex) -> bool:
    return function.where == KERNEL or function.name in index.optimised


def _call(
    caller: int,
    callee: int,
    old: Call | None,
    new: Call | None,
    nodes: list[MergedNode],
    index: ChangeIndex,
    inlined: set[Function],
) -> MergedCall:
    call = new or old
    assert call is not None
    edge = (call.caller, call.callee)
    # A function that is partly inlined into its caller looks as if it called itself.
    calls_itself = call.caller == call.callee and call.callee in inlined
    is_note = calls_itself or edge in index.calls_past_optimised or call.callee.where == KERNEL
    note = is_note or nodes[caller].note or nodes[callee].note
    pointer = edge in index.calls_with_other_pointer
    return MergedCall(caller, callee, old, new, pointer, note, index.recorded)
