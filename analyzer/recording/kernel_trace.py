"""The kernel trace of a recording, where the host allows one: events and stacks for each ioctl.

Tracing goes through tracefs (Documentation/trace/ftrace.rst of the kernel).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from types import TracebackType

from analyzer.adapters.privileged import RemoteTrace, current_helper
from analyzer.adapters.tracefs import TracefsInstance
from analyzer.errors import AnalyzerError
from analyzer.kvm.requests import KVM_RUN
from analyzer.model.recording import Recording
from analyzer.recording.trace_parser import (
    ParsedTrace,
    TracedIoctl,
    TraceEvent,
    join_ioctls,
    kernel_path,
    parse_trace,
)
from gdbscripts.records import KernelEventRecord, KernelStackRecord, KernelTraceRecord, NoteRecord, Record

_MAX_MERGED_EVENTS = 12  # of one ioctl, events of one name and stack counted as one
_MAX_EVENTS = 1000  # of one ioctl, when events are not merged
_KVM = "kvm_"  # prefix of the names of KVM's tracepoints


@dataclass(frozen=True)
class _LoggedIoctl:
    """An ioctl of the ioctl log, in the form that `join_ioctls` takes (IoctlEntry)."""

    tid: int
    fd: int
    request: int
    time: float  # seconds of CLOCK_MONOTONIC


class KernelTrace:
    """A trace of the kernel, or the reason why there is none. A context manager that removes the trace.

    The kernel makes and removes a trace while the caller goes on: both take long, nearly all of it asleep.
    """

    def __init__(self, open_trace: Callable[[], TracefsInstance | RemoteTrace]) -> None:
        self._trace: TracefsInstance | RemoteTrace | None = None
        self._reason = ""
        self._worker = Thread(target=self._open, args=(open_trace,))
        self._worker.start()

    @classmethod
    def open(cls) -> KernelTrace:
        """Prepare a trace; where the host forbids it, one that only has the reason. Raises nothing."""
        helper = current_helper()
        return cls(TracefsInstance.open if helper is None else lambda: RemoteTrace(helper))

    def _open(self, open_trace: Callable[[], TracefsInstance | RemoteTrace]) -> None:
        try:
            self._trace = open_trace()
        except AnalyzerError as error:
            self._reason = " ".join(filter(None, (error.message, error.hint)))
        except OSError as error:
            self._reason = f"Kernel events cannot be recorded: {error}."

    def _opened(self) -> TracefsInstance | RemoteTrace | None:
        self._worker.join()
        return self._trace

    @property
    def is_possible(self) -> bool:
        """Whether the kernel is ready to trace; waits until that is known."""
        return self._opened() is not None

    def __enter__(self) -> KernelTrace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        instance = self._opened()
        if instance is not None:
            instance.close()

    def follow(self, pid: int) -> None:
        """Trace the process `pid`, which must be stopped: before it has run, or when gdb has attached to it."""
        trace = self._opened()
        if trace is not None:
            try:
                trace.follow(pid)
            except AnalyzerError as error:
                trace.close()
                self._trace, self._reason = None, error.message

    def stop(self) -> None:
        """Stop the trace before the log of the ioctls ends; what is traced stays readable. Raises nothing."""
        trace = self._opened()
        if trace is not None:
            with suppress(OSError, AnalyzerError):
                trace.stop()

    def records(self, recording: Recording, started: float) -> Iterator[Record]:
        """Stop the trace; yields the records of the events for each ioctl of the recording's ioctl log.

        `started` is the time zero of the recording, in seconds of CLOCK_MONOTONIC.
        """
        instance = self._opened()
        if instance is None:
            yield KernelTraceRecord(False, self._reason)
            return
        instance.stop()
        lost = instance.lost
        trace = parse_trace(instance.read())
        self._worker = Thread(target=instance.close)
        self._worker.start()
        calls = [
            _LoggedIoctl(recording.thread(entry.thread).tid, entry.fd, entry.request, started + entry.time)
            for entry in recording.ioctl_log
        ]
        joined = join_ioctls(calls, trace.events)
        descriptors = {entry.fd for entry in recording.ioctl_log}
        unclaimed = sum(ioctl.fd in descriptors for ioctl in joined.unclaimed)
        yield KernelTraceRecord(True, "", lost + trace.lost, unclaimed)
        pairs = list(zip(recording.ioctl_log, joined.ioctls, strict=True))
        if missing := sum(entry.returned is not None and ioctl is None for entry, ioctl in pairs):
            yield NoteRecord(_missing_note(missing, calls, trace, lost))
        stacks: dict[tuple[str, ...], int] = {}
        sampled = {exit_.ioctl for exit_ in recording.exits}
        for entry, ioctl in pairs:
            if ioctl is not None:
                every_event = entry.number in sampled or (bool(sampled) and entry.request == KVM_RUN)
                yield from _events(entry.number, ioctl, started, stacks, every_event)


def _missing_note(missing: int, calls: Sequence[_LoggedIoctl], trace: ParsedTrace, lost: int) -> str:
    """The sentence about ioctls that the kernel trace lacks; where it lacks all, with what the trace has instead.

    No event at all, events of other threads, and events of another time have different causes.
    """
    full = "its buffers were full: record for a shorter time, or without the kernel's side (--no-kernel)"
    remedy = full if lost else "record again"
    sentence = f"{missing} of {len(calls)} ioctls are missing from the kernel trace; {remedy}."
    if missing < len(calls):
        return sentence
    events = trace.events
    own = {call.tid for call in calls}
    span = f", from {events[0].time:.6f} to {events[-1].time:.6f} s" if events else ""
    ours = sum(event.tid in own for event in events)
    return (
        f"{sentence} The trace has {len(events)} events, {ours} of them of these threads{span}; the ioctls are "
        f"from {calls[0].time:.6f} to {calls[-1].time:.6f} s of the same clock; {lost} events are lost, and "
        f"{trace.unknown} lines are not understood."
    )


def _events(
    number: int, ioctl: TracedIoctl, started: float, stacks: dict[tuple[str, ...], int], every_event: bool
) -> Iterator[Record]:
    """The records of one ioctl's events: KVM's tracepoints, or, when it has none, all tracepoints.

    Events of one name and stack become one record with their count, unless `every_event` is set. `stacks` has the
    numbers of the stacks that are already recorded, and gets the new ones.
    """
    of_kvm = [event for event in ioctl.events if event.name.startswith(_KVM) and kernel_path(event)]
    alike: dict[tuple[str, tuple[str, ...], str, int], list[TraceEvent]] = defaultdict(list)
    for event in of_kvm or ioctl.events:
        if path := kernel_path(event):
            alike[event.name, path, event.text if every_event else "", len(alike) if every_event else 0].append(
                event
            )
    for (name, path, _, _), events in list(alike.items())[: _MAX_EVENTS if every_event else _MAX_MERGED_EVENTS]:
        if path not in stacks:
            stacks[path] = len(stacks)
            yield KernelStackRecord(stacks[path], list(path))
        first = events[0]
        time = round(first.time - started, 6)
        yield KernelEventRecord(number, time, name, first.text, stacks[path], len(events))
