"""Two call graphs compared: chains, what lies outside them, ioctls. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from analyzer.diff.aligned_chains import OUTSIDE_THE_PROGRAM
from analyzer.diff.chain_pairs import ChainPair, chain_diff, pair_chains, with_shared_prefix
from analyzer.diff.change import ChainDiff, Change, ChangeKind, Diff, NamedGraph, NotComparable
from analyzer.diff.imported_stacks import common_part, of_one_thread, with_same_milestone
from analyzer.diff.ioctls import ioctl_changes
from analyzer.diff.not_comparable import holes, lacking, never_reached, other_scenario, unexplained, why_not
from analyzer.diff.off_chain import matched_functions, off_chain_changes
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import CallGraph
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function

_BESIDES = "The ioctls, and what is outside the chains"
_ONLY_IN_OLD = {ChangeKind.FUNCTION_REMOVED, ChangeKind.CALL_REMOVED, ChangeKind.IOCTL_REMOVED}
_ONLY_IN_NEW = {ChangeKind.FUNCTION_ADDED, ChangeKind.CALL_ADDED, ChangeKind.IOCTL_ADDED}
_WORST_FIRST = {kind: position for position, kind in enumerate(ChangeKind)}


def compare(
    old: NamedGraph, new: NamedGraph, names: SymbolHistory, kernel: bool = False, hits: bool = False
) -> Diff:
    """What changed from the old to the new graph.

    With `kernel` the kernel's functions are compared too, which is of use on one and the same host only; with
    `hits` how often calls were recorded. Of backtraces only what they show is compared.
    """
    names = names_between(old, new, names)
    imported = old.imported, new.imported
    hiding = _hiding(old, new)

    def compared(pair: ChainPair) -> ChainDiff:
        return chain_diff(of_one_thread(pair, *imported), names, kernel, hiding, imported)

    pairs, not_met = _pairs(old, new, names)
    told, not_comparable = _told(pairs, old, new, lambda pair: not compared(pair).differs)
    not_comparable = [*not_met, *not_comparable]
    chains = with_shared_prefix(list(map(compared, told)))
    changes = [change for chain in chains for change in chain.changes]
    not_comparable += holes(old, new, chains)
    if not any(imported):
        besides, open_ = _besides(old, new, chains, names)
        changes += besides
        not_comparable += [
            *never_reached(old, new),
            *open_,
            *lacking(old, new, told),
            *unexplained(old, new, chains),
        ]
    if not chains and not not_comparable:
        not_comparable.append(NotComparable("The chains", "there is none to compare"))
    if hits:
        changes += _hits(old.graph, new.graph, matched_functions(old.graph, new.graph, chains, names), kernel)
    return Diff(old.side, new.side, tuple(chains), each_once(changes), tuple(dict.fromkeys(not_comparable)))


def names_between(old: NamedGraph, new: NamedGraph, names: SymbolHistory) -> SymbolHistory:
    """What is known of names, as it holds between these two: in one program each stands for itself."""
    same = old.graph.provenance.build_id == new.graph.provenance.build_id != ""
    return replace(names, exact=True) if same else names


def _compiled_alike(old: NamedGraph, new: NamedGraph) -> bool:
    """Whether both were built in the same profile, as far as that is known."""
    profiles = [source.graph.provenance.build.get("profile") for source in (old, new)]
    return profiles[0] == profiles[1] and profiles[0] in ("debug", "release")


def _hiding(old: NamedGraph, new: NamedGraph) -> frozenset[CallKind]:
    """Kinds of calls past functions that the other program may have without a frame of their own.

    Where both were compiled alike, both show the same jumps. Where only one was optimised, what a pointer leads to
    may have jumped on there.
    """
    if _compiled_alike(old, new):
        return frozenset()
    pointers = {CallKind.INDIRECT} if _is_optimised(old) is not _is_optimised(new) else frozenset[CallKind]()
    return frozenset({CallKind.TAIL, CallKind.UNKNOWN} | pointers)


def _is_optimised(source: NamedGraph) -> bool:
    return any(call.kind in (CallKind.TAIL, CallKind.INLINE) for call in source.graph.calls)


def _pairs(old: NamedGraph, new: NamedGraph, names: SymbolHistory) -> tuple[list[ChainPair], list[NotComparable]]:
    """The chains that belong together, as far as they can be compared; and how far that is not."""
    before, now, beyond = list(old.graph.chains), list(new.graph.chains), list[NotComparable]()
    if old.imported and not new.imported:
        before, now, beyond = common_part(before, now, new.name)
    elif new.imported and not old.imported:
        now, before, beyond = common_part(now, before, old.name)
    return pair_chains(before, now, names), beyond


def _told(
    pairs: Sequence[ChainPair], old: NamedGraph, new: NamedGraph, same: Callable[[ChainPair], bool]
) -> tuple[list[ChainPair], list[NotComparable]]:
    """The pairs worth comparing, and why others cannot be; `same` tells whether two chains go the same way."""
    told: list[ChainPair] = []
    not_comparable: dict[NotComparable, None] = {}
    for pair in pairs:
        if pair.old and pair.new:
            told.append(pair)
        elif old.imported or new.imported:
            having, other = (new, old) if pair.old is None else (old, new)
            if not having.imported:
                continue  # of the other side's chains a backtrace tells nothing
            others = list(with_same_milestone(pair, pairs))
            if not other.imported and (second := next(filter(same, others), None)):
                told.append(second)
            else:
                reason = f"{other.name} has no {'other ' if others else ''}chain that leads there"
                not_comparable.setdefault(NotComparable(pair.either.title, reason))
        elif reason := why_not(pair, old, new):
            not_comparable.setdefault(NotComparable(pair.either.title, reason))
        else:
            told.append(pair)
    return told, list(not_comparable)


def _besides(
    old: NamedGraph, new: NamedGraph, chains: Sequence[ChainDiff], names: SymbolHistory
) -> tuple[list[Change], list[NotComparable]]:
    """What changed besides the chains, and why that is not all: a recording that was cut short lacks what would
    have come later."""
    if reason := other_scenario(old, new):
        return [], [NotComparable(_BESIDES, reason)]
    changes = [
        *off_chain_changes(old.graph, new.graph, chains, names),
        *ioctl_changes(old.graph.ioctls, new.graph.ioctls),
    ]
    not_comparable = []
    for side, kinds in ((old, _ONLY_IN_NEW), (new, _ONLY_IN_OLD)):
        if not side.complete:
            changes = [change for change in changes if change.kind not in kinds]
            not_comparable.append(NotComparable(_BESIDES, f"{side.name} was not recorded to its end"))
    return changes, not_comparable


def _hits(old: CallGraph, new: CallGraph, matched: dict[Function, Function], kernel: bool) -> Iterator[Change]:
    now = {(call.caller, call.callee, call.kind): call for call in new.calls}
    for call in old.calls:
        caller, callee = matched.get(call.caller), matched.get(call.callee)
        other = now.get((caller, callee, call.kind)) if caller and callee else None
        if other and other.hits != call.hits and (kernel or call.kind not in OUTSIDE_THE_PROGRAM):
            yield Change(ChangeKind.HITS, f"{other.caller} -> {other.callee}", str(call.hits), str(other.hits))


def each_once(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each change once with all chains that show it, worst first."""
    found: dict[tuple[str, ...], Change] = {}
    for change in changes:
        before = found.get(change.key)
        chains = dict.fromkeys((*(before.chains if before else ()), *change.chains))
        found[change.key] = replace(before or change, chains=tuple(chains))
    return tuple(sorted(found.values(), key=lambda c: (_WORST_FIRST[c.kind], c.subject, c.old, c.new, c.after)))
