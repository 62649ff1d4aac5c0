"""Two call graphs compared: chains, what lies outside them, ioctls. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from analyzer.diff.calls import explained
from analyzer.diff.chains import Pair, chain_diff, paired, with_known
from analyzer.diff.change import ChainDiff, Change, ChangeKind, Diff, Side, Unchecked
from analyzer.diff.ioctls import ioctl_changes, whole_ledger
from analyzer.diff.names import Names
from analyzer.diff.outside import matched_functions, outside_changes
from analyzer.diff.pasted import beginnings, of_one_thread
from analyzer.graph.callgraph import CallGraph
from gdbscripts.wire import IMPORT

_GONE = {
    ChangeKind.FUNCTION_REMOVED,
    ChangeKind.CALL_REMOVED,
    ChangeKind.IOCTL_REMOVED,
    ChangeKind.IOCTL_REORDERED,
}
_NEW = {ChangeKind.FUNCTION_ADDED, ChangeKind.CALL_ADDED, ChangeKind.IOCTL_ADDED}
_WORST_FIRST = {kind: position for position, kind in enumerate(ChangeKind)}


@dataclass(frozen=True)
class Source:
    """A graph to compare, and the name it was given by."""

    name: str
    graph: CallGraph

    @property
    def scenario(self) -> str:
        """What was recorded, as `Provenance.scenario`."""
        return self.graph.provenance.scenario

    @property
    def complete(self) -> bool:
        """Whether it was recorded to its end."""
        return self.graph.provenance.complete

    @property
    def side(self) -> Side:
        """What is told of it."""
        return Side(self.name, self.graph.provenance)


def compare(old: Source, new: Source, names: Names, kernel: bool = False, hits: bool = False) -> Diff:
    """What changed from the old to the new graph.

    With `kernel` the kernel's functions are compared too, which is of use on one and the same host only; with
    `hits` how often calls were recorded. Of backtraces only what they show is compared.
    """
    pairs = _pairs(old, new, names)
    told, unchecked = _told(pairs, old, new)
    chains = with_known([chain_diff(pair, names, kernel) for pair in told])
    changes = [change for chain in chains for change in chain.changes]
    if IMPORT not in (old.scenario, new.scenario) and old.scenario == new.scenario:
        besides = [
            *outside_changes(old.graph, new.graph, chains, names),
            *ioctl_changes(old.graph.ioctls, new.graph.ioctls),
        ]
        changes += [change for change in besides if not _proves_nothing(change, old, new)]
        unchecked += _lacking(old, new, told)
    if hits:
        changes += _hits(old.graph, new.graph, chains, names)
    return Diff(old.side, new.side, tuple(chains), _each_once(changes), tuple(unchecked))


def _pairs(old: Source, new: Source, names: Names) -> list[Pair]:
    """The chains that belong together, as far as they can be compared."""
    before, now = old.graph.chains, new.graph.chains
    if old.scenario == IMPORT:
        now = (*now, *beginnings(before, now))
    elif new.scenario == IMPORT:
        before = (*before, *beginnings(now, before))
    pairs = paired(before, now, names)
    return [of_one_thread(pair, old.scenario == IMPORT, new.scenario == IMPORT) for pair in pairs]


def _told(pairs: Sequence[Pair], old: Source, new: Source) -> tuple[list[Pair], list[Unchecked]]:
    """The pairs worth comparing, and why others cannot be."""
    told: list[Pair] = []
    unchecked: dict[Unchecked, None] = {}
    for pair in pairs:
        if pair.old and pair.new:
            told.append(pair)
        elif IMPORT in (old.scenario, new.scenario):
            having, lacking = (new, old) if pair.old is None else (old, new)
            if having.scenario == IMPORT:  # of the other side's chains a backtrace tells nothing
                unchecked.setdefault(Unchecked(pair.either.title, f"{lacking.name} has no chain that leads there"))
        elif reason := _why_not(pair, old, new):
            unchecked.setdefault(Unchecked(pair.either.title, reason))
        else:
            told.append(pair)
    return told, list(unchecked)


def _why_not(pair: Pair, old: Source, new: Source) -> str:
    """Why a chain that one side lacks tells nothing; "" when it does."""
    lacking, other = (old, new) if pair.old is None else (new, old)
    milestone = pair.either.milestone
    if milestone in {chain.milestone for chain in lacking.graph.chains}:
        return ""  # one of several chains
    missing = next((entry for entry in lacking.graph.missing if entry.milestone == milestone), None)
    if missing and not missing.in_program and lacking is new:
        return f"{new.name} has none of the functions {', '.join(missing.functions)}"
    if not lacking.complete:
        return f"{lacking.name} was not recorded to its end and never came there"
    if lacking.scenario != other.scenario:
        return f"{lacking.name} is a recording of {lacking.scenario}, {other.name} one of {other.scenario}"
    return ""


def _proves_nothing(change: Change, old: Source, new: Source) -> bool:
    """Whether the change is that a side lacks something which was not recorded to its end."""
    return (change.kind in _GONE and not new.complete) or (change.kind in _NEW and not old.complete)


def _lacking(old: Source, new: Source, pairs: Sequence[Pair]) -> Iterator[Unchecked]:
    """What the new side was not asked for, and what a side had no time for."""
    for source in (old, new):
        if not source.complete:
            yield Unchecked("Ioctls and what is outside the chains", f"{source.name} was not recorded to its end")
    if whole_ledger(old.graph.ioctls) and not whole_ledger(new.graph.ioctls):
        yield Unchecked("The ioctls", f"{new.name} was recorded without them")
    before = [step for pair in pairs if pair.old and pair.new for step in pair.old.steps if explained(step)]
    now = [step for pair in pairs if pair.old and pair.new for step in pair.new.steps if step.slot is not None]
    if before and not now:
        yield Unchecked("Who set the function pointers", f"{new.name} was recorded without asking for it")


def _hits(old: CallGraph, new: CallGraph, chains: Sequence[ChainDiff], names: Names) -> Iterator[Change]:
    matched = matched_functions(old, new, chains, names)
    now = {(call.caller, call.callee, call.kind): call for call in new.calls}
    for call in old.calls:
        caller, callee = matched.get(call.caller), matched.get(call.callee)
        other = now.get((caller, callee, call.kind)) if caller and callee else None
        if other is not None and other.hits != call.hits:
            yield Change(ChangeKind.HITS, f"{other.caller} -> {other.callee}", str(call.hits), str(other.hits))


def _each_once(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each change once with all chains that show it, worst first."""
    found: dict[tuple[str, ...], Change] = {}
    for change in changes:
        before = found.get(change.key)
        chains = dict.fromkeys((*(before.chains if before else ()), *change.chains))
        found[change.key] = replace(before or change, chains=tuple(chains))
    return tuple(sorted(found.values(), key=lambda c: (_WORST_FIRST[c.kind], c.subject, c.old, c.new, c.after)))
