"""Finds the paths from function to function: recorded ones, and combinations of calls of several stacks. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain as concatenate
from itertools import pairwise

from analyzer.graph.call_graph import Call, CallGraph, CallSite, Chain
from analyzer.graph.function_patterns import FunctionPattern
from analyzer.graph.path_search import (
    Calls,
    PathConditions,
    PathSearch,
    SearchLimitError,
    StepBudget,
    UsableCalls,
    reachable,
)
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind

DEFAULT_STEP_LIMIT = 2_000_000  # calls that a search of a small graph may look at: some seconds
_STEPS_PER_CALL = 20  # in a big graph: this many times the number of its calls


@dataclass(frozen=True)
class PathQuery:
    """The paths to look for: from `start` to `goal`.

    A path contains a function of each pattern in `via`, in any order, and none of `not_via`; its first and last
    function count, too. For each set in `kinds`, a path contains a call of one of these kinds. All calls of a path
    have a kind of `only_kinds`, unless that is empty.
    """

    start: FunctionPattern
    goal: FunctionPattern
    via: tuple[FunctionPattern, ...] = ()
    not_via: tuple[FunctionPattern, ...] = ()
    kinds: tuple[frozenset[CallKind], ...] = ()
    only_kinds: frozenset[CallKind] = frozenset()

    @property
    def patterns(self) -> tuple[FunctionPattern, ...]:
        """All patterns of the query: start, goal, via, not via."""
        return (self.start, self.goal, *self.via, *self.not_via)

    @property
    def unconditional(self) -> PathQuery:
        """The query without its conditions: start and goal only."""
        return PathQuery(self.start, self.goal)


@dataclass(frozen=True)
class CallPath:
    """Consecutive calls, at least one: the callee of each is the caller of the next.

    `milestone` names a recorded chain that contains the whole path. It is None for a path that combines calls of
    several stacks, which the program need not have made one inside the other.
    """

    calls: Calls
    milestone: str | None = None

    @property
    def recorded(self) -> bool:
        """Whether one recorded chain contains the whole path."""
        return self.milestone is not None

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions of the path, from the first to the last."""
        return (self.calls[0].caller, *(call.callee for call in self.calls))

    @property
    def ends(self) -> tuple[Function, Function]:
        """The first and the last function of the path."""
        return self.calls[0].caller, self.calls[-1].callee


class PathFinder:
    """Finds the paths of a query in a graph.

    Recorded paths may contain recursion. The others contain no function twice, except that a path may end with the
    function that it starts with. `step_limit` is how many calls the search may look at (0: the default, some
    seconds); `limit_reached` says afterwards whether the search ended because of it.
    """

    def __init__(self, graph: CallGraph, query: PathQuery, step_limit: int = 0) -> None:
        self.limit_reached = False
        functions = [node.function for node in graph.nodes]
        self._banned = {f for f in functions if any(pattern.matches(f) for pattern in query.not_via)}
        self._only_kinds = query.only_kinds
        self._starts = query.start.matching(functions) - self._banned
        self._goals = query.goal.matching(functions) - self._banned
        self._conditions = _conditions(query, functions)
        self._chains = graph.chains
        self._usable = UsableCalls(graph, self._is_usable)
        self._budget = StepBudget(step_limit or max(DEFAULT_STEP_LIMIT, _STEPS_PER_CALL * graph.size))
        self._seen: set[tuple[tuple[Function, Function, CallKind], ...]] = set()

    def all(self, only_recorded: bool = False) -> Iterator[CallPath]:
        """Yield all paths as the search finds them.

        The recorded paths come first, shortest first; then, unless `only_recorded`, the shortest of the others for
        each pair of ends; then the longer ones, shortest first.
        """
        return self._bounded(concatenate(self._recorded(), () if only_recorded else self._combined()))

    def shortest(self, only_recorded: bool = False) -> Iterator[CallPath]:
        """Yield for each pair of ends the paths with the fewest calls, recorded ones first."""
        return self._bounded(self._shortest(only_recorded))

    def _bounded(self, paths: Iterator[CallPath]) -> Iterator[CallPath]:
        try:
            yield from paths
        except SearchLimitError:
            self.limit_reached = True

    def _is_usable(self, call: Call) -> bool:
        if self._only_kinds and call.kind not in self._only_kinds:
            return False
        return call.caller not in self._banned and call.callee not in self._banned

    def _recorded(self) -> Iterator[CallPath]:
        """Yield the parts of chains that are paths of the query, shortest first."""
        growing = [
            (chain.milestone, calls, first, first, self._conditions.unsatisfied_at(calls[first].caller))
            for chain, calls in ((chain, self._calls_to_goals(chain)) for chain in self._chains)
            for first in range(len(calls))
            if calls[first].caller in self._starts
        ]
        while growing:
            self._budget.take(len(growing))
            longer = []
            for milestone, calls, first, end, unsatisfied in growing:
                call = calls[end]
                if (
                    not self._is_usable(call) or call.kind is CallKind.DOCUMENTED
                ):  # a documented call is not recorded
                    continue
                remaining = unsatisfied & ~self._conditions.satisfied_by(call)
                if call.callee in self._goals and not remaining and self._is_new(calls[first : end + 1]):
                    yield CallPath(calls[first : end + 1], milestone)
                if end + 1 < len(calls):
                    longer.append((milestone, calls, first, end + 1, remaining))
            growing = longer

    def _calls_to_goals(self, chain: Chain) -> Calls:
        """Return the calls of a chain up to its last call of a goal."""
        calls = _calls_of(chain)
        return calls[: max((end for end, call in enumerate(calls, 1) if call.callee in self._goals), default=0)]

    def _combined(self) -> Iterator[CallPath]:
        goals = set()
        for start, search in self._searches():
            for calls in search.shortest(start):
                goals.add(calls[-1].callee)
                if self._is_new(calls):
                    yield CallPath(calls)
        longer = PathSearch(self._usable, goals, self._conditions, self._budget).paths(self._starts)
        yield from map(CallPath, filter(self._is_new, longer))

    def _shortest(self, only_recorded: bool) -> Iterator[CallPath]:
        recorded: dict[tuple[Function, Function], list[CallPath]] = defaultdict(list)
        for path in self._recorded():
            shortest = recorded[path.ends]
            if not shortest or len(shortest[0].calls) == len(path.calls):
                shortest.append(path)
        for start, search in () if only_recorded else self._searches():
            others = search.shortest(start)
            first = next(others, None)
            if first is None:
                continue
            equal_ends = recorded.pop((start, first[-1].callee), [])
            if equal_ends and len(equal_ends[0].calls) <= len(first):
                yield from equal_ends
            # A path that is longer than a recorded one is no shortest path.
            if not equal_ends or len(first) <= len(equal_ends[0].calls):
                yield from map(CallPath, filter(self._is_new, concatenate([first], others)))
        for paths in recorded.values():
            yield from paths

    def _searches(self) -> Iterator[tuple[Function, PathSearch]]:
        """Yield each start with a search for each goal that some start reaches."""
        for goal in sorted(self._goals & reachable(self._usable, self._starts, self._budget)):
            search = PathSearch(self._usable, [goal], self._conditions, self._budget)
            for start in sorted(self._starts):
                yield start, search

    def _is_new(self, calls: Calls) -> bool:
        key = tuple((call.caller, call.callee, call.kind) for call in calls)
        if key in self._seen:
            return False
        self._budget.take(len(key))  # bounds the memory for found paths, too
        self._seen.add(key)
        return True


def _conditions(query: PathQuery, functions: list[Function]) -> PathConditions:
    of_functions: dict[Function, int] = defaultdict(int)
    of_kinds: dict[CallKind, int] = defaultdict(int)
    bit = 1
    for pattern in query.via:
        for function in pattern.matching(functions):
            of_functions[function] |= bit
        bit <<= 1
    for kinds in query.kinds:
        for kind in kinds:
            of_kinds[kind] |= bit
        bit <<= 1
    return PathConditions(of_functions, of_kinds, len(query.via) + len(query.kinds))


def _calls_of(chain: Chain) -> Calls:
    """Return the calls of a chain, each with its call site and its pointer in this chain."""
    return tuple(
        Call(
            caller.function,
            callee.function,
            callee.kind or CallKind.UNKNOWN,
            hits=1,
            sites=(CallSite(caller.file, caller.line, callee.instruction),) if caller.file else (),
            pointers=(callee.pointer,) if callee.pointer else (),
        )
        for caller, callee in pairwise(chain.steps)
    )
