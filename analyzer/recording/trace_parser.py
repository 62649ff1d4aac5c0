"""Parses the text of a kernel trace (tracefs) into events, and matches them with the ioctls of the ioctl log.

The format is that of kernel/trace/trace_output.c; Documentation/trace/ftrace.rst describes it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

ENTER, EXIT = "sys_enter_ioctl", "sys_exit_ioctl"  # names of the tracepoints; the trace prints both as `sys_ioctl`

# `            task-tid     (tgid) [cpu] flags  time: text`. The task's column is as wide as the longest name, 16
# characters, so a name cannot extend into another column. tgid and flags depend on the trace options.
_LINE = re.compile(r"^.{16}-(\d+) +(?:\([ \d-]+\) +)?\[(\d+)\] +(?:\S+ +)?(\d+\.\d+): (.*)$")
_STACK = "<stack trace>"
_FRAME = re.compile(r"^ => ([^\s+]+)")
_ADDRESS = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\[.*")  # in place of a name that the kernel does not know
_LOST = re.compile(r"^CPU:\d+ \[LOST (?:(\d+) )?EVENTS\]")
_ANNOUNCED = re.compile(r"^# entries-in-buffer/entries-written: (\d+)/")  # number of entries that follow
_BANNER = re.compile(r"^(#|\s*$)")  # comments, `##### CPU 0 buffer started ####`
_SYSTEM_CALL = re.compile(r"^sys_(\w+)(?:\((.*)\)| -> ((?:0x)?[0-9a-f]+))$")
_ENTERED = re.compile(r"^fd: ((?:0x)?[0-9a-f]+), cmd: ((?:0x)?[0-9a-f]+)")

_ENTRY = re.compile(r"sys_ioctl$", re.IGNORECASE)  # __x64_sys_ioctl, __arm64_compat_sys_ioctl, SyS_ioctl
_TRACING_FUNCTION = re.compile(
    r"_*(?:trace_event_|traceiter_|do_trace_|perf_(?:trace|syscall)_|bpf_trace_|ftrace_|event_trigger|ring_buffer_)"
)

_INTERRUPT = re.compile(
    r"(?:asm_)?(?:sysvec_|common_interrupt|exc_nmi)|__do_softirq|handle_softirqs|irq_exit|do_IRQ"
)

# Seconds: the trace prints microseconds. Two events are further apart, since recording one takes longer.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class TraceEvent:
    """One event: the tracepoint `name`, its `text`, and the kernel's functions on the stack, outermost first."""

    tid: int
    time: float  # seconds of CLOCK_MONOTONIC
    name: str
    text: str
    stack: tuple[str, ...]  # () when the trace has none; "??" for a function without a name


@dataclass(frozen=True)
class ParsedTrace:
    """The events of a trace in its order; the number of lost entries, by its own count or missing from the text;
    the number of lines not understood."""

    events: tuple[TraceEvent, ...]
    lost: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class TracedIoctl:
    """One ioctl in the kernel trace, with the events on its thread between entry and exit."""

    tid: int
    fd: int
    request: int  # 32 bits
    entered: float  # seconds of CLOCK_MONOTONIC
    left: float | None  # when it returned; None when the trace has no exit
    result: int | None  # negative errno when it failed
    events: tuple[TraceEvent, ...]


class IoctlEntry(Protocol):
    """An ioctl that gdb recorded at its entry; `time` is in seconds of CLOCK_MONOTONIC."""

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
    """For each recorded ioctl its match in the trace or None; and the unmatched ioctls of the trace."""

    ioctls: tuple[TracedIoctl | None, ...]
    unclaimed: tuple[TracedIoctl, ...]


def parse_trace(lines: Iterable[str]) -> ParsedTrace:
    """Parse the lines of tracefs' file `trace`, with their line ends; a line without one is incomplete."""
    reader = _TraceReader()
    for line in lines:
        reader.take(line)
    return reader.trace()


def kernel_path(event: TraceEvent) -> tuple[str, ...]:
    """The functions from the entry of the ioctl system call to the event, outermost first; () outside an ioctl.

    () as well for an event in an interrupt. The tracing functions at the inner end are left out.
    """
    stack = event.stack
    first = next((index for index, name in enumerate(stack) if _ENTRY.search(name)), len(stack))
    last = len(stack)
    while last > first and _TRACING_FUNCTION.match(stack[last - 1]):
        last -= 1
    # An interrupt is not part of the ioctl that it interrupts.
    return stack[first:last] if not any(map(_INTERRUPT.match, stack[first:last])) else ()


def ioctls(events: Iterable[TraceEvent]) -> tuple[TracedIoctl, ...]:
    """The ioctls among `events`, each with the events of its thread, in the order of entry."""
    open_ioctls: dict[int, _OpenIoctl] = {}  # by tid
    all_ioctls: list[_OpenIoctl] = []
    for event in events:
        if event.name == ENTER and (entered := _ENTERED.match(event.text)):
            fd, request = _signed(entered[1], 32), int(entered[2], 16) & 0xFFFFFFFF
            open_ioctls[event.tid] = _OpenIoctl(event, fd, request)
            all_ioctls.append(open_ioctls[event.tid])
        elif event.name == EXIT and event.tid in open_ioctls:
            open_ioctls.pop(event.tid).end = event
        elif event.tid in open_ioctls:
            open_ioctls[event.tid].events.append(event)
    return tuple(ioctl.frozen() for ioctl in all_ioctls)


def join_ioctls(calls: Sequence[IoctlEntry], events: Iterable[TraceEvent]) -> JoinedIoctls:
    """Match each of `calls`, the ioctls that gdb recorded in the order made, with an ioctl of the trace.

    A thread enters the kernel right after gdb records the call and returns before its next call: the match is the
    thread's first ioctl between the two calls with the same descriptor and request.
    """
    threads: dict[int, list[TracedIoctl]] = defaultdict(list)
    for ioctl in ioctls(events):
        threads[ioctl.tid].append(ioctl)
    order: dict[int, list[int]] = defaultdict(list)
    for index, call in enumerate(calls):
        order[call.tid].append(index)
    matches: list[TracedIoctl | None] = [None] * len(calls)
    for tid, indices in order.items():
        found = _match_thread([calls[index] for index in indices], threads[tid])
        for index, match in zip(indices, found, strict=True):
            matches[index] = match
    claimed = {id(match) for match in matches}
    unclaimed = [ioctl for thread in threads.values() for ioctl in thread if id(ioctl) not in claimed]
    return JoinedIoctls(tuple(matches), tuple(sorted(unclaimed, key=lambda ioctl: ioctl.entered)))


def _match_thread(calls: Sequence[IoctlEntry], thread: Sequence[TracedIoctl]) -> list[TracedIoctl | None]:
    """The matches of `calls`, all of one thread, among `thread`, the ioctls of the trace; None without one."""
    matches: list[TracedIoctl | None] = []
    position = 0
    for call, following in zip(calls, [*calls[1:], None], strict=True):
        until = following.time - _ROUNDING if following else float("inf")
        match = None
        while position < len(thread) and thread[position].entered < until:
            candidate = thread[position]
            position += 1
            if match is None and _is_match(call, candidate):
                match = candidate
        matches.append(match)
    return matches


def _is_match(call: IoctlEntry, ioctl: TracedIoctl) -> bool:
    # A request that QEMU passes as an `int` reaches gdb with its sign extended.
    requested = (call.fd, call.request & 0xFFFFFFFF)
    return requested == (ioctl.fd, ioctl.request) and ioctl.entered >= call.time - _ROUNDING


class _TraceReader:
    """A parser that takes the trace line by line; `trace` returns the result."""

    def __init__(self) -> None:
        self._heads: list[tuple[int, float, str, str]] = []
        self._stacks: list[list[str]] = []
        # (cpu, tid) -> positions of events without a stack
        self._bare: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._stack: list[str] | None = None  # the stack that the next lines belong to
        self._functions: dict[str, str] = {}  # line of a stack -> function; most lines occur hundreds of times
        self._lost = self._unknown = 0
        self._announced = 0  # entries that must still follow

    def take(self, line: str) -> None:
        if self._stack is not None and (function := self._functions.get(line)) is not None:
            self._stack.append(function)
        elif not line.endswith("\n"):  # an incomplete line may parse as another one
            self._unknown += 1
        elif self._stack is not None and (frame := _FRAME.match(line)):
            self._functions[line] = "??" if _ADDRESS.fullmatch(frame[1]) else frame[1]
            self._stack.append(self._functions[line])
        elif found := _LINE.match(line):
            self._take_entry(found)
        elif found := _LOST.match(line):
            self._lost += int(found[1] or 1)  # without a number it is at least one
        elif found := _ANNOUNCED.match(line):
            self._announced += int(found[1])
        elif not _BANNER.match(line):
            self._unknown += 1

    def trace(self) -> ParsedTrace:
        events = (TraceEvent(*head, tuple(reversed(s))) for head, s in zip(self._heads, self._stacks, strict=True))
        return ParsedTrace(tuple(events), self._lost + max(self._announced, 0), self._unknown)

    def _take_entry(self, found: re.Match[str]) -> None:
        """Add an event, or start a stack: that of the last event here without one, since interrupts nest."""
        self._announced -= 1
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
    """(name, text) of an event. System calls, printed like calls, get the names of their tracepoints."""
    if call := _SYSTEM_CALL.match(text):
        name, entered, left = call.groups()
        return (f"sys_exit_{name}", left) if left is not None else (f"sys_enter_{name}", entered)
    name, _, rest = text.partition(":")
    return name, rest.strip()


class _OpenIoctl:
    """An ioctl of the trace to which events are still added."""

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
