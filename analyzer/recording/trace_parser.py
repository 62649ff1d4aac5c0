"""The kernel's side of a recording: the text of tracefs -> events, and which of gdb's ioctls they belong to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

ENTER, EXIT = "sys_enter_ioctl", "sys_exit_ioctl"  # the tracepoints; their text calls both `sys_ioctl`

# `            task-tid     (tgid) [cpu] flags  time: text`. The task's column is 16 wide, and no name is longer:
# whatever a name contains, it cannot pass for another column. The options say whether tgid and flags are there.
_LINE = re.compile(r"^.{16}-(\d+) +(?:\([ \d-]+\) +)?\[(\d+)\] +(?:\S+ +)?(\d+\.\d+): (.*)$")
_STACK = "<stack trace>"
_FRAME = re.compile(r"^ => ([^\s+]+)")
_ADDRESS = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\[.*")  # what stands there when the kernel knows no name
_LOST = re.compile(r"^CPU:\d+ \[LOST (?:(\d+) )?EVENTS\]")
_ANNOUNCED = re.compile(r"^# entries-in-buffer/entries-written: (\d+)/")  # events and stacks that are to come
_BANNER = re.compile(r"^(#|\s*$)")  # comments, `##### CPU 0 buffer started ####`
_SYSTEM_CALL = re.compile(r"^sys_(\w+)(?:\((.*)\)| -> ((?:0x)?[0-9a-f]+))$")
_ENTERED = re.compile(r"^fd: ((?:0x)?[0-9a-f]+), cmd: ((?:0x)?[0-9a-f]+)")

_ENTRY = re.compile(r"sys_ioctl$", re.IGNORECASE)  # __x64_sys_ioctl, __arm64_compat_sys_ioctl, SyS_ioctl
_MACHINERY = re.compile(
    r"_*(?:trace_event_|traceiter_|do_trace_|perf_(?:trace|syscall)_|bpf_trace_|ftrace_|event_trigger|ring_buffer_)"
)

_INTERRUPT = re.compile(
    r"(?:asm_)?(?:sysvec_|common_interrupt|exc_nmi)|__do_softirq|handle_softirqs|irq_exit|do_IRQ"
)

# Seconds: the kernel's times are printed in microseconds. Recording an event alone takes longer.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class TraceEvent:
    """A tracepoint that was passed: `text` is what it says of itself, `stack` function names, outermost first."""

    tid: int
    time: float  # seconds of CLOCK_MONOTONIC
    name: str
    text: str
    stack: tuple[str, ...]  # empty when the kernel took none; "??" for a function without name


@dataclass(frozen=True)
class ParsedTrace:
    """A trace's events in its order, how many entries it says are lost or announces in vain, and how many of its
    lines were not understood."""

    events: tuple[TraceEvent, ...]
    lost: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class TracedIoctl:
    """One ioctl as the kernel saw it, with the events on its thread meanwhile."""

    tid: int
    fd: int
    request: int  # 32 bits, as the kernel takes it
    entered: float  # seconds of CLOCK_MONOTONIC
    left: float | None  # None when the trace does not have it
    result: int | None  # negative errno when it failed
    events: tuple[TraceEvent, ...]


class IoctlEntry(Protocol):
    """An ioctl as gdb saw it at its entry; `time` in seconds of CLOCK_MONOTONIC."""

    @property
    def tid(self) -> int: ...
    @property
    def fd(self) -> int: ...
    @property
    def request(self) -> int: ...
    @property
    def time(self) -> float: ...


@dataclass(frozen=True)
class JoinedIoctls:
    """For each call its ioctl in the kernel, None where there is none; and the ioctls that no call claims."""

    ioctls: tuple[TracedIoctl | None, ...]
    unclaimed: tuple[TracedIoctl, ...]


def parse_trace(lines: Iterable[str]) -> ParsedTrace:
    """The events in the text of tracefs' `trace`, given as lines with their ends; one without is cut short."""
    reader = _TraceReader()
    for line in lines:
        reader.take(line)
    return reader.trace()


def kernel_path(event: TraceEvent) -> tuple[str, ...]:
    """From the entry of the ioctl system call inward to the event, outermost first; () outside of an ioctl.

    Functions that only serve tracing are left out at the inner end.
    """
    stack = event.stack
    first = next((index for index, name in enumerate(stack) if _ENTRY.search(name)), len(stack))
    last = len(stack)
    while last > first and _MACHINERY.match(stack[last - 1]):
        last -= 1
    # An interrupt that came in between is not on the way.
    return stack[first:last] if not any(map(_INTERRUPT.match, stack[first:last])) else ()


def ioctls(events: Iterable[TraceEvent]) -> tuple[TracedIoctl, ...]:
    """The ioctls among the events, in the order of their entry."""
    inside: dict[int, _OpenIoctl] = {}
    all_of_them: list[_OpenIoctl] = []
    for event in events:
        if event.name == ENTER and (entered := _ENTERED.match(event.text)):
            fd, request = _signed(entered[1], 32), int(entered[2], 16) & 0xFFFFFFFF
            inside[event.tid] = _OpenIoctl(event, fd, request)
            all_of_them.append(inside[event.tid])
        elif event.name == EXIT and event.tid in inside:
            inside.pop(event.tid).end = event
        elif event.tid in inside:
            inside[event.tid].events.append(event)
    return tuple(ioctl.frozen() for ioctl in all_of_them)


def join_ioctls(calls: Sequence[IoctlEntry], events: Iterable[TraceEvent]) -> JoinedIoctls:
    """Find the ioctl in the kernel for each of gdb's calls, given in the order made.

    A thread goes from where gdb saw it straight into the kernel, and comes back before gdb sees its next call: the
    partner of a call is the first ioctl of its thread in between with the same descriptor and request.
    """
    threads: dict[int, list[TracedIoctl]] = defaultdict(list)
    for ioctl in ioctls(events):
        threads[ioctl.tid].append(ioctl)
    order: dict[int, list[int]] = defaultdict(list)
    for index, call in enumerate(calls):
        order[call.tid].append(index)
    partners: list[TracedIoctl | None] = [None] * len(calls)
    for tid, indices in order.items():
        found = _partners([calls[index] for index in indices], threads[tid])
        for index, partner in zip(indices, found, strict=True):
            partners[index] = partner
    claimed = {id(partner) for partner in partners}
    unclaimed = [ioctl for thread in threads.values() for ioctl in thread if id(ioctl) not in claimed]
    return JoinedIoctls(tuple(partners), tuple(sorted(unclaimed, key=lambda ioctl: ioctl.entered)))


def _partners(calls: Sequence[IoctlEntry], thread: Sequence[TracedIoctl]) -> list[TracedIoctl | None]:
    """For each call of one thread its partner among the thread's ioctls."""
    partners: list[TracedIoctl | None] = []
    position = 0
    for call, following in zip(calls, [*calls[1:], None], strict=True):
        until = following.time - _ROUNDING if following else float("inf")
        partner = None
        while position < len(thread) and thread[position].entered < until:
            candidate = thread[position]
            position += 1
            if partner is None and _same(call, candidate):
                partner = candidate
        partners.append(partner)
    return partners


def _same(call: IoctlEntry, ioctl: TracedIoctl) -> bool:
    # A request that went through an `int` reaches gdb with its sign in the upper half.
    asked = (call.fd, call.request & 0xFFFFFFFF)
    return asked == (ioctl.fd, ioctl.request) and ioctl.entered >= call.time - _ROUNDING


class _TraceReader:
    """The state between lines."""

    def __init__(self) -> None:
        self._heads: list[tuple[int, float, str, str]] = []
        self._stacks: list[list[str]] = []
        self._bare: dict[tuple[str, str], list[int]] = defaultdict(list)  # (cpu, tid) -> events without stack
        self._stack: list[str] | None = None  # the one whose frames the next lines are
        self._lost = self._unknown = 0
        self._awaited = 0  # entries

    def take(self, line: str) -> None:
        if not line.endswith("\n"):  # half a line may look whole, and half a name like another
            self._unknown += 1
        elif self._stack is not None and (frame := _FRAME.match(line)):
            self._stack.append("??" if _ADDRESS.fullmatch(frame[1]) else frame[1])
        elif found := _LINE.match(line):
            self._take_entry(found)
        elif found := _LOST.match(line):
            self._lost += int(found[1] or 1)  # without a number it is at least one
        elif found := _ANNOUNCED.match(line):
            self._awaited += int(found[1])
        elif not _BANNER.match(line):
            self._unknown += 1

    def trace(self) -> ParsedTrace:
        events = (TraceEvent(*head, tuple(reversed(s))) for head, s in zip(self._heads, self._stacks, strict=True))
        return ParsedTrace(tuple(events), self._lost + max(self._awaited, 0), self._unknown)

    def _take_entry(self, found: re.Match[str]) -> None:
        """An event, or the start of a stack: that of the last event here that has none, since interrupts nest."""
        self._awaited -= 1
        tid, cpu, time, text = found.groups()
        bare = self._bare[cpu, tid]
        if text != _STACK:
            bare.append(len(self._heads))
            self._heads.append((int(tid), float(time), *_named(text)))
            self._stacks.append([])
            self._stack = None
        elif bare:
            self._stack = self._stacks[bare.pop()]
        else:  # its event did not fit into the buffer
            self._stack = []


def _named(text: str) -> tuple[str, str]:
    """Name and text of an event. Those of system calls are printed like the call: given their names again."""
    if call := _SYSTEM_CALL.match(text):
        name, entered, left = call.groups()
        return (f"sys_exit_{name}", left) if left is not None else (f"sys_enter_{name}", entered)
    name, _, rest = text.partition(":")
    return name, rest.strip()


class _OpenIoctl:
    """An ioctl that events are still added to."""

    def __init__(self, start: TraceEvent, fd: int, request: int) -> None:
        self.start, self.fd, self.request = start, fd, request
        self.end: TraceEvent | None = None
        self.events: list[TraceEvent] = []

    def frozen(self) -> TracedIoctl:
        left = self.end.time if self.end else None
        result = _signed(self.end.text, 64) if self.end else None
        events = tuple(self.events)
        return TracedIoctl(self.start.tid, self.fd, self.request, self.start.time, left, result, events)


def _signed(hexadecimal: str, bits: int) -> int:
    value = int(hexadecimal, 16) & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value
