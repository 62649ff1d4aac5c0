"""The stops of a recording while it is read, in columns: a million of them need some 60 MB beside the model."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from analyzer.model.frames import Arguments
from gdbscripts.enums import StopReason
from gdbscripts.records import StopRecord


class StopFacts(NamedTuple):
    """What many stops have in common: the fields of a `StopRecord` with few distinct values."""

    reason: StopReason
    milestones: tuple[str, ...]
    function: str
    fd: int
    file: str
    request: int
    starts: str
    starts_file: str
    starts_library: str
    signal: str
    open_ended: bool


class Numbers:
    """A set of numbers, most of which come in order from 0 on: the numbers of stops, stacks or ioctls."""

    def __init__(self) -> None:
        self._next = 0
        self._others: set[int] = set()

    def add(self, number: int) -> bool:
        """Add a number. Returns whether it is new."""
        if number in self:
            return False
        if number == self._next:
            self._next += 1
        else:
            self._others.add(number)
        return True

    def __contains__(self, number: int) -> bool:
        return 0 <= number < self._next or (bool(self._others) and number in self._others)

    @property
    def in_order(self) -> bool:
        """Whether all came in order from 0 on."""
        return not self._others


class StopColumns:
    """Columns of numbers, one value for each stop; arguments and common facts are shared between stops."""

    def __init__(self) -> None:
        self.numbers, self.threads, self.stacks = array("q"), array("q"), array("q")
        self.counts, self.exits = array("q"), array("q")
        self.times = array("d")
        self.arguments: dict[int, tuple[Arguments, ...]] = {}  # by the position of the stop
        self.facts: list[StopFacts] = []
        self._facts_of_stops = array("l")  # positions in `facts`
        self._fact_positions: dict[StopFacts, int] = {}
        self._known = Numbers()
        self._positions: dict[int, int] = {}  # number -> position, when the stops are not in order
        self._equal_arguments: dict[Arguments, Arguments] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, stop: StopRecord, stack: int) -> bool:
        """Add a stop with the stack of that number. Returns False when there is a stop of its number.

        OverflowError when a number does not fit into 64 bits with a sign.
        """
        if not self._known.add(stop.number):
            return False
        facts = StopFacts(
            stop.reason, tuple(stop.milestones), stop.function, stop.fd, stop.file, stop.request,
            stop.starts, stop.starts_file, stop.starts_library, stop.signal, stop.open_ended,
        )  # fmt: skip
        position = self._fact_positions.setdefault(facts, len(self.facts))
        if position == len(self.facts):
            self.facts.append(facts)
        if stop.arguments:
            self.arguments[len(self)] = tuple(map(self._shared, stop.arguments))
        self._facts_of_stops.append(position)
        self.times.append(stop.time)
        self.threads.append(stop.thread)
        self.stacks.append(stack)
        self.counts.append(stop.count)
        self.exits.append(stop.exit)
        self.numbers.append(stop.number)
        return True

    def _shared(self, arguments: list[tuple[str, str]]) -> Arguments:
        values = tuple([(name, value) for name, value in arguments])
        return self._equal_arguments.setdefault(values, values)

    def position(self, number: int) -> int | None:
        """Return the position of stop `number`; None when there is none."""
        if number not in self._known:
            return None
        if self._known.in_order:
            return number
        if len(self._positions) != len(self):
            self._positions = {number: position for position, number in enumerate(self.numbers)}
        return self._positions[number]

    def facts_of(self, position: int) -> StopFacts:
        """Return the facts of the stop at `position`."""
        return self.facts[self._facts_of_stops[position]]
