"""Compares two call graphs: chains, functions and calls off the chains, ioctls. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from analyzer.diff.aligned_chains import KERNEL_CALL_KINDS, SharedRows
from analyzer.diff.chain_pairs import ChainPair, chain_diff, count_known_rows, pair_chains
from analyzer.diff.change import ChainDiff, Change, ChangeKind, Diff, NamedGraph, NotComparable
from analyzer.diff.imported_stacks import common_part, recorded_alternatives, trim_to_imported
from analyzer.diff.ioctls import ioctl_changes
from analyzer.diff.not_comparable import (
    fold_functions_asked_for,
    never_reached,
    not_recorded_on_one_side,
    pointers_explained_on_one_side,
    reason_not_comparable,
    scenario_mismatch,
    unknown_frames,
)
from analyzer.diff.off_chain import matched_functions, off_chain_changes
from analyzer.diff.open_ended import open_ended_pair, unknown_callers, without_optimised_calls
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import CallGraph
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind

_OFF_CHAIN_AND_IOCTLS = "The ioctls, and what is off the chains"  # a subject that allow-lists may name
_ONLY_IN_OLD = {ChangeKind.FUNCTION_REMOVED, ChangeKind.CALL_REMOVED, ChangeKind.IOCTL_REMOVED}
_ONLY_IN_NEW = {ChangeKind.FUNCTION_ADDED, ChangeKind.CALL_ADDED, ChangeKind.IOCTL_ADDED}
_WORST_FIRST = {kind: position for position, kind in enumerate(ChangeKind)}


def compare(
    old: NamedGraph, new: NamedGraph, names: SymbolHistory, kernel: bool = False, hits: bool = False
) -> Diff:
    """Compare two graphs and return all changes, and what could not be compared.

    With `kernel` the kernel's functions are compared, too, which makes sense for two recordings of one host only;
    with `hits` the number of recorded stacks of each call. Of an imported backtrace only the chains are compared.
    Exchanged sides give exchanged changes.
    """
    names = history_between(old, new, names)
    imported = old.imported, new.imported
    eliding_kinds, shared = _eliding_kinds(old, new), SharedRows()

    def compare_pair(pair: ChainPair) -> ChainDiff:
        known = trim_to_imported(open_ended_pair(pair, names).known, *imported)
        compared = chain_diff(known, names, kernel, eliding_kinds, imported, shared)
        cut = any(chain is not None and chain.open_ended for chain in (pair.old, pair.new))
        return without_optimised_calls(compared) if cut else compared

    pairs, not_continued = _pairs(old, new, names)
    compared, not_comparable = _select_comparable(pairs, old, new, lambda pair: not compare_pair(pair).differs)
    not_comparable = [*not_continued, *not_comparable, *unknown_callers(old, new, compared, names)]
    chains = count_known_rows(list(map(compare_pair, compared)))
    changes = [change for chain in chains for change in chain.changes]
    not_comparable += unknown_frames(old, new, chains)
    if not any(imported):
        other_changes, other_not_comparable = _compare_off_chain(old, new, chains, names)
        changes += other_changes
        not_comparable += [
            *never_reached(old, new),
            *other_not_comparable,
            *not_recorded_on_one_side(old, new, compared),
            *pointers_explained_on_one_side(old, new, chains),
        ]
    if not chains and not not_comparable:
        not_comparable.append(NotComparable("The chains", "the graphs have no chain to compare"))
    if hits:
        changes += _hit_changes(
            old.graph, new.graph, matched_functions(old.graph, new.graph, chains, names), kernel
        )
    folded = tuple(fold_functions_asked_for(not_comparable))
    return Diff(old.side, new.side, tuple(chains), merge_equal_changes(changes), folded)


def history_between(old: NamedGraph, new: NamedGraph, names: SymbolHistory) -> SymbolHistory:
    """Return the history of names for this comparison: equal build-ids mean one program, where no name changes."""
    same = old.graph.provenance.build_id == new.graph.provenance.build_id != ""
    return replace(names, same_program=True) if same else names


def _have_same_profile(old: NamedGraph, new: NamedGraph) -> bool:
    """Return whether both are known to be built with the same profile, debug or release."""
    profiles = [side.graph.provenance.build.get("profile") for side in (old, new)]
    return profiles[0] == profiles[1] and profiles[0] in ("debug", "release")


def _eliding_kinds(old: NamedGraph, new: NamedGraph) -> frozenset[CallKind]:
    """Return the kinds of calls that may have passed through functions without a frame.

    Two builds with one profile have the same tail calls: then there are none. Where only one build is optimised,
    the function that a pointer calls may have ended in a tail call there.
    """
    if _have_same_profile(old, new):
        return frozenset()
    pointers = {CallKind.INDIRECT} if _is_optimised(old) is not _is_optimised(new) else frozenset[CallKind]()
    return frozenset({CallKind.TAIL, CallKind.UNKNOWN} | pointers)


def _is_optimised(side: NamedGraph) -> bool:
    return any(call.kind in (CallKind.TAIL, CallKind.INLINE) for call in side.graph.calls)


def _pairs(old: NamedGraph, new: NamedGraph, names: SymbolHistory) -> tuple[list[ChainPair], list[NotComparable]]:
    """Return the pairs of chains, cut to what both sides have, and the parts that only an imported stack has."""
    old_chains, new_chains = list(old.graph.chains), list(new.graph.chains)
    not_continued = list[NotComparable]()
    if old.imported and not new.imported:
        old_chains, new_chains, not_continued = common_part(old_chains, new_chains, new.name)
    elif new.imported and not old.imported:
        new_chains, old_chains, not_continued = common_part(new_chains, old_chains, old.name)
    return pair_chains(old_chains, new_chains, names), not_continued


def _select_comparable(
    pairs: Sequence[ChainPair], old: NamedGraph, new: NamedGraph, is_equal: Callable[[ChainPair], bool]
) -> tuple[list[ChainPair], list[NotComparable]]:
    """Return the pairs to compare, and why others cannot be compared; `is_equal` compares the chains of a pair."""
    comparable: list[ChainPair] = []
    not_comparable: dict[NotComparable, None] = {}
    for pair in pairs:
        if pair.old and pair.new:
            comparable.append(pair)
        elif old.imported or new.imported:
            present, absent = (new, old) if pair.old is None else (old, new)
            if not present.imported:
                continue  # a backtrace need not contain the chains of a recording
            alternatives = list(recorded_alternatives(pair, pairs))
            if not absent.imported and (equal := next(filter(is_equal, alternatives), None)):
                comparable.append(equal)
            else:
                reason = f"{absent.name} has no {'other ' if alternatives else ''}chain that leads there"
                not_comparable.setdefault(NotComparable(pair.either.title, reason))
        elif reason := reason_not_comparable(pair, old, new):
            not_comparable.setdefault(NotComparable(pair.either.title, reason))
        else:
            comparable.append(pair)
    return comparable, list(not_comparable)


def _compare_off_chain(
    old: NamedGraph, new: NamedGraph, chains: Sequence[ChainDiff], names: SymbolHistory
) -> tuple[list[Change], list[NotComparable]]:
    """Return the changes off the chains and of the ioctls, and why some of them cannot be found.

    What a recording lacks that did not end normally may have come later, so that it is no change.
    """
    if reason := scenario_mismatch(old, new):
        return [], [NotComparable(_OFF_CHAIN_AND_IOCTLS, reason)]
    changes = [
        *off_chain_changes(old.graph, new.graph, chains, names),
        *ioctl_changes(old.graph.ioctls, new.graph.ioctls),
    ]
    not_comparable = []
    for side, kinds in ((old, _ONLY_IN_NEW), (new, _ONLY_IN_OLD)):
        if not side.complete:
            changes = [change for change in changes if change.kind not in kinds]
            not_comparable.append(NotComparable(_OFF_CHAIN_AND_IOCTLS, f"{side.name} is an incomplete recording"))
    return changes, not_comparable


def _hit_changes(
    old: CallGraph, new: CallGraph, matched: dict[Function, Function], kernel: bool
) -> Iterator[Change]:
    new_calls = {(call.caller, call.callee, call.kind): call for call in new.calls}
    for call in old.calls:
        caller, callee = matched.get(call.caller), matched.get(call.callee)
        same = new_calls.get((caller, callee, call.kind)) if caller and callee else None
        if same and same.hits != call.hits and (kernel or call.kind not in KERNEL_CALL_KINDS):
            yield Change(ChangeKind.HITS, f"{same.caller} -> {same.callee}", str(call.hits), str(same.hits))


def merge_equal_changes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return each change once with all chains that contain it: worst kind first, then by subject and values."""
    found: dict[tuple[str, ...], tuple[Change, dict[str, None]]] = {}
    for change in {id(change): change for change in changes}.values():  # chains to one milestone share changes
        _, chains = found.setdefault(change.key, (change, {}))
        chains.update(dict.fromkeys(change.chains))
    merged = [replace(first, chains=tuple(chains)) for first, chains in found.values()]
    return tuple(sorted(merged, key=lambda c: (_WORST_FIRST[c.kind], c.subject, c.old, c.new, c.after)))
