"""Decides which hits of the probes are stops of the recording, by the milestones of the plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.recording.probes.calls import IoctlCall
from analyzer.recording.probes.hits import CountKey, FunctionHit, HitCount, Hits
from gdbscripts.enums import StopReason
from gdbscripts.plan import PlannedMilestone
from gdbscripts.records import BREAK

IOCTL, THREAD_CREATE = "ioctl", "pthread_create"


@dataclass
class ProbeStop:
    """A stop: `count` equal hits of the function that has the probe, of which the first was at `time` (ns).

    `call` is the ioctl of a milestone that is a request; `start` the start function of a thread that is created.
    """

    time: int
    tid: int
    reason: StopReason
    milestones: list[str]
    function: str
    stack: int
    count: int = 1
    call: IoctlCall | None = None
    returns: bool = False  # whether the result of the call is recorded
    start: int = 0
    device: int = 0  # of the reason `io`: the address of the device's function
    exit: int = -1  # of the reason `io`: number of the exit that it is called for


@dataclass
class ChosenStops:
    """The stops in the order of time, and notes about hits that are not recorded."""

    stops: list[ProbeStop] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def choose_stops(hits: Hits, milestones: Sequence[PlannedMilestone], kvm_calls: set[IoctlCall]) -> ChosenStops:
    """The stops that gdb would record for these hits; `kvm_calls` are the ioctls on descriptors of KVM."""
    chooser = _Chooser(milestones)
    events: list[FunctionHit | IoctlCall] = [*hits.single, *(call for call in hits.ioctls if call in kvm_calls)]
    for event in sorted(events, key=lambda event: (event.time, event.tid)):
        chooser.take(event)
    for key, count in hits.counts.items():
        chooser.take_count(key, count)
    chooser.chosen.stops.sort(key=lambda stop: (stop.time, stop.tid))
    return chooser.chosen


class _Chooser:
    """Counts the hits of each milestone, as MilestoneCounts of gdbscripts/breakpoints.py does."""

    def __init__(self, milestones: Sequence[PlannedMilestone]) -> None:
        self._by_function: defaultdict[str, list[PlannedMilestone]] = defaultdict(list)
        for milestone in milestones:
            for function in milestone.functions:
                self._by_function[function].append(milestone)
        self._hits: defaultdict[str, int] = defaultdict(int)
        self._threads: set[tuple[str, int]] = set()
        self._first: dict[tuple[int, str, int], ProbeStop] = {}
        self.chosen = ChosenStops()

    def take(self, event: FunctionHit | IoctlCall) -> None:
        functions = (IOCTL,) if isinstance(event, IoctlCall) else event.functions
        for function in functions:
            if function == THREAD_CREATE and isinstance(event, FunctionHit):
                self._take_thread_create(event)
                continue
            reached = [
                milestone
                for milestone in self._by_function[function]
                if self._needs_stop(milestone, event.tid)
                and (
                    not milestone.request or (isinstance(event, IoctlCall) and event.request == milestone.request)
                )
            ]
            if reached:
                self._record(event, function, reached)

    def take_count(self, key: CountKey, count: HitCount) -> None:
        """Take hits that are only counted; they are of --break without a limit, or beyond all limits."""
        for function in key.functions:
            names = [m.name for m in self._by_function[function] if _is_asked_for(m) and not m.limit]
            if names:
                self._count(count.first, key.tid, names, function, key.stack, count.count)

    def _record(self, event: FunctionHit | IoctlCall, function: str, reached: Sequence[PlannedMilestone]) -> None:
        names = [milestone.name for milestone in reached]
        if all(map(_is_asked_for, reached)):
            self._count(event.time, event.tid, names, function, event.stack, 1)
        else:
            call = event if isinstance(event, IoctlCall) else None
            returns = any(milestone.returns for milestone in reached)
            self.chosen.stops.append(
                ProbeStop(
                    event.time, event.tid, StopReason.MILESTONE, names, function, event.stack,
                    call=call, returns=returns,
                )
            )  # fmt: skip
        for milestone in reached:
            self._hits[milestone.name] += 1
            self._threads.add((milestone.name, event.tid))
            hits = self._hits[milestone.name]
            if hits == milestone.limit and milestone.limit > 1:
                self.chosen.notes.append(f"{milestone.name}: no more than {hits} stops recorded")

    def _count(self, time: int, tid: int, names: list[str], function: str, stack: int, count: int) -> None:
        first = self._first.get((tid, function, stack))
        if first is None:
            first = self._first[tid, function, stack] = ProbeStop(
                time, tid, StopReason.BREAK, names, function, stack, count=0
            )
            self.chosen.stops.append(first)
        first.time = min(first.time, time)
        first.count += count

    def _take_thread_create(self, event: FunctionHit) -> None:
        self.chosen.stops.append(
            ProbeStop(
                event.time, event.tid, StopReason.THREAD_CREATE, [], THREAD_CREATE, event.stack, start=event.start
            )
        )

    def _needs_stop(self, milestone: PlannedMilestone, tid: int) -> bool:
        hits = self._hits[milestone.name]
        complete = (milestone.limit and hits >= milestone.limit) or (
            milestone.as_often_as and 0 < self._hits[milestone.as_often_as] <= hits
        )
        return not complete and not (milestone.per_thread and (milestone.name, tid) in self._threads)


def counted_functions(milestones: Sequence[PlannedMilestone]) -> frozenset[str]:
    """The functions of which equal hits are only counted: those of --break without a limit."""
    single = {function for m in milestones if not _is_asked_for(m) or m.limit for function in m.functions}
    return frozenset(function for m in milestones for function in m.functions) - single - {THREAD_CREATE}


def thread_numbers(hits: Hits, threads_before: Sequence[int]) -> dict[int, int]:
    """Number the threads from 1, as gdb does: those that there are before the recording, then as they start."""
    started = sorted(hits.threads.values(), key=lambda start: start.time)
    tids = dict.fromkeys([*threads_before, *(start.tid for start in started)])
    return {tid: number for number, tid in enumerate(tids, 1)}


def created_threads(stops: Sequence[ProbeStop], hits: Hits) -> Mapping[int, int]:
    """The thread that each pthread_create created: position of its stop -> tid.

    It is the first one that the calling thread starts afterwards.
    """
    waiting: dict[int, list[int]] = defaultdict(list)  # tid of the caller -> positions, the last call last
    found = {}
    for event in _in_order_of_time(stops, hits):
        if isinstance(event, int):
            waiting[stops[event].tid] = [event]
        elif waiting[event.parent]:
            found[waiting[event.parent].pop()] = event.tid
    return found


def _in_order_of_time(stops: Sequence[ProbeStop], hits: Hits) -> Iterator:  # type: ignore[type-arg]
    calls = [(stop.time, number) for number, stop in enumerate(stops) if stop.reason is StopReason.THREAD_CREATE]
    starts = [(start.time, start) for start in hits.threads.values()]
    for _, event in sorted([*calls, *starts], key=lambda pair: pair[0]):
        yield event


def _is_asked_for(milestone: PlannedMilestone) -> bool:
    return milestone.name.startswith(BREAK)
