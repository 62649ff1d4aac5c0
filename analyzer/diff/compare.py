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
from analyzer.diff.pasted import meetings, of_one_thread
from analyzer.graph.callgraph import CallGraph
from gdbscripts.wire import IMPORT

_BESIDES = "The ioctls, and what is outside the chains"
_ONLY_IN_OLD = {ChangeKind.FUNCTION_REMOVED, ChangeKind.CALL_REMOVED, ChangeKind.IOCTL_REMOVED}
_ONLY_IN_NEW = {ChangeKind.FUNCTION_ADDED, ChangeKind.CALL_ADDED, ChangeKind.IOCTL_ADDED}
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
    if old.graph.provenance.build_id == new.graph.provenance.build_id != "":
        names = replace(names, exact=True)
    pairs, not_met = _pairs(old, new, names)
    told, unchecked = _told(pairs, old, new)
    unchecked = [*not_met, *unchecked]
    chains = with_known(
        [chain_diff(pair, names, kernel, jumps_hide=not _compiled_alike(old, new)) for pair in told]
    )
    changes = [change for chain in chains for change in chain.changes]
    if IMPORT not in (old.scenario, new.scenario):
        besides, open_ = _besides(old, new, chains, names)
        changes += besides
        unchecked += [
            *_never_reached(old, new),
            *open_,
            *_lacking(old, new, told),
            *_unexplained(old, new, chains),
        ]
    if not chains and not unchecked:
        unchecked.append(Unchecked("The chains", "there is none to compare"))
    if hits:
        changes += _hits(old.graph, new.graph, chains, names)
    return Diff(old.side, new.side, tuple(chains), each_once(changes), tuple(unchecked))


def _compiled_alike(old: Source, new: Source) -> bool:
    """Whether both were built in the same profile, as far as that is known."""
    profiles = [source.graph.provenance.build.get("profile") for source in (old, new)]
    return profiles[0] == profiles[1] and profiles[0] in ("debug", "release")


def _pairs(old: Source, new: Source, names: Names) -> tuple[list[Pair], list[Unchecked]]:
    """The chains that belong together, as far as they can be compared; and how far that is not."""
    before, now = list(old.graph.chains), list(new.graph.chains)
    pasted, recorded, other = (before, now, new) if old.scenario == IMPORT else (now, before, old)
    unchecked: dict[Unchecked, None] = {}
    if [old.scenario, new.scenario].count(IMPORT) == 1:
        met = list(meetings(pasted, recorded))
        names_met = {each.pasted.milestone for each in met}
        pasted[:] = [chain for chain in pasted if chain.milestone not in names_met]
        pasted += dict.fromkeys(each.pasted for each in met)
        recorded += {each.recorded.milestone: each.recorded for each in met}.values()
        for each in met:
            if each.beyond:
                reason = f"{other.name} has no chain that goes on to {each.beyond}"
                unchecked.setdefault(Unchecked(each.pasted.title, reason))
    pairs = paired(before, now, names)
    told = [of_one_thread(pair, old.scenario == IMPORT, new.scenario == IMPORT) for pair in pairs]
    return told, list(unchecked)


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
    missing = next((entry for entry in lacking.graph.missing if entry.milestone == pair.either.milestone), None)
    if missing and not missing.in_program and lacking is new:
        return f"{new.name} has none of the functions {', '.join(missing.functions)}"
    if not lacking.complete:
        return f"{lacking.name} was not recorded to its end and never came there"
    return _other_scenario(lacking, other)


def _other_scenario(one: Source, other: Source) -> str:
    if one.scenario == other.scenario:
        return ""
    return f"{one.name} is a recording of {one.scenario}, {other.name} one of {other.scenario}"


def _besides(
    old: Source, new: Source, chains: Sequence[ChainDiff], names: Names
) -> tuple[list[Change], list[Unchecked]]:
    """What changed besides the chains, and why that is not all: a recording that was cut short lacks what would
    have come later."""
    if reason := _other_scenario(old, new):
        return [], [Unchecked(_BESIDES, reason)]
    changes = [
        *outside_changes(old.graph, new.graph, chains, names),
        *ioctl_changes(old.graph.ioctls, new.graph.ioctls),
    ]
    unchecked = []
    for side, kinds in ((old, _ONLY_IN_NEW), (new, _ONLY_IN_OLD)):
        if not side.complete:
            changes = [change for change in changes if change.kind not in kinds]
            unchecked.append(Unchecked(_BESIDES, f"{side.name} was not recorded to its end"))
    return changes, unchecked


def _never_reached(old: Source, new: Source) -> Iterator[Unchecked]:
    """Milestones that neither side came to, and one of them would have, had it been recorded to its end."""
    missing = {entry.milestone for entry in old.graph.missing}
    if not (old.complete and new.complete):
        for entry in new.graph.missing:
            if entry.milestone in missing:
                yield Unchecked(entry.title, "neither side came there, and not both were recorded to their end")


def _lacking(old: Source, new: Source, pairs: Sequence[Pair]) -> Iterator[Unchecked]:
    """What one side tells of and the other one was not asked for."""
    if old.scenario != new.scenario:
        return
    before = [step for pair in pairs if pair.old and pair.new for step in pair.old.steps]
    now = [step for pair in pairs if pair.old and pair.new for step in pair.new.steps]
    for one, steps, other, others in ((old, before, new, now), (new, now, old, before)):
        if not other.complete:
            continue  # of which it is said that it lacks more than that
        if whole_ledger(one.graph.ioctls) and not whole_ledger(other.graph.ioctls):
            yield Unchecked("The ioctls", f"{other.name} was recorded without them")
        if any(map(explained, steps)) and not any(step.slot for step in others):
            yield Unchecked("Who set the function pointers", f"{other.name} was recorded without asking for it")


def _unexplained(old: Source, new: Source, chains: Sequence[ChainDiff]) -> Iterator[Unchecked]:
    """Pointers of which only one side knows who set them; where a side knows of none, that is told as one."""
    rows = [row for chain in chains for row in chain.rows if row.old and row.new]
    slots = [any(row.old and row.old.slot for row in rows), any(row.new and row.new.slot for row in rows)]
    told = set()
    for row in rows if all(slots) else ():
        mine, theirs = row.old, row.new
        if not mine or not theirs or mine.kind is not theirs.kind or explained(mine) == explained(theirs):
            continue
        source, step = (new, theirs) if explained(mine) else (old, mine)
        if step.function not in told:
            told.add(step.function)
            reason = f"{step.slot.outcome}: {step.slot.reason}" if step.slot else "it does not say"
            yield Unchecked(f"Who set the pointer to {step.function}", f"{source.name}: {reason}")


def _hits(old: CallGraph, new: CallGraph, chains: Sequence[ChainDiff], names: Names) -> Iterator[Change]:
    matched = matched_functions(old, new, chains, names)
    now = {(call.caller, call.callee, call.kind): call for call in new.calls}
    for call in old.calls:
        caller, callee = matched.get(call.caller), matched.get(call.callee)
        other = now.get((caller, callee, call.kind)) if caller and callee else None
        if other is not None and other.hits != call.hits:
            yield Change(ChangeKind.HITS, f"{other.caller} -> {other.callee}", str(call.hits), str(other.hits))


def each_once(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each change once with all chains that show it, worst first."""
    found: dict[tuple[str, ...], Change] = {}
    for change in changes:
        before = found.get(change.key)
        chains = dict.fromkeys((*(before.chains if before else ()), *change.chains))
        found[change.key] = replace(before or change, chains=tuple(chains))
    return tuple(sorted(found.values(), key=lambda c: (_WORST_FIRST[c.kind], c.subject, c.old, c.new, c.after)))
