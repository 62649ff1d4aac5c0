"""Aligns two chains: which function of one is which function of the other. Pure.

First a global alignment finds the functions that match best: by name, by name without a machine version, by known
renames. Then the functions between two matches are matched by the words that their names have in common; a
function with two equally good candidates stays unmatched.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from analyzer.diff.symbol_history import SymbolHistory, similarity
from analyzer.model.frames import Function

Pairs = list[tuple[int | None, int | None]]  # (old, new) positions; None on the side that has no such function

_MOST_CELLS = 1_000_000  # of the alignment table: two chains of 1,000 functions, about a second
_LEAST_SIMILARITY = 0.5  # half of the words of two names are the same
_Matches = list[tuple[int, int]]


def align(old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None) -> Pairs:
    """Return the positions of both chains in order: a pair for a match, else one position and None.

    Without `names` only equal functions match. Chains too long for the alignment table are matched at their ends
    only. Exchanged sides give exchanged pairs.
    """
    if _order(new) < _order(old):  # of two equally good alignments, both orders of the sides get the same one
        matches = [(old_position, new_position) for new_position, old_position in _all_matches(new, old, names)]
    else:
        matches = _all_matches(old, new, names)
    return _add_unmatched(matches, len(old), len(new))


def _order(chain: Sequence[Function]) -> tuple[int, list[Function]]:
    return len(chain), list(chain)


def _all_matches(old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None) -> _Matches:
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    middle = _best_matches(old[head : len(old) - tail], new[head : len(new) - tail], names)
    matches = [(i, i) for i in range(head)]
    matches += [(head + i, head + j) for i, j in middle]
    matches += [(len(old) - i, len(new) - i) for i in range(tail, 0, -1)]
    return matches if names is None or names.same_program else _add_similar(matches, old, new, names)


def match_rank(old: Function, new: Function, names: SymbolHistory | None) -> int:
    """Return how likely two functions are the same, from 0 (no evidence) to 6 (same name and file).

    Exchanged functions give the same rank.
    """
    if names is None or names.same_program:
        return int(old == new)
    if _are_namesakes(old, new, names):
        return 0
    if old.name == new.name:
        return 6 if old.where == new.where else 4
    if names.canonical_name(old.name) == names.canonical_name(new.name):
        return 5 if old.where == new.where else 2
    return 3 if names.renamed(old.name, new.name) else 0


def _best_matches(old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None) -> _Matches:
    """Return the matches in order with the greatest sum of ranks (Needleman and Wunsch, gaps cost nothing)."""
    if not old or not new or len(old) * len(new) > _MOST_CELLS:
        return []
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(len(new) - 1, -1, -1):
            rank = match_rank(old[i], new[j], names)
            row[j] = max(below[j], row[j + 1], below[j + 1] + rank if rank else 0)
    return _trace_back(best, old, new, names)


def _trace_back(
    best: list[list[int]], old: Sequence[Function], new: Sequence[Function], names: SymbolHistory | None
) -> _Matches:
    """Return the matches behind a filled table, in which `best[i][j]` is the best sum from i and j on."""
    found, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        rank = match_rank(old[i], new[j], names)
        if rank and best[i][j] == best[i + 1][j + 1] + rank:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _add_similar(
    matches: _Matches, old: Sequence[Function], new: Sequence[Function], names: SymbolHistory
) -> _Matches:
    """Return `matches` and the matches by similar names between two of them, in order."""
    ends = [(-1, -1), *matches, (len(old), len(new))]
    found = []
    for (i, j), (next_i, next_j) in pairwise(ends):
        found += _similar_matches(range(i + 1, next_i), range(j + 1, next_j), old, new, names)
        found.append((next_i, next_j))
    return found[:-1]


def _similar_matches(
    old_range: range, new_range: range, old: Sequence[Function], new: Sequence[Function], names: SymbolHistory
) -> _Matches:
    """Return the pairs in two gaps that are each other's only best match and do not cross another pair."""
    if not old_range or not new_range or len(old_range) * len(new_range) > _MOST_CELLS // 25:
        return []
    values = {(i, j): _name_similarity(old[i], new[j], names) for i in old_range for j in new_range}
    best_new = {i: _only_best({j: values[i, j] for j in new_range}) for i in old_range}
    best_old = {j: _only_best({i: values[i, j] for i in old_range}) for j in new_range}
    mutual = [(i, j) for i, j in best_new.items() if j is not None and best_old[j] == i]
    return [pair for pair in mutual if not any(_cross(pair, other) for other in mutual)]


def _name_similarity(old: Function, new: Function, names: SymbolHistory) -> float:
    return 0.0 if _are_namesakes(old, new, names) else similarity(old.name, new.name)


def _are_namesakes(old: Function, new: Function, names: SymbolHistory) -> bool:
    """Return whether the names differ in a machine version at most, but the files are different ones."""
    if names.canonical_name(old.name) != names.canonical_name(new.name) or not names.has_machine_version(old.name):
        return False
    return old.where != new.where and bool(old.where and new.where)


def _only_best(values: dict[int, float]) -> int | None:
    """Return the position of the highest value that is high enough; None when two positions have it."""
    highest = max(values.values())
    best = [position for position, value in values.items() if value == highest]
    return best[0] if highest >= _LEAST_SIMILARITY and len(best) == 1 else None


def _cross(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return (first[0] - second[0]) * (first[1] - second[1]) < 0


def _add_unmatched(matches: _Matches, old_length: int, new_length: int) -> Pairs:
    pairs: Pairs = []
    i = j = 0
    for next_i, next_j in [*matches, (old_length, new_length)]:
        pairs += [(position, None) for position in range(i, next_i)]
        pairs += [(None, position) for position in range(j, next_j)]
        pairs.append((next_i, next_j))
        i, j = next_i + 1, next_j + 1
    return pairs[:-1]
