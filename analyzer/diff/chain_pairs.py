"""The chains of two graphs, paired by milestone and compared. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from analyzer.diff.aligned_chains import aligned_rows, comparable
from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Chain, ChainStep
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function
from analyzer.model.headings import MAIN_THREAD, UNKNOWN_THREAD

_UNNAMED = ("thread ", UNKNOWN_THREAD)
_MOST_TRIED = 400  # pairs of chains to one milestone that are looked at to see which belong together


@dataclass(frozen=True)
class ChainPair:
    """The chains to one milestone that belong together; a side may lack one."""

    old: Chain | None
    new: Chain | None

    @property
    def either(self) -> Chain:
        """The new chain, or the old one when there is no new."""
        chain = self.new or self.old
        assert chain is not None
        return chain


def pair_chains(old: Sequence[Chain], new: Sequence[Chain], names: SymbolHistory) -> list[ChainPair]:
    """Chains of both sides that belong together, in the order of the scenario; each chain once."""
    pairs: list[ChainPair] = []
    for milestone in dict.fromkeys(chain.milestone for chain in (*new, *old)):
        mine = [chain for chain in old if chain.milestone == milestone]
        theirs = [chain for chain in new if chain.milestone == milestone]
        pairs += _paired_of_one(mine, theirs, names)
    return sorted(pairs, key=lambda pair: pair.either.position)


def _paired_of_one(mine: Sequence[Chain], theirs: Sequence[Chain], names: SymbolHistory) -> Iterator[ChainPair]:
    """First chains through the same functions, then those that are most alike."""
    equal = _equal(mine, theirs)
    yield from (ChainPair(mine[i], theirs[j]) for i, j in equal.items())
    old_left = {i: chain for i, chain in enumerate(mine) if i not in equal}
    taken = set(equal.values())
    new_left = {j: chain for j, chain in enumerate(theirs) if j not in taken}
    few = len(old_left) * len(new_left) <= _MOST_TRIED
    tried = product(old_left, new_left) if few else zip(old_left, new_left, strict=False)
    for _, i, j in sorted((-_alike(mine[i], theirs[j], names), i, j) for i, j in tried):
        if i in old_left and j in new_left:
            yield ChainPair(old_left.pop(i), new_left.pop(j))
    yield from (ChainPair(chain, None) for chain in old_left.values())
    yield from (ChainPair(None, chain) for chain in new_left.values())


def _equal(mine: Sequence[Chain], theirs: Sequence[Chain]) -> dict[int, int]:
    """Positions in both of chains that go through the same functions on the same thread."""
    there: dict[object, deque[int]] = defaultdict(deque)
    for position, chain in enumerate(theirs):
        there[_way(chain)].append(position)
    return {position: same.popleft() for position, chain in enumerate(mine) if (same := there[_way(chain)])}


def _way(chain: Chain) -> tuple[str, tuple[Function, ...]]:
    return chain.thread, tuple(step.function for step in chain.steps)


def _alike(one: Chain, other: Chain, names: SymbolHistory) -> float:
    """How well two chains fit, 0 to 2: the share of functions they have in common, and 1 for the same thread."""
    mine = {names.normalised(step.function.name) for step in one.steps}
    theirs = {names.normalised(step.function.name) for step in other.steps}
    return len(mine & theirs) / max(len(mine | theirs), 1) + (one.thread == other.thread)


def chain_diff(
    pair: ChainPair,
    names: SymbolHistory,
    kernel: bool,
    hiding: Collection[CallKind] = (),
    imported: tuple[bool, bool] = (False, False),
) -> ChainDiff:
    """The pair aligned, with what changed; `hiding` and `pasted` as of `aligned_rows`."""
    old = comparable(pair.old.steps, kernel) if pair.old else ()
    new = comparable(pair.new.steps, kernel) if pair.new else ()
    chain = pair.either
    if pair.old and pair.new:
        rows = aligned_rows(old, new, names, hiding, imported)
        own = _thread_change(pair.old, pair.new, new[-1], not any(imported))
    else:
        rows = (*(AlignedRow(step, None) for step in old), *(AlignedRow(None, step) for step in new))
        own = [_one_sided(pair, (new or old)[-1])]
    changes = [*own, *(change for row in rows for change in row.changes)]
    told = tuple(replace(change, chains=(chain.milestone,)) for change in dict.fromkeys(changes))
    return ChainDiff(
        milestone=chain.milestone,
        title=chain.title,
        target=chain.target,
        old_thread=pair.old.thread if pair.old else "",
        new_thread=pair.new.thread if pair.new else "",
        rows=rows,
        changes=told,
    )


def with_shared_prefix(chains: Sequence[ChainDiff]) -> list[ChainDiff]:
    """Each chain, told how many of its first rows an earlier one has too; of those that lead to targets, which may
    be shown alone, another such one."""
    told: list[ChainDiff] = []
    for chain in chains:
        before = (other for other in told if other.target or not chain.target)
        known = max((_common(chain.rows, other.rows) for other in before), default=0)
        told.append(replace(chain, known=known))
    return told


def _common(rows: Sequence[AlignedRow], others: Sequence[AlignedRow]) -> int:
    shorter = min(len(rows), len(others))
    return next((i for i in range(shorter) if _functions(rows[i]) != _functions(others[i])), shorter)


def _functions(row: AlignedRow) -> tuple[object, ...]:
    return row.old and row.old.function, row.new and row.new.function, row.changes


def _thread_change(old: Chain, new: Chain, place: ChainStep, recorded: bool) -> list[Change]:
    """Nobody names threads in old versions: then it only counts whether it is the main thread. A backtrace may
    lack the function `main` by which that one is known: then only names count."""
    if old.thread == new.thread or not old.thread or not new.thread:
        return []
    unnamed = old.thread.startswith(_UNNAMED) or new.thread.startswith(_UNNAMED)
    main = MAIN_THREAD in (old.thread, new.thread)
    if (main and not recorded) or (unnamed and not main):
        return []
    return [Change(ChangeKind.THREAD, new.title, old.thread, new.thread, file=place.file, line=place.line)]


def _one_sided(pair: ChainPair, place: ChainStep) -> Change:
    kind = ChangeKind.CHAIN_ADDED if pair.new else ChangeKind.CHAIN_REMOVED
    thread = pair.either.thread
    words = ("", thread) if pair.new else (thread, "")
    return Change(kind, pair.either.title, *words, file=place.file, line=place.line)
