"""Finds the simple paths of a call graph, shortest first, in a bounded number of steps. Pure.

A breadth-first search from the goals computes the distance of each function to them, in calls. An iterative
deepening depth-first search then enters only functions whose distance fits the length of the paths that it looks
for. So paths come in the order of their lengths, and memory is bounded by the graph and one path.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.graph.call_graph import Call, CallGraph
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind

Calls = tuple[Call, ...]
_UNREACHABLE = 1 << 60  # a distance greater than the length of any path


class SearchLimitError(Exception):
    """A search needs more steps than its budget allows."""


@dataclass
class StepBudget:
    """The number of calls that a search has looked at (`taken`), and how many it may look at (`limit`)."""

    limit: int
    taken: int = 0

    def take(self, number: int = 1) -> None:
        """Count `number` calls. Raises SearchLimitError when the limit is exceeded."""
        self.taken += number
        if self.taken > self.limit:
            raise SearchLimitError


@dataclass(frozen=True)
class PathConditions:
    """The conditions of a path as bits: a function or a kind of call on the path satisfies some of them.

    `of_functions` and `of_kinds` map to the bits that they satisfy; `number` is how many conditions there are.
    """

    of_functions: Mapping[Function, int] = field(default_factory=dict)
    of_kinds: Mapping[CallKind, int] = field(default_factory=dict)
    number: int = 0

    @property
    def all(self) -> int:
        """All conditions: the lowest `number` bits are set."""
        return (1 << self.number) - 1

    def unsatisfied_at(self, start: Function) -> int:
        """Return the conditions that `start` itself does not satisfy."""
        return self.all & ~self.of_functions.get(start, 0)

    def satisfied_by(self, call: Call) -> int:
        """Return the conditions that `call` satisfies, by its callee or its kind."""
        return self.of_functions.get(call.callee, 0) | self.of_kinds.get(call.kind, 0)


class UsableCalls:
    """The calls of a graph that a path may contain, looked up once for each function."""

    def __init__(self, graph: CallGraph, is_usable: Callable[[Call], bool]) -> None:
        self._graph = graph
        self._is_usable = is_usable
        self._out: dict[Function, Calls] = {}
        self._in: dict[Function, Calls] = {}

    def callees(self, function: Function) -> Calls:
        """Return the usable calls that `function` makes."""
        if function not in self._out:
            self._out[function] = tuple(filter(self._is_usable, self._graph.callees(function)))
        return self._out[function]

    def callers(self, function: Function) -> Calls:
        """Return the usable calls of `function`."""
        if function not in self._in:
            self._in[function] = tuple(filter(self._is_usable, self._graph.callers(function)))
        return self._in[function]


def reachable(usable: UsableCalls, starts: Iterable[Function], budget: StepBudget) -> set[Function]:
    """Return all functions that `starts` reach by one or more calls. Raises SearchLimitError."""
    found: set[Function] = set()
    queue = deque(starts)
    queued = set(queue)
    while queue:
        for call in usable.callees(queue.popleft()):
            budget.take()
            found.add(call.callee)
            if call.callee not in queued:
                queued.add(call.callee)
                queue.append(call.callee)
    return found


@dataclass
class _FixedLengthSearch:
    """A depth-first search for the paths of exactly `length` calls; `found` counts them."""

    length: int
    next_length: int = _UNREACHABLE  # the shortest possible length of the paths that were too long
    found: int = 0


class PathSearch:
    """Finds paths to `goals` that satisfy all `conditions`.

    No path contains a function twice, except that a path may end with the function that it starts with.
    """

    def __init__(
        self, usable: UsableCalls, goals: Iterable[Function], conditions: PathConditions, budget: StepBudget
    ) -> None:
        self._usable = usable
        self._goals = frozenset(goals)
        self._conditions = conditions
        self._budget = budget
        self._distance = self._distances(0)
        self._distance_with = {bit: self._distances(bit) for bit in _split_bits(conditions.all)}

    def paths(self, starts: Iterable[Function]) -> Iterator[Calls]:
        """Yield all paths from `starts`, shortest first. Raises SearchLimitError when the budget is used up."""
        yield from self._search_by_length(sorted(starts), only_shortest=False)

    def shortest(self, start: Function) -> Iterator[Calls]:
        """Yield the paths from `start` with the fewest calls.

        Raises SearchLimitError when the budget is used up.
        """
        self._budget.take()
        yield from self._search_by_length([start], only_shortest=True)

    def _search_by_length(self, starts: Sequence[Function], only_shortest: bool) -> Iterator[Calls]:
        least = (self._least(start, self._conditions.unsatisfied_at(start)) for start in starts)
        search = _FixedLengthSearch(min(least, default=_UNREACHABLE))
        while search.length < _UNREACHABLE:
            for start in starts:
                yield from self._paths_of_length(start, search)
            if only_shortest and search.found:
                return
            search = _FixedLengthSearch(search.next_length)

    def _paths_of_length(self, start: Function, search: _FixedLengthSearch) -> Iterator[Calls]:
        """Yield the paths of exactly the search's length, and set its `next_length`."""
        path: list[Call] = []
        entered = {start}
        stack = [(iter(self._usable.callees(start)), self._conditions.unsatisfied_at(start))]
        while stack:
            calls, unsatisfied = stack[-1]
            call = next(calls, None)
            if call is None:
                stack.pop()
                if path:
                    entered.discard(path.pop().callee)
                continue
            self._budget.take()
            callee, remaining = call.callee, unsatisfied & ~self._conditions.satisfied_by(call)
            closes_cycle = callee == start and callee in self._goals and not remaining
            if callee in entered and not closes_cycle:
                continue
            least = len(path) + 1 + self._least(callee, remaining)
            if least > search.length:
                search.next_length = min(search.next_length, least)
                continue
            if len(path) + 1 == search.length:
                search.found += 1
                yield (*path, call)
            if not closes_cycle:
                path.append(call)
                entered.add(callee)
                stack.append((iter(self._usable.callees(callee)), remaining))

    def _least(self, function: Function, unsatisfied: int) -> int:
        """Return a lower bound for the calls of a path from `function` to a goal that satisfies `unsatisfied`."""
        least = self._distance.get(function, _UNREACHABLE)
        for bit in _split_bits(unsatisfied):
            least = max(least, self._distance_with[bit].get(function, _UNREACHABLE))
        return least

    def _distances(self, bit: int) -> dict[Function, int]:
        """Return the distance of functions to the nearest goal, in calls, on paths that satisfy `bit` (0: any)."""
        distances = {(goal, True): 0 for goal in self._goals}
        queue = deque(sorted(distances))
        while queue:
            callee, satisfied = queue.popleft()
            for call in self._usable.callers(callee):
                self._budget.take()
                satisfies = bool(self._conditions.satisfied_by(call) & bit)
                for satisfied_before in (True, False):
                    state = (call.caller, satisfied_before)
                    if state not in distances and satisfied == (satisfied_before or satisfies):
                        distances[state] = distances[callee, satisfied] + 1
                        queue.append(state)
        return {function: number for (function, satisfied), number in distances.items() if satisfied == (bit == 0)}


def _split_bits(number: int) -> Iterator[int]:
    while number:
        yield number & -number
        number &= number - 1
