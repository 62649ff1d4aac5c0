"""Which ways lead from function to function: recorded ones, and those put together from several stacks. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain as one_after_another
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
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function

DEFAULT_STEP_LIMIT = 2_000_000  # calls looked at before a search is given up, in a small graph: some seconds
_ROUNDS = 20  # how often, at most, the calls of a big one are looked at


@dataclass(frozen=True)
class PathQuery:
    """What to look for. The functions at the ends of a path are on it, too.

    Every one of `via` is on a path, in any order, and none of `not_via`. For every set in `kinds` a path has a
    call of one of these kinds; `only_kinds`, unless empty, are those that all its calls are of.
    """

    start: FunctionPattern
    goal: FunctionPattern
    via: tuple[FunctionPattern, ...] = ()
    not_via: tuple[FunctionPattern, ...] = ()
    kinds: tuple[frozenset[CallKind], ...] = ()
    only_kinds: frozenset[CallKind] = frozenset()

    @property
    def patterns(self) -> tuple[FunctionPattern, ...]:
        """All of them, in the order of the sentence."""
        return (self.start, self.goal, *self.via, *self.not_via)

    @property
    def plain(self) -> PathQuery:
        """The same without conditions."""
        return PathQuery(self.start, self.goal)


@dataclass(frozen=True)
class CallPath:
    """Calls that follow each other. `milestone` is that of a recorded chain which has them in one piece; None: put
    together from calls of several stacks, which need not ever have been made in one go."""

    calls: Calls
    milestone: str | None = None

    @property
    def recorded(self) -> bool:
        """Whether a recorded chain has it in one piece."""
        return self.milestone is not None

    @property
    def functions(self) -> tuple[Function, ...]:
        """From the first to the last."""
        return (self.calls[0].caller, *(call.callee for call in self.calls))

    @property
    def ends(self) -> tuple[Function, Function]:
        """The first and the last function."""
        return self.calls[0].caller, self.calls[-1].callee


class PathFinder:
    """Looks for the paths a query asks for.

    Recorded ones are shown as they were, recursion included; of the others each passes no function twice, except
    that it may end where it began. `steps` is how many calls may be looked at (0: some seconds' worth); `gave_up`
    says afterwards that this was not enough.
    """

    def __init__(self, graph: CallGraph, query: PathQuery, steps: int = 0) -> None:
        self.gave_up = False
        functions = [node.function for node in graph.nodes]
        self._banned = {f for f in functions if any(pattern.matches(f) for pattern in query.not_via)}
        self._only_kinds = query.only_kinds
        self._starts = query.start.among(functions) - self._banned
        self._goals = query.goal.among(functions) - self._banned
        self._wishes = _wishes(query, functions)
        self._chains = graph.chains
        self._net = UsableCalls(graph, self._may)
        self._steps = StepBudget(steps or max(DEFAULT_STEP_LIMIT, _ROUNDS * graph.size))
        self._seen: set[tuple[tuple[Function, Function, CallKind], ...]] = set()

    def all(self, only_recorded: bool = False) -> Iterator[CallPath]:
        """All paths: first the recorded ones, the shortest first; then for each pair of ends the shortest of the
        others; then the longer ones. Found while they are asked for."""
        return self._bounded(one_after_another(self._recorded(), () if only_recorded else self._put_together()))

    def shortest(self, only_recorded: bool = False) -> Iterator[CallPath]:
        """For each pair of ends the paths with the fewest calls, recorded ones first."""
        return self._bounded(self._shortest(only_recorded))

    def _bounded(self, paths: Iterator[CallPath]) -> Iterator[CallPath]:
        try:
            yield from paths
        except SearchLimitError:
            self.gave_up = True

    def _may(self, call: Call) -> bool:
        if self._only_kinds and call.kind not in self._only_kinds:
            return False
        return call.caller not in self._banned and call.callee not in self._banned

    def _recorded(self) -> Iterator[CallPath]:
        """Pieces of chains, from all their beginnings at once, a call longer each time."""
        growing = [
            (chain.milestone, calls, first, first, self._wishes.open_at(calls[first].caller))
            for chain, calls in ((chain, self._calls_to_goals(chain)) for chain in self._chains)
            for first in range(len(calls))
            if calls[first].caller in self._starts
        ]
        while growing:
            self._steps.take(len(growing))
            longer = []
            for milestone, calls, first, end, wanted in growing:
                call = calls[end]
                if not self._may(call) or call.kind is CallKind.DOCUMENTED:  # nobody saw the latter
                    continue
                left = wanted & ~self._wishes.granted(call)
                if call.callee in self._goals and not left and self._is_new(calls[first : end + 1]):
                    yield CallPath(calls[first : end + 1], milestone)
                if end + 1 < len(calls):
                    longer.append((milestone, calls, first, end + 1, left))
            growing = longer

    def _calls_to_goals(self, chain: Chain) -> Calls:
        """The calls of a chain up to the last that leads to a goal."""
        calls = _calls_of(chain)
        return calls[: max((end for end, call in enumerate(calls, 1) if call.callee in self._goals), default=0)]

    def _put_together(self) -> Iterator[CallPath]:
        goals = set()
        for start, search in self._pairs():
            for calls in search.shortest(start):
                goals.add(calls[-1].callee)
                if self._is_new(calls):
                    yield CallPath(calls)
        longer = PathSearch(self._net, goals, self._wishes, self._steps).paths(self._starts)
        yield from map(CallPath, filter(self._is_new, longer))

    def _shortest(self, only_recorded: bool) -> Iterator[CallPath]:
        recorded: dict[tuple[Function, Function], list[CallPath]] = defaultdict(list)
        for path in self._recorded():
            known = recorded[path.ends]
            if not known or len(known[0].calls) == len(path.calls):
                known.append(path)
        for start, search in () if only_recorded else self._pairs():
            others = search.shortest(start)
            first = next(others, None)
            if first is None:
                continue
            known = recorded.pop((start, first[-1].callee), [])
            if known and len(known[0].calls) <= len(first):
                yield from known
            if not known or len(first) <= len(known[0].calls):  # else it has a detour where those have recursion
                yield from map(CallPath, filter(self._is_new, one_after_another([first], others)))
        for paths in recorded.values():
            yield from paths

    def _pairs(self) -> Iterator[tuple[Function, PathSearch]]:
        """Each start with a search for each goal that is behind any of them."""
        for goal in sorted(self._goals & reachable(self._net, self._starts, self._steps)):
            search = PathSearch(self._net, [goal], self._wishes, self._steps)
            for start in sorted(self._starts):
                yield start, search

    def _is_new(self, calls: Calls) -> bool:
        key = tuple((call.caller, call.callee, call.kind) for call in calls)
        if key in self._seen:
            return False
        self._steps.take(len(key))  # what is found is bounded too, not only what is looked at
        self._seen.add(key)
        return True


def _wishes(query: PathQuery, functions: list[Function]) -> PathConditions:
    of_functions: dict[Function, int] = defaultdict(int)
    of_kinds: dict[CallKind, int] = defaultdict(int)
    bit = 1
    for pattern in query.via:
        for function in pattern.among(functions):
            of_functions[function] |= bit
        bit <<= 1
    for kinds in query.kinds:
        for kind in kinds:
            of_kinds[kind] |= bit
        bit <<= 1
    return PathConditions(of_functions, of_kinds, len(query.via) + len(query.kinds))


def _calls_of(chain: Chain) -> Calls:
    """The calls of a chain, each with the place and the slot it had there."""
    return tuple(
        Call(
            caller.function,
            callee.function,
            callee.kind or CallKind.UNKNOWN,
            hits=1,
            sites=(CallSite(caller.file, caller.line, callee.instruction),) if caller.file else (),
            slots=(callee.slot,) if callee.slot else (),
        )
        for caller, callee in pairwise(chain.steps)
    )
