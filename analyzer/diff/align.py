"""Two chains side by side: which step of one is which step of the other. Pure.

Steps are matched where that explains most: by name, by name without its number, by the known history of names.
What lies between matched neighbours is then matched by how much the names have in common; where two would do, none
does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from analyzer.diff.symbol_history import SymbolHistory, similarity
from analyzer.model.frames import Function

Pairs = list[tuple[int | None, int | None]]  # positions in both; None on the side that has nothing there

_LARGEST = 1_000_000  # cells of the table: two chains of 1,000 steps, a second
_ALIKE = 0.5  # two names have half of their words in common
_Matches = list[tuple[int, int]]


def align(old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None) -> Pairs:
    """Positions of both in order, those that match together, on one side alone those that do not.

    The same with both exchanged, pairs exchanged. Chains too long for the table are matched at their ends only.
    Without `names` only what is equal matches.
    """
    if _order(new) < _order(old):  # of two equally good answers the same one, whichever side is called old
        matches = [(mine, theirs) for theirs, mine in _all_matches(new, old, names)]
    else:
        matches = _all_matches(old, new, names)
    return _with_gaps(matches, len(old), len(new))


def _order(chain: Sequence[Function]) -> tuple[int, list[Function]]:
    return len(chain), list(chain)


def _all_matches(old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None) -> _Matches:
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    middle = _matches(old[head : len(old) - tail], new[head : len(new) - tail], names)
    matches = [(i, i) for i in range(head)]
    matches += [(head + i, head + j) for i, j in middle]
    matches += [(len(old) - i, len(new) - i) for i in range(tail, 0, -1)]
    return matches if names is None or names.exact else _with_alike(matches, old, new, names)


def match_rank(one: Function, other: Function, names: SymbolHistory | None) -> int:
    """How much speaks for these being the same function, 0 for nothing."""
    if names is None or names.exact:
        return int(one == other)
    if _twins(one, other, names):
        return 0
    if one.name == other.name:
        return 6 if one.where == other.where else 4
    if names.normalised(one.name) == names.normalised(other.name):
        return 5 if one.where == other.where else 2
    return 3 if names.renamed(one.name, other.name) else 0


def _matches(old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None) -> _Matches:
    """The matching in order that is worth most (Needleman and Wunsch, without costs for gaps)."""
    if not old or not new or len(old) * len(new) > _LARGEST:
        return []
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(len(new) - 1, -1, -1):
            value = match_rank(old[i], new[j], names)
            row[j] = max(below[j], row[j + 1], below[j + 1] + value if value else 0)
    return _way(best, old, new, names)


def _way(
    best: list[list[int]], old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None
) -> _Matches:
    found, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        value = match_rank(old[i], new[j], names)
        if value and best[i][j] == best[i + 1][j + 1] + value:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _with_alike(
    matches: _Matches, old: Sequence[Function], new: Sequence[Function], names: SymbolHistory
) -> _Matches:
    """Besides `matches`, what is alike between them."""
    ends = [(-1, -1), *matches, (len(old), len(new))]
    found = []
    for (i, j), (next_i, next_j) in pairwise(ends):
        found += _alike(range(i + 1, next_i), range(j + 1, next_j), old, new, names)
        found.append((next_i, next_j))
    return found[:-1]


def _alike(
    mine: range, theirs: range, old: Sequence[Function], new: Sequence[Function], names: SymbolHistory
) -> _Matches:
    if not mine or not theirs or len(mine) * len(theirs) > _LARGEST // 25:
        return []
    alike = {(i, j): _likeness(old[i], new[j], names) for i in mine for j in theirs}
    forward = {i: _only_best({j: alike[i, j] for j in theirs}) for i in mine}
    backward = {j: _only_best({i: alike[i, j] for i in mine}) for j in theirs}
    mutual = [(i, j) for i, j in forward.items() if j is not None and backward[j] == i]
    return [pair for pair in mutual if not any(_cross(pair, other) for other in mutual)]


def _likeness(one: Function, other: Function, names: SymbolHistory) -> float:
    return 0.0 if _twins(one, other, names) else similarity(one.name, other.name)


def _twins(one: Function, other: Function, names: SymbolHistory) -> bool:
    """Whether they are called the same but for a number, and their files tell them apart."""
    if names.normalised(one.name) != names.normalised(other.name) or not names.numbered(one.name):
        return False
    return one.where != other.where and bool(one.where and other.where)


def _only_best(values: dict[int, float]) -> int | None:
    """The position with the highest value that is high enough; None when two have it."""
    highest = max(values.values())
    best = [position for position, value in values.items() if value == highest]
    return best[0] if highest >= _ALIKE and len(best) == 1 else None


def _cross(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return (one[0] - other[0]) * (one[1] - other[1]) < 0


def _with_gaps(matches: _Matches, old: int, new: int) -> Pairs:
    pairs: Pairs = []
    i = j = 0
    for next_i, next_j in [*matches, (old, new)]:
        pairs += [(position, None) for position in range(i, next_i)]
        pairs += [(None, position) for position in range(j, next_j)]
        pairs.append((next_i, next_j))
        i, j = next_i + 1, next_j + 1
    return pairs[:-1]
