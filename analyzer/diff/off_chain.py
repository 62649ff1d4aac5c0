"""Functions and calls that lie on no chain. Pure.

A function that is new or gone stands for its calls, too: only calls between functions both sides have are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from analyzer.diff.aligned_chains import OUTSIDE_THE_PROGRAM
from analyzer.diff.calls import call_kind
from analyzer.diff.change import ChainDiff, Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Call, CallGraph, Node
from analyzer.kvm.kernel_functions import KERNEL
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function

_MAY_HIDE = (CallKind.TAIL, CallKind.INLINE, CallKind.UNKNOWN)
_Edge = tuple[Function, Function]


def off_chain_changes(
    old: CallGraph, new: CallGraph, chains: Sequence[ChainDiff], names: SymbolHistory
) -> Iterator[Change]:
    """What changed about functions and calls that lie on no chain of their side."""
    matched = matched_functions(old, new, chains, names)
    back = {theirs: mine for mine, theirs in matched.items()}
    mine, theirs = _Outside.of(old), _Outside.of(new)
    lost, won = _lacking(mine, theirs, matched), _lacking(theirs, mine, back)
    yield from _functions(mine, lost, ChangeKind.FUNCTION_REMOVED, ("a frame of its own", "none"))
    yield from _functions(theirs, won, ChangeKind.FUNCTION_ADDED, ("none", "a frame of its own"))
    yield from _moved(mine, theirs, matched)
    # Past a function without a frame goes a call that only this side has.
    straight = {way for ways in lost.values() for way in ways or ()}
    straight |= {(matched[a], matched[b]) for ways in won.values() for a, b in ways or ()}
    yield from _calls(mine, theirs, matched, straight)


def matched_functions(
    old: CallGraph, new: CallGraph, chains: Sequence[ChainDiff], names: SymbolHistory
) -> dict[Function, Function]:
    """Functions of the old graph and what they are in the new one: as the chains say, else by name and file, else
    by name alone where only one on each side has it."""
    rows = (row for chain in chains for row in chain.rows)
    matched = {row.old.function: row.new.function for row in rows if row.old and row.new}
    taken = set(matched.values())
    ours = [node.function for node in old.nodes if node.function not in matched]
    theirs = {node.function for node in new.nodes} - taken
    same = {function: function for function in ours if function in theirs}
    matched |= same
    ours = [function for function in ours if function not in same]
    if names.exact:
        return matched
    by_name = _only_ones(theirs - same.keys(), names)
    matched |= {f: by_name[key] for key, f in _only_ones(ours, names).items() if key in by_name}
    return matched


def _only_ones(functions: Iterable[Function], names: SymbolHistory) -> dict[str, Function]:
    found: dict[str, Function] = {}
    twins = set()
    for function in functions:
        key = names.normalised(function.name)
        twins.update([key] if key in found else [])
        found[key] = function
    return {key: function for key, function in found.items() if key not in twins}


@dataclass(frozen=True)
class _Outside:
    """A graph, and what of it lies on its chains."""

    graph: CallGraph
    nodes: dict[Function, Node]
    calls: dict[_Edge, list[Call]]
    functions_of_chains: frozenset[Function]
    edges_of_chains: frozenset[_Edge]
    optimised: bool

    @classmethod
    def of(cls, graph: CallGraph) -> _Outside:
        nodes = {node.function: node for node in graph.nodes if node.function.where != KERNEL}
        calls: dict[_Edge, list[Call]] = {}
        for call in graph.calls:
            if call.kind not in OUTSIDE_THE_PROGRAM:
                calls.setdefault((call.caller, call.callee), []).append(call)
        steps = [chain.steps for chain in graph.chains]
        return cls(
            graph, nodes, calls,
            frozenset(step.function for chain in steps for step in chain),
            frozenset((a.function, b.function) for chain in steps for a, b in pairwise(chain)),
            any(call.kind in (CallKind.TAIL, CallKind.INLINE) for call in graph.calls),
        )  # fmt: skip


def _lacking(
    here: _Outside, there: _Outside, matched: dict[Function, Function]
) -> dict[Function, set[_Edge] | None]:
    """Functions of one side that the other lacks, each with the other's calls past it, or None."""
    return {
        function: _past(function, here, there, matched)
        for function in here.nodes
        if function not in matched and function not in here.functions_of_chains
    }


def _past(
    function: Function, here: _Outside, there: _Outside, matched: dict[Function, Function]
) -> set[_Edge] | None:
    """The calls by which the other side, being optimised, comes from this function's callers straight to what it
    calls; none when it begins with those where this side begins with the function. None: it does not."""
    if not there.optimised or here.optimised:
        return None
    callers = [matched.get(call.caller) for call in here.graph.callers(function)]
    callees = [matched.get(call.callee) for call in here.graph.callees(function)]
    if not callees or None in callers or None in callees:
        return None
    if not callers:
        return set() if all(callee and there.nodes[callee].outermost for callee in callees) else None
    ways = {(a, b) for a in callers for b in callees if a and b}
    hidden = all(any(call.kind in _MAY_HIDE for call in there.calls.get(way, ())) for way in ways)
    return ways if hidden else None


def _functions(
    here: _Outside, lacking: dict[Function, set[_Edge] | None], kind: ChangeKind, words: tuple[str, str]
) -> Iterator[Change]:
    for function, past in lacking.items():
        file = here.nodes[function].file or function.where
        if past is None:
            yield _one_sided(kind, function.name, file, file)
        else:
            yield Change(ChangeKind.OPTIMISED, function.name, *words, file=file)


def _moved(mine: _Outside, theirs: _Outside, matched: dict[Function, Function]) -> Iterator[Change]:
    for before, now in matched.items():
        outside = before not in mine.functions_of_chains and now not in theirs.functions_of_chains
        if not outside or before.where == now.where or "[" in (before.where[:1], now.where[:1]):
            continue
        files = mine.nodes[before].file or before.where, theirs.nodes[now].file or now.where
        yield Change(ChangeKind.MOVED, now.name, *files, file=files[1])


def _calls(
    mine: _Outside, theirs: _Outside, matched: dict[Function, Function], straight: set[_Edge]
) -> Iterator[Change]:
    in_both = set(matched.values())
    told = {(matched.get(a), matched.get(b)): calls for (a, b), calls in mine.calls.items()}
    for (caller, callee), calls in mine.calls.items():
        now = matched.get(caller), matched.get(callee)
        outside = (caller, callee) not in mine.edges_of_chains
        if outside and None not in now and now not in theirs.calls and now not in straight:
            yield _call_change(ChangeKind.CALL_REMOVED, caller, callee, calls)
    for (caller, callee), calls in theirs.calls.items():
        if (caller, callee) in theirs.edges_of_chains or not {caller, callee} <= in_both:
            continue
        before = told.get((caller, callee))
        if before is None:
            if (caller, callee) not in straight:
                yield _call_change(ChangeKind.CALL_ADDED, caller, callee, calls)
        else:
            yield from _kind_change(before, calls)


def _call_change(kind: ChangeKind, caller: Function, callee: Function, calls: Sequence[Call]) -> Change:
    where = f"{caller.where} -> {callee.where}"
    return _one_sided(kind, f"{caller} -> {callee}", where, *_place(calls))


def _one_sided(kind: ChangeKind, subject: str, where: str, file: str, line: int = 0) -> Change:
    """A change that keeps twins of one name apart by where they are."""
    if kind in (ChangeKind.FUNCTION_REMOVED, ChangeKind.CALL_REMOVED):
        return Change(kind, subject, old=where, file=file, line=line)
    return Change(kind, subject, new=where, file=file, line=line)


def _kind_change(before: Sequence[Call], now: Sequence[Call]) -> Iterator[Change]:
    """Told where each side has one kind: several are hard to set against each other."""
    if len(before) == len(now) == 1:
        subject = f"{now[0].caller} -> {now[0].callee}"
        change = call_kind(subject, before[0].kind, now[0].kind, _place(now))
        yield from [change] if change else []


def _place(calls: Sequence[Call]) -> tuple[str, int]:
    sites = [site for call in calls for site in call.sites]
    return (sites[0].file, sites[0].line) if sites else ("", 0)
