"""The kernel's side of a recording, where the host allows it: told apart by ioctl and thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from analyzer.adapters.tracefs import TracefsInstance
from analyzer.errors import AnalyzerError
from analyzer.kvm.requests import KVM_RUN
from analyzer.model.recording import Recording
from analyzer.recording.trace_parser import TracedIoctl, TraceEvent, join_ioctls, kernel_path, parse_trace
from gdbscripts.records import KernelEventRecord, KernelStackRecord, KernelTraceRecord, NoteRecord, Record

_MOST_EVENTS = 12  # different ones kept of an ioctl
_MOST_OF_EACH = 1000  # where each one is wanted
_KVM = "kvm_"  # how the names of KVM's own tracepoints begin


@dataclass(frozen=True)
class _LoggedIoctl:
    """An ioctl of the ledger, as the kernel's side wants it."""

    tid: int
    fd: int
    request: int
    time: float


class KernelTrace:
    """A trace of the kernel, or the reason why there is none. A context manager."""

    def __init__(self, trace: TracefsInstance | None, reason: str) -> None:
        self._trace = trace
        self._reason = reason
        self._cleanup = ExitStack()
        if trace is not None:
            self._cleanup.enter_context(trace)

    @classmethod
    def open(cls) -> KernelTrace:
        """Get ready to trace, if the host lets us."""
        try:
            return cls(TracefsInstance.open(), "")
        except AnalyzerError as error:
            return cls(None, " ".join(filter(None, (error.message, error.hint))))

    def __enter__(self) -> KernelTrace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def follow(self, pid: int) -> None:
        """Trace the process, which has not run yet."""
        if self._trace is not None:
            try:
                self._trace.follow(pid)
            except AnalyzerError as error:
                self._trace, self._reason = None, error.message

    def records(self, recording: Recording, started: float) -> Iterator[Record]:
        """What the kernel saw of the ioctls in the recording's ledger.

        `started` is when the recording's clock began, in seconds of CLOCK_MONOTONIC.
        """
        if self._trace is None:
            yield KernelTraceRecord(False, self._reason)
            return
        self._trace.stop()
        lost = self._trace.lost
        trace = parse_trace(self._trace.read())
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
            yield NoteRecord(
                f"{missing} of {len(pairs)} ioctls are missing from the kernel's trace; record again."
            )
        stacks: dict[tuple[str, ...], int] = {}
        sampled = {exit_.ioctl for exit_ in recording.exits}
        for entry, ioctl in pairs:
            if ioctl is not None:
                each = entry.number in sampled or (bool(sampled) and entry.request == KVM_RUN)
                yield from _events(entry.number, ioctl, started, stacks, each)


def _events(
    number: int, ioctl: TracedIoctl, started: float, stacks: dict[tuple[str, ...], int], each: bool
) -> Iterator[Record]:
    """The events of one ioctl; memory is of interest only where KVM says nothing.

    Unless `each` one is wanted, those alike are counted.
    """
    of_kvm = [event for event in ioctl.events if event.name.startswith(_KVM) and kernel_path(event)]
    alike: dict[tuple[str, tuple[str, ...], str, int], list[TraceEvent]] = defaultdict(list)
    for event in of_kvm or ioctl.events:
        if path := kernel_path(event):
            alike[event.name, path, event.text if each else "", len(alike) if each else 0].append(event)
    for (name, path, _, _), events in list(alike.items())[: _MOST_OF_EACH if each else _MOST_EVENTS]:
        if path not in stacks:
            stacks[path] = len(stacks)
            yield KernelStackRecord(stacks[path], list(path))
        first = events[0]
        time = round(first.time - started, 6)
        yield KernelEventRecord(number, time, name, first.text, stacks[path], len(events))
