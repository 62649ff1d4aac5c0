"""Collects the hits of the probes of one run: each distinct stack once, with counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from analyzer.adapters.perf_events import Event, Hit, Mapping, ThreadName, ThreadStart
from analyzer.recording.probes.stack_walker import StackEnd, StackWalker

MAX_HITS = 1000  # kept one by one, for each function, thread and request; milestones have no higher limit
MAX_IOCTLS = 20000  # as in gdbscripts/ioctls.py


class Source(Enum):
    """What hits: a probe in a function, or the kernel at the start or the end of the ioctl system call."""

    FUNCTION = "function"
    IOCTL = "ioctl"
    IOCTL_END = "ioctl end"


class FunctionHit(NamedTuple):
    """One hit of a probe that is kept by itself. `time` in nanoseconds; `stack` is its number.

    `argument` and `start` are the first and the third argument register, for pthread_create.
    """

    time: int
    tid: int
    functions: tuple[str, ...]
    stack: int
    argument: int = 0
    start: int = 0


class IoctlCall(NamedTuple):
    """One ioctl: `fd`, `request` and `argument` as the caller passed them."""

    time: int
    tid: int
    fd: int
    request: int
    argument: int
    stack: int


class IoctlEnd(NamedTuple):
    """The end of the ioctl that the thread is in, with the result of the system call."""

    time: int
    tid: int
    value: int


class CountKey(NamedTuple):
    """What equal hits have in common."""

    tid: int
    functions: tuple[str, ...]
    stack: int


@dataclass
class HitCount:
    """The number of equal hits, and the time of the first, in nanoseconds."""

    first: int
    count: int = 0


@dataclass
class Hits:
    """The hits of one run.

    `stacks`: the addresses of each stack by its number, innermost first. `open_ended`: numbers of those stacks
    whose outer frames are not known. `counts`: hits of functions of which only equal ones are counted. `single`:
    hits of other functions, the first `MAX_HITS` of each thread; further ones are in `counts`. `ioctl_count`: all
    ioctls, also those beyond `MAX_IOCTLS`. `samples`: all hits; `ends`: why
    their stacks end. `threads`: tid to the thread that created it and when; `names`: tid to name.
    """

    stacks: list[tuple[int, ...]] = field(default_factory=list)
    open_ended: set[int] = field(default_factory=set)
    counts: dict[CountKey, HitCount] = field(default_factory=dict)
    single: list[FunctionHit] = field(default_factory=list)
    ioctls: list[IoctlCall] = field(default_factory=list)
    ioctl_ends: list[IoctlEnd] = field(default_factory=list)
    ioctl_count: int = 0
    threads: dict[int, ThreadStart] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    samples: int = 0
    ends: Counter[StackEnd] = field(default_factory=Counter)


class HitCollector:
    """Takes the events of a run. `functions_at` are the functions that have a probe at a pc.

    `counted` are the functions whose equal hits are only counted; `sources` says for each tracepoint what it is.
    `mappings` are those that there are before the first event.
    """

    def __init__(
        self,
        walker: StackWalker,
        functions_at: Callable[[int], tuple[str, ...]],
        counted: frozenset[str],
        sources: Sequence[Source],
        mappings: Sequence[Mapping] = (),
    ) -> None:
        self._walker = walker
        self._functions_at = functions_at
        self._functions: dict[int, tuple[tuple[str, ...], bool]] = {}  # by pc; whether hits are only counted
        self._counted = counted
        self._sources = sources
        self._numbers: dict[tuple[int, ...], int] = {}
        self._kept: defaultdict[tuple[int, object], int] = defaultdict(int)
        self._seen: set[object] = set()
        self._descriptors: set[int] = set()
        self._new_descriptors: list[int] = []
        self._waiting: list[Hit] = []
        self.hits = Hits()
        for mapping in mappings:
            walker.add(mapping)

    def new_descriptors(self) -> list[int]:
        """The descriptors on which there was the first ioctl since the last call."""
        new, self._new_descriptors = self._new_descriptors, []
        return new

    @property
    def seen(self) -> set[object]:
        """The functions that were hit, and the numbers of the requests of ioctls."""
        return self._seen

    def take(self, events: Iterable[Event]) -> None:
        """Take the next events, those of one thread in order.

        Hits are taken with the next call: a file that another processor has mapped before may come with it.
        """
        before, self._waiting = self._waiting, []
        for event in events:
            if type(event) is Hit:
                self._waiting.append(event)
            elif isinstance(event, Mapping):
                self._walker.add(event)
                self._functions.clear()
            elif isinstance(event, ThreadStart):
                self.hits.threads[event.tid] = event
                self.hits.names.setdefault(event.tid, self.hits.names.get(event.parent, ""))
            elif isinstance(event, ThreadName):
                if event.executes:
                    self._walker.forget()
                    self._functions.clear()
                self.hits.names[event.tid] = event.name
        for hit in before:
            self._take_hit(hit)

    def finish(self) -> None:
        """Take what is left, after the last events."""
        self.take(())

    def _take_hit(self, hit: Hit) -> None:
        self.hits.samples += 1
        source = self._sources[hit.source]
        if source is Source.FUNCTION:
            self._take_function(hit)
        elif source is Source.IOCTL:
            self._take_ioctl(hit)
        elif len(self.hits.ioctl_ends) < MAX_IOCTLS:
            value = hit.rax - (1 << 64) if hit.rax >> 63 else hit.rax
            self.hits.ioctl_ends.append(IoctlEnd(hit.time, hit.tid, value))

    def _take_function(self, hit: Hit) -> None:
        known = self._functions.get(hit.pc)
        if known is None:
            functions = self._functions_at(hit.pc)
            known = self._functions[hit.pc] = functions, self._counted.issuperset(functions)
            self._seen.update(functions)
        functions, only_counted = known
        stack = self._stack(hit)
        if only_counted or self._has_enough(hit.tid, functions):
            key = CountKey(hit.tid, functions, stack)
            count = self.hits.counts.get(key)
            if count is None:
                count = self.hits.counts[key] = HitCount(hit.time)
            count.first = min(count.first, hit.time)
            count.count += 1
            return
        self.hits.single.append(FunctionHit(hit.time, hit.tid, functions, stack, hit.rdi, hit.rdx))

    def _has_enough(self, tid: int, what: object) -> bool:
        """Whether enough hits of this kind are kept one by one; counts one more."""
        key = tid, what
        self._kept[key] += 1
        return self._kept[key] > MAX_HITS

    def _take_ioctl(self, hit: Hit) -> None:
        request = hit.rsi & 0xFFFFFFFF
        self._seen.add(request)
        self.hits.ioctl_count += 1
        if len(self.hits.ioctls) < MAX_IOCTLS:
            stack = self._stack(hit)
            fd = hit.rdi & 0xFFFFFFFF
            if fd not in self._descriptors:
                self._descriptors.add(fd)
                self._new_descriptors.append(fd)
            self.hits.ioctls.append(IoctlCall(hit.time, hit.tid, fd, request, hit.rdx, stack))

    def _stack(self, hit: Hit) -> int:
        found = self._walker.walk(hit.pc, hit.rsp, hit.rbp, hit.stack)
        self.hits.ends[found.end] += 1
        number = self._numbers.get(found.addresses)
        if number is None:
            number = len(self._numbers)
            self._numbers[found.addresses] = number
            self.hits.stacks.append(found.addresses)
            if found.end is not StackEnd.OUTERMOST:
                self.hits.open_ended.add(number)
        return number
