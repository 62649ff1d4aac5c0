"""Collects the hits of the probes of one run: each distinct stack once, with counts."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from analyzer.adapters.perf_records import Event, Hit, Mapping, ThreadName, ThreadStart
from analyzer.recording.probes.calls import IoctlCall, IoctlEnd
from analyzer.recording.probes.exits import DeviceStack, ExitCollector
from analyzer.recording.probes.stack_walker import StackEnd, StackWalker

MAX_HITS = 1000  # kept one by one, for each function, thread and request; milestones have no higher limit
_HITS_AT_ONCE, _MAX_WAITING = 100, 50000
_KVM_RUN = 0xAE80  # linux/kvm.h
_MAX_ARGUMENT_SIZE = 256  # bytes, as in gdbscripts/ioctls.py
MAX_IOCTLS = 20000  # as in gdbscripts/ioctls.py


class Source(Enum):
    """What hits: a probe in a function, or a tracepoint of the kernel."""

    FUNCTION = "function"
    ACCESSOR = "accessor"  # a probe that fetches a memory region
    IOCTL = "ioctl"
    IOCTL_END = "ioctl end"
    EXIT = "exit"  # kvm_userspace_exit
    PIO = "pio"  # kvm_pio
    MMIO = "mmio"  # kvm_mmio


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
    """Takes the events of a run. `functions_at` are the functions that gdb would stop at a pc for.

    `breakpoint_at` is that pc for the pc of a hit. `counted` are the functions whose equal hits are only counted;
    `sources` says for each tracepoint what it is.
    `mappings` are those that there are before the first event. `exits` takes exits, and the hits of `accessors`.
    """

    def __init__(
        self,
        walker: StackWalker,
        functions_at: Callable[[int], tuple[str, ...]],
        counted: frozenset[str],
        sources: Sequence[Source],
        mappings: Sequence[Mapping] = (),
        exits: ExitCollector | None = None,
        accessors: frozenset[str] = frozenset(),
        breakpoint_at: Callable[[int], int] = lambda pc: pc,
    ) -> None:
        self._walker = walker
        self._functions_at, self._breakpoint_at = functions_at, breakpoint_at
        # by pc: functions, whether hits are only counted, function that calls a device's, pc of the breakpoint
        self._functions: dict[int, tuple[tuple[str, ...], bool, str, int]] = {}
        self._counted = counted
        self._sources = sources
        self._numbers: dict[tuple[int, ...], int] = {}
        self._kept: defaultdict[tuple[int, object], int] = defaultdict(int)
        self._seen: set[object] = set()
        self._descriptors: set[int] = set()
        self._new_descriptors: list[int] = []
        self._waiting: deque[Hit] = deque()
        self._ready = 0  # of those that wait
        self._exits, self._accessors = exits, accessors
        self._runs: dict[int, IoctlCall] = {}  # the KVM_RUN that a thread is in
        self._ends_left_out: set[int] = set()  # threads in a KVM_RUN that is not kept
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
        """Take the next events, those of one thread in order; hits wait for `work`.

        Only hits of earlier calls are ready: a file that another processor has mapped may come after the hit.
        """
        self._ready = len(self._waiting)
        new: list[Hit] = []
        for event in events:
            if type(event) is Hit:
                new.append(event)
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
        if self._exits is not None:  # a thread may have changed the processor
            new.sort(key=lambda hit: hit.time)
        self._waiting.extend(new)

    def work(self) -> bool:
        """Count some of the hits that are ready; returns whether hits are waiting.

        Some, so that the buffers are read in between; all, when too many wait for this process's memory.
        """
        count = self._ready if len(self._waiting) > _MAX_WAITING else min(self._ready, _HITS_AT_ONCE)
        for _ in range(count):
            self._take_hit(self._waiting.popleft())
        self._ready -= count
        return bool(self._waiting)

    def finish(self) -> None:
        """Count what is left, after the last events."""
        while self._waiting:
            self._take_hit(self._waiting.popleft())
        if self._exits is None:
            return
        self._exits.finish()
        logged = set(self.hits.ioctls)
        for exit_ in self._exits.sampled:
            if exit_.run is not None and exit_.run not in logged:
                self.hits.ioctls.append(exit_.run)
                self.hits.ioctl_ends.append(IoctlEnd(exit_.time, exit_.tid, 0))

    def _take_hit(self, hit: Hit) -> None:
        self.hits.samples += 1
        source = self._sources[hit.source]
        if source in (Source.FUNCTION, Source.ACCESSOR):
            self._take_function(hit)
        elif source is Source.IOCTL:
            self._take_ioctl(hit)
        elif source is not Source.IOCTL_END:
            self._take_kvm(source, hit)
        elif hit.tid in self._ends_left_out:
            self._ends_left_out.discard(hit.tid)
        elif len(self.hits.ioctl_ends) < MAX_IOCTLS:
            value = hit.rax - (1 << 64) if hit.rax >> 63 else hit.rax
            self.hits.ioctl_ends.append(IoctlEnd(hit.time, hit.tid, value))

    def _take_kvm(self, source: Source, hit: Hit) -> None:
        assert self._exits is not None
        if source is Source.EXIT:
            self._exits.take_exit(hit, self._runs.get(hit.tid))
        elif source is Source.PIO:
            self._exits.take_pio(hit)
        else:
            self._exits.take_mmio(hit)

    def _take_accessor(self, hit: Hit, accessor: str, stack: int) -> None:
        """The first argument of an accessor is the memory region."""
        assert self._exits is not None
        if hit.fields:
            self._exits.take_region(hit.rdi, hit.fields)
        self._exits.take_accessor(hit.tid, DeviceStack(hit.time, stack, hit.rdi, accessor))

    def _take_function(self, hit: Hit) -> None:
        known = self._functions.get(hit.pc)
        if known is None:
            breakpoint_ = self._breakpoint_at(hit.pc)
            functions = self._functions_at(breakpoint_)
            accessor = next((function for function in functions if function in self._accessors), "")
            functions = tuple(function for function in functions if function != accessor)
            known = functions, self._counted.issuperset(functions), accessor, breakpoint_
            self._functions[hit.pc] = known
            self._seen.update(functions)
        functions, only_counted, accessor, breakpoint_ = known
        stack = self._stack(hit, breakpoint_)
        if accessor:
            self._take_accessor(hit, accessor, stack)
            if not functions:
                return
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
        fd, request = hit.rdi & 0xFFFFFFFF, hit.rsi & 0xFFFFFFFF
        self._seen.add(request)
        self.hits.ioctl_count += 1
        if fd not in self._descriptors:
            self._descriptors.add(fd)
            self._new_descriptors.append(fd)
        is_run = self._exits is not None and request == _KVM_RUN
        if not is_run and len(self.hits.ioctls) >= MAX_IOCTLS:
            return
        call = IoctlCall(hit.time, hit.tid, fd, request, hit.rdx, self._stack(hit, hit.pc), _argument_data(hit))
        if is_run:
            self._runs[hit.tid] = call
            if self._has_enough(hit.tid, request):
                self._ends_left_out.add(hit.tid)
                return
        self.hits.ioctls.append(call)

    def _stack(self, hit: Hit, pc: int) -> int:
        """The number of the stack of a hit, as if it had been at `pc` of the same frame."""
        found = self._walker.walk(hit.pc, hit.rsp, hit.rbp, hit.stack)
        self.hits.ends[found.end] += 1
        addresses = found.addresses if pc == hit.pc else (pc, *found.addresses[1:])
        number = self._numbers.get(addresses)
        if number is None:
            number = len(self._numbers)
            self._numbers[addresses] = number
            self.hits.stacks.append(addresses)
            if found.end is not StackEnd.OUTERMOST:
                self.hits.open_ended.add(number)
        return number


def _argument_data(hit: Hit) -> bytes:
    """What the argument of an ioctl points to on the stack; b"" when that is elsewhere.

    The request has its size (_IOC_SIZE of asm-generic/ioctl.h).
    """
    start, size = hit.rdx - hit.rsp, min(hit.rsi >> 16 & 0x3FFF, _MAX_ARGUMENT_SIZE)
    return bytes(hit.stack[start : start + size]) if 0 <= start <= len(hit.stack) - size else b""
