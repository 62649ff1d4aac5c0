"""Pairs the chains of two graphs by milestone, and compares each pair. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product, takewhile

from analyzer.diff.aligned_chains import SharedRows, align_steps, comparable_steps
from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Chain, ChainStep
from analyzer.model.frames import Function
from analyzer.model.headings import MAIN_THREAD, UNKNOWN_THREAD
from gdbscripts.call_kinds import CallKind

_UNNAMED = ("thread ", UNKNOWN_THREAD)
_MOST_COMPARED = 400  # pairs of chains to one milestone whose similarity is computed


@dataclass(frozen=True)
class ChainPair:
    """Two chains to one milestone that are compared; None on the side that lacks the chain."""

    old: Chain | None
    new: Chain | None

    @property
    def either(self) -> Chain:
        """The new chain, or the old chain when there is no new one."""
        chain = self.new or self.old
        assert chain is not None
        return chain


def pair_chains(old: Sequence[Chain], new: Sequence[Chain], names: SymbolHistory) -> list[ChainPair]:
    """Pair the chains to each milestone, in the order of the scenario.

    Each chain is in exactly one pair. First chains with the same functions form a pair, then those that are most
    similar; what is left over has no partner. Exchanged sides give exchanged pairs.
    """
    pairs: list[ChainPair] = []
    old_chains, new_chains = _by_milestone(old), _by_milestone(new)
    for milestone in dict.fromkeys((*new_chains, *old_chains)):
        pairs += _pair_chains_of_milestone(old_chains.get(milestone, []), new_chains.get(milestone, []), names)
    return sorted(pairs, key=lambda pair: pair.either.position)


def _by_milestone(chains: Sequence[Chain]) -> dict[str, list[Chain]]:
    grouped: dict[str, list[Chain]] = {}
    for chain in chains:
        grouped.setdefault(chain.milestone, []).append(chain)
    return grouped


def _pair_chains_of_milestone(
    old: Sequence[Chain], new: Sequence[Chain], names: SymbolHistory
) -> Iterator[ChainPair]:
    equal = _equal_chains(old, new)
    yield from (ChainPair(old[i], new[j]) for i, j in equal.items())
    old_left = {i: chain for i, chain in enumerate(old) if i not in equal}
    taken = set(equal.values())
    new_left = {j: chain for j, chain in enumerate(new) if j not in taken}
    few = len(old_left) * len(new_left) <= _MOST_COMPARED
    complete = [i for i in old_left if not old[i].open_ended], [j for j in new_left if not new[j].open_ended]
    candidates = product(old_left, new_left) if few else zip(*complete, strict=False)
    open_ended = any(chain.open_ended for chain in (*old, *new))
    ranked = sorted(
        (
            _open_ended_difference(old[i], new[j]) if open_ended else (0, 0),
            -_chain_similarity(old[i], new[j], names),
            i,
            j,
        )
        for i, j in candidates
    )
    for *_, i, j in ranked:
        if i in old_left and j in new_left:
            yield ChainPair(old_left.pop(i), new_left.pop(j))
    yield from (ChainPair(chain, None) for chain in old_left.values())
    yield from (ChainPair(None, chain) for chain in new_left.values())


def _equal_chains(old: Sequence[Chain], new: Sequence[Chain]) -> dict[int, int]:
    """Return old position -> new position of the chains with the same functions on the same thread."""
    new_positions: dict[object, deque[int]] = defaultdict(deque)
    for position, chain in enumerate(new):
        new_positions[_thread_and_functions(chain)].append(position)
    return {
        position: equal.popleft()
        for position, chain in enumerate(old)
        if (equal := new_positions[_thread_and_functions(chain)])
    }


def _thread_and_functions(chain: Chain) -> tuple[str, tuple[Function, ...]]:
    """Return what equal chains share: the functions that are compared, as in a baseline, which keeps no others."""
    return chain.thread, tuple(step.function for step in comparable_steps(chain.steps, kernel=False))


def _chain_similarity(old: Chain, new: Chain, names: SymbolHistory) -> float:
    """Return the similarity of two chains, 0 to 2: the share of common functions, and 1 for the same thread."""
    old_names = names.canonical_names(step.function.name for step in old.steps)
    new_names = names.canonical_names(step.function.name for step in new.steps)
    return len(old_names & new_names) / max(len(old_names | new_names), 1) + (old.thread == new.thread)


def _open_ended_difference(old: Chain, new: Chain) -> tuple[int, int]:
    """Return what ranks a pair where chains are cut, the lowest first.

    First -2 for chains with the same functions, -1 when a cut one may be the inner part of the other, else 0; then
    minus the number of innermost functions in common, when one is cut.
    """
    shorter, longer = sorted((old, new), key=lambda chain: len(chain.steps))
    inner_first = zip(reversed(shorter.steps), reversed(longer.steps), strict=False)
    equal = takewhile(lambda pair: pair[0].function.name == pair[1].function.name, inner_first)
    common = sum(1 for _ in equal)
    counted = -common if old.open_ended or new.open_ended else 0
    if common < len(shorter.steps):
        return 0, counted
    return (-2 if common == len(longer.steps) else -int(shorter.open_ended)), counted


def chain_diff(
    pair: ChainPair,
    names: SymbolHistory,
    kernel: bool,
    eliding_kinds: Collection[CallKind] = (),
    imported: tuple[bool, bool] = (False, False),
    shared: SharedRows | None = None,
) -> ChainDiff:
    """Align the chains of a pair and return their rows and changes.

    `kernel` says whether the kernel's functions are compared, too; `eliding_kinds`, `imported` and `shared` are
    those of `align_steps`. Exchanged sides give exchanged changes.
    """
    old = comparable_steps(pair.old.steps, kernel) if pair.old else ()
    new = comparable_steps(pair.new.steps, kernel) if pair.new else ()
    chain, shared = pair.either, shared or SharedRows()
    if pair.old and pair.new:
        rows = align_steps(old, new, names, eliding_kinds, imported, shared)
        chain_changes = _thread_change(pair.old, pair.new, new[-1], not any(imported))
    else:
        rows = (*(AlignedRow(step, None) for step in old), *(AlignedRow(None, step) for step in new))
        chain_changes = [_one_sided(pair, (new or old)[-1])]
    changes = [*chain_changes, *(change for row in rows for change in row.changes)]
    distinct = tuple(shared.of_chain(change, chain.milestone) for change in dict.fromkeys(changes))
    return ChainDiff(
        milestone=chain.milestone,
        title=chain.title,
        target=chain.target,
        old_thread=pair.old.thread if pair.old else "",
        new_thread=pair.new.thread if pair.new else "",
        rows=rows,
        changes=distinct,
    )


def count_known_rows(chains: Sequence[ChainDiff]) -> list[ChainDiff]:
    """Return the chains with `known` set: how many first rows of a chain some earlier chain has, too.

    A chain to a target may be shown without the others: for it, only earlier chains to targets count.
    """
    all_prefixes, prefixes_of_targets, numbers = _Prefixes(), _Prefixes(), _ContentNumbers()
    counted: list[ChainDiff] = []
    for chain in chains:
        contents = list(map(numbers.of, chain.rows))
        known = all_prefixes.add(contents)
        if chain.target:
            known = prefixes_of_targets.add(contents)
        counted.append(replace(chain, known=known) if known != chain.known else chain)
    return counted


class _ContentNumbers:
    """Numbers the contents of rows, equal for equal contents. A row that chains share is looked at once."""

    def __init__(self) -> None:
        self._of_contents: dict[object, int] = {}
        self._of_rows: dict[int, int] = {}  # by the id of the row, which a chain holds

    def of(self, row: AlignedRow) -> int:
        """Return the number of the row's content."""
        number = self._of_rows.get(id(row))
        if number is None:
            number = self._of_contents.setdefault(_content(row), len(self._of_contents))
            self._of_rows[id(row)] = number
        return number


class _Prefixes:
    """The beginnings of sequences as a tree, so that the time depends on their length, not on their number."""

    def __init__(self) -> None:
        self._next: dict[int, _Prefixes] = {}

    def add(self, contents: Sequence[int]) -> int:
        """Add a sequence. Returns how many of its first items begin a sequence that was added before."""
        known, node = 0, self
        for content in contents:
            next_ = node._next.get(content)
            if next_ is None:
                next_ = node._next[content] = _Prefixes()
            else:
                known += 1
            node = next_
        return known


def _content(row: AlignedRow) -> tuple[object, ...]:
    return row.old and row.old.function, row.new and row.new.function, row.changes


def _thread_change(old: Chain, new: Chain, place: ChainStep, recorded: bool) -> list[Change]:
    """Return the change of the thread that reaches the milestone, as a list of at most one.

    QEMU 1.6 does not name its threads: then only a change from or to the main thread counts. An imported backtrace
    may lack the function `main`, which identifies the main thread: then only names count.
    """
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
