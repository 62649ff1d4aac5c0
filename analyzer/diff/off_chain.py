"""Compares the functions and calls that lie on no chain. Pure.

An added or removed function stands for its calls, too: of calls, only those between functions of both sides are
reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from analyzer.diff.aligned_chains import KERNEL_CALL_KINDS
from analyzer.diff.calls import call_kind_change
from analyzer.diff.change import ChainDiff, Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Call, CallGraph, Node
from analyzer.kvm.kernel_functions import KERNEL
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind

_ELIDING_KINDS = (CallKind.TAIL, CallKind.INLINE, CallKind.UNKNOWN)  # of calls past functions without a frame
_Edge = tuple[Function, Function]  # caller, callee


def off_chain_changes(
    old: CallGraph, new: CallGraph, chains: Sequence[ChainDiff], names: SymbolHistory
) -> Iterator[Change]:
    """Yield the changes of functions and calls that lie on no chain of their side.

    `chains` are the compared chains, which say which functions match. Exchanged sides give exchanged changes.
    """
    new_of_old = matched_functions(old, new, chains, names)
    old_of_new = {new_function: old_function for old_function, new_function in new_of_old.items()}
    old_side, new_side = _Side.of(old), _Side.of(new)
    removed = _unmatched_functions(old_side, new_side, new_of_old)
    added = _unmatched_functions(new_side, old_side, old_of_new)
    yield from _function_changes(
        old_side, removed, ChangeKind.FUNCTION_REMOVED, ("a stack frame", "no stack frame")
    )
    yield from _function_changes(new_side, added, ChangeKind.FUNCTION_ADDED, ("no stack frame", "a stack frame"))
    yield from _moved(old_side, new_side, new_of_old)
    # A call past a function without a frame exists on one side only, and is no change.
    elided = {edge for edges in removed.values() for edge in edges or ()}
    elided |= {
        (new_of_old[caller], new_of_old[callee]) for edges in added.values() for caller, callee in edges or ()
    }
    yield from _call_changes(old_side, new_side, new_of_old, elided)


def matched_functions(
    old: CallGraph, new: CallGraph, chains: Sequence[ChainDiff], names: SymbolHistory
) -> dict[Function, Function]:
    """Return old function -> new function, for the functions of both graphs.

    The compared chains decide first, then equal name and file, then the canonical name where only one function of
    each side has it.
    """
    rows = (row for chain in chains for row in chain.rows)
    matched = {row.old.function: row.new.function for row in rows if row.old and row.new}
    taken = set(matched.values())
    old_left = [node.function for node in old.nodes if node.function not in matched]
    new_left = {node.function for node in new.nodes} - taken
    equal = {function: function for function in old_left if function in new_left}
    matched |= equal
    old_left = [function for function in old_left if function not in equal]
    if names.same_program:
        return matched
    by_name = _unique_names(new_left - equal.keys(), names)
    matched |= {f: by_name[name] for name, f in _unique_names(old_left, names).items() if name in by_name}
    return matched


def _unique_names(functions: Iterable[Function], names: SymbolHistory) -> dict[str, Function]:
    """Return canonical name -> function, for the names that only one of `functions` has."""
    found: dict[str, Function] = {}
    repeated = set()
    for function in functions:
        name = names.canonical_name(function.name)
        repeated.update([name] if name in found else [])
        found[name] = function
    return {name: function for name, function in found.items() if name not in repeated}


@dataclass(frozen=True)
class _Side:
    """One of the compared graphs, with its program's functions and calls, and those of its chains."""

    graph: CallGraph
    nodes: dict[Function, Node]
    calls: dict[_Edge, list[Call]]
    functions_of_chains: frozenset[Function]
    edges_of_chains: frozenset[_Edge]
    optimised: bool

    @classmethod
    def of(cls, graph: CallGraph) -> _Side:
        """Return the side of `graph`, without the kernel's functions and calls."""
        nodes = {node.function: node for node in graph.nodes if node.function.where != KERNEL}
        calls: dict[_Edge, list[Call]] = {}
        for call in graph.calls:
            if call.kind not in KERNEL_CALL_KINDS:
                calls.setdefault((call.caller, call.callee), []).append(call)
        steps = [chain.steps for chain in graph.chains]
        return cls(
            graph, nodes, calls,
            frozenset(step.function for chain in steps for step in chain),
            frozenset((caller.function, callee.function) for chain in steps for caller, callee in pairwise(chain)),
            any(call.kind in (CallKind.TAIL, CallKind.INLINE) for call in graph.calls),
        )  # fmt: skip


def _unmatched_functions(
    having: _Side, lacking: _Side, matched: dict[Function, Function]
) -> dict[Function, set[_Edge] | None]:
    """Return the off-chain functions that only one side has, each with the other side's calls past it, or None."""
    return {
        function: _calls_past(function, having, lacking, matched)
        for function in having.nodes
        if function not in matched and function not in having.functions_of_chains
    }


def _calls_past(
    function: Function, having: _Side, lacking: _Side, matched: dict[Function, Function]
) -> set[_Edge] | None:
    """Return the calls of an optimised side that go past a function: from its callers to its callees.

    The set is empty for an outermost function whose callees are outermost on the other side. None when the other
    side is not optimised, or does not have all these calls: then the function is added or removed.
    """
    if not lacking.optimised or having.optimised:
        return None
    callers = [matched.get(call.caller) for call in having.graph.callers(function)]
    callees = [matched.get(call.callee) for call in having.graph.callees(function)]
    if not callees or None in callers or None in callees:
        return None
    if not callers:
        return set() if all(callee and lacking.nodes[callee].outermost for callee in callees) else None
    edges = {(caller, callee) for caller in callers for callee in callees if caller and callee}
    elided = all(any(call.kind in _ELIDING_KINDS for call in lacking.calls.get(edge, ())) for edge in edges)
    return edges if elided else None


def _function_changes(
    side: _Side, functions: dict[Function, set[_Edge] | None], kind: ChangeKind, words: tuple[str, str]
) -> Iterator[Change]:
    for function, calls_past in functions.items():
        file = side.nodes[function].file or function.where
        if calls_past is None:
            yield _one_sided(kind, function.name, file, file)
        else:
            yield Change(ChangeKind.OPTIMISED, function.name, *words, file=file)


def _moved(old: _Side, new: _Side, matched: dict[Function, Function]) -> Iterator[Change]:
    for old_function, new_function in matched.items():
        off_chain = old_function not in old.functions_of_chains and new_function not in new.functions_of_chains
        old_place, new_place = old_function.where, new_function.where
        if not off_chain or old_place == new_place or "[" in (old_place[:1], new_place[:1]):
            continue  # "[" begins the name of a library
        files = old.nodes[old_function].file or old_place, new.nodes[new_function].file or new_place
        yield Change(ChangeKind.MOVED, new_function.name, *files, file=files[1])


def _call_changes(
    old: _Side, new: _Side, matched: dict[Function, Function], elided: set[_Edge]
) -> Iterator[Change]:
    in_both = set(matched.values())
    old_calls = {
        (matched.get(caller), matched.get(callee)): calls for (caller, callee), calls in old.calls.items()
    }
    for (caller, callee), calls in old.calls.items():
        new_edge = matched.get(caller), matched.get(callee)
        off_chain = (caller, callee) not in old.edges_of_chains
        if off_chain and None not in new_edge and new_edge not in new.calls and new_edge not in elided:
            yield _call_change(ChangeKind.CALL_REMOVED, caller, callee, calls)
    for (caller, callee), calls in new.calls.items():
        if (caller, callee) in new.edges_of_chains or not {caller, callee} <= in_both:
            continue
        same = old_calls.get((caller, callee))
        if same is None:
            if (caller, callee) not in elided:
                yield _call_change(ChangeKind.CALL_ADDED, caller, callee, calls)
        else:
            yield from _kind_change(same, calls)


def _call_change(kind: ChangeKind, caller: Function, callee: Function, calls: Sequence[Call]) -> Change:
    where = f"{caller.where} -> {callee.where}"
    return _one_sided(kind, f"{caller} -> {callee}", where, *_call_site(calls))


def _one_sided(kind: ChangeKind, subject: str, where: str, file: str, line: int = 0) -> Change:
    """Return an addition or a removal; `where` tells functions of one name apart."""
    if kind in (ChangeKind.FUNCTION_REMOVED, ChangeKind.CALL_REMOVED):
        return Change(kind, subject, old=where, file=file, line=line)
    return Change(kind, subject, new=where, file=file, line=line)


def _kind_change(old: Sequence[Call], new: Sequence[Call]) -> Iterator[Change]:
    """Yield the change of the kind when each side has one kind: several kinds have no clear counterpart."""
    if len(old) == len(new) == 1:
        subject = f"{new[0].caller} -> {new[0].callee}"
        change = call_kind_change(subject, old[0].kind, new[0].kind, _call_site(new))
        yield from [change] if change else []


def _call_site(calls: Sequence[Call]) -> tuple[str, int]:
    sites = [site for call in calls for site in call.sites]
    return (sites[0].file, sites[0].line) if sites else ("", 0)
