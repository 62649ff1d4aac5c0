"""Simple paths of a call graph, shortest first, without recursion and in a bounded number of steps. Pure.

From the goals outwards it is counted how many calls each function is away from them. Then the graph is gone
through in depth, again and again with a higher limit, and only into functions from which a goal is near enough. So
paths come in the order of their lengths, and memory is that of the graph and of one path.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.graph.call_graph import Call, CallGraph
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function

Calls = tuple[Call, ...]
_NEVER = 1 << 60  # more calls than any path has


class SearchLimitError(Exception):
    """The search has taken as many steps as it may."""


@dataclass
class StepBudget:
    """How many calls were looked at, and how many may be."""

    limit: int
    taken: int = 0

    def take(self, number: int = 1) -> None:
        """Count; GaveUpError when that is too many."""
        self.taken += number
        if self.taken > self.limit:
            raise SearchLimitError


@dataclass(frozen=True)
class PathConditions:
    """What a path must have: each bit stands for one wish, which a function or a kind of call on it grants."""

    of_functions: Mapping[Function, int] = field(default_factory=dict)
    of_kinds: Mapping[CallKind, int] = field(default_factory=dict)
    number: int = 0

    @property
    def all(self) -> int:
        """All bits."""
        return (1 << self.number) - 1

    def open_at(self, start: Function) -> int:
        """What is left to wish for a path that begins at `start`."""
        return self.all & ~self.of_functions.get(start, 0)

    def granted(self, call: Call) -> int:
        """What going along `call` grants."""
        return self.of_functions.get(call.callee, 0) | self.of_kinds.get(call.kind, 0)


class UsableCalls:
    """The calls of a graph that may be gone along, looked up once for each function."""

    def __init__(self, graph: CallGraph, may: Callable[[Call], bool]) -> None:
        self._graph = graph
        self._may = may
        self._out: dict[Function, Calls] = {}
        self._in: dict[Function, Calls] = {}

    def callees(self, function: Function) -> Calls:
        """Calls that leave `function`."""
        if function not in self._out:
            self._out[function] = tuple(filter(self._may, self._graph.callees(function)))
        return self._out[function]

    def callers(self, function: Function) -> Calls:
        """Calls that lead into `function`."""
        if function not in self._in:
            self._in[function] = tuple(filter(self._may, self._graph.callers(function)))
        return self._in[function]


def reachable(net: UsableCalls, starts: Iterable[Function], steps: StepBudget) -> set[Function]:
    """All functions to which at least one call from `starts` leads."""
    found: set[Function] = set()
    todo = deque(starts)
    entered = set(todo)
    while todo:
        for call in net.callees(todo.popleft()):
            steps.take()
            found.add(call.callee)
            if call.callee not in entered:
                entered.add(call.callee)
                todo.append(call.callee)
    return found


@dataclass
class _FixedLengthSearch:
    """Going through the graph once for paths of one length."""

    length: int
    following: int = _NEVER  # the least length that the paths can have which were too long this time
    found: int = 0


class PathSearch:
    """Paths to `goals` that have what `wishes` say. None passes a function twice; it may end where it began."""

    def __init__(
        self, net: UsableCalls, goals: Iterable[Function], wishes: PathConditions, steps: StepBudget
    ) -> None:
        self._net = net
        self._goals = frozenset(goals)
        self._wishes = wishes
        self._steps = steps
        self._away = self._distances(0)
        self._away_with = {bit: self._distances(bit) for bit in _bits(wishes.all)}

    def paths(self, starts: Iterable[Function]) -> Iterator[Calls]:
        """All paths from `starts`, those of fewer calls first. GaveUpError when it takes too many steps."""
        yield from self._rounds(sorted(starts), only_shortest=False)

    def shortest(self, start: Function) -> Iterator[Calls]:
        """The paths from `start` with the fewest calls. GaveUpError as above."""
        self._steps.take()
        yield from self._rounds([start], only_shortest=True)

    def _rounds(self, starts: Sequence[Function], only_shortest: bool) -> Iterator[Calls]:
        least = (self._least(start, self._wishes.open_at(start)) for start in starts)
        this = _FixedLengthSearch(min(least, default=_NEVER))
        while this.length < _NEVER:
            for start in starts:
                yield from self._of_length(start, this)
            if only_shortest and this.found:
                return
            this = _FixedLengthSearch(this.following)

    def _of_length(self, start: Function, this: _FixedLengthSearch) -> Iterator[Calls]:
        """Paths of exactly the round's length; on the way it is found out which length comes next."""
        path: list[Call] = []
        entered = {start}
        todo = [(iter(self._net.callees(start)), self._wishes.open_at(start))]
        while todo:
            calls, wanted = todo[-1]
            call = next(calls, None)
            if call is None:
                todo.pop()
                if path:
                    entered.discard(path.pop().callee)
                continue
            self._steps.take()
            callee, left = call.callee, wanted & ~self._wishes.granted(call)
            closes = callee == start and callee in self._goals and not left
            if callee in entered and not closes:
                continue
            least = len(path) + 1 + self._least(callee, left)
            if least > this.length:
                this.following = min(this.following, least)
                continue
            if len(path) + 1 == this.length:
                this.found += 1
                yield (*path, call)
            if not closes:
                path.append(call)
                entered.add(callee)
                todo.append((iter(self._net.callees(callee)), left))

    def _least(self, function: Function, wanted: int) -> int:
        """A path from `function` to a goal that grants what is wanted has at least so many calls."""
        away = self._away.get(function, _NEVER)
        for bit in _bits(wanted):
            away = max(away, self._away_with[bit].get(function, _NEVER))
        return away

    def _distances(self, bit: int) -> dict[Function, int]:
        """How many calls the goals are away at least, on a way that grants the wish `bit` (0: on any way)."""
        away = {(goal, True): 0 for goal in self._goals}
        todo = deque(sorted(away))
        while todo:
            callee, granted = todo.popleft()
            for call in self._net.callers(callee):
                self._steps.take()
                grants = bool(self._wishes.granted(call) & bit)
                for before in (True, False):
                    reached = (call.caller, before)
                    if reached not in away and granted == (before or grants):
                        away[reached] = away[callee, granted] + 1
                        todo.append(reached)
        return {function: number for (function, granted), number in away.items() if granted == (bit == 0)}


def _bits(number: int) -> Iterator[int]:
    while number:
        yield number & -number
        number &= number - 1
