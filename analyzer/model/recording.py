"""A recording: everything that one run of QEMU, or one imported text, gave."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from analyzer.model.frames import CallKey, Stop, Thread
from analyzer.model.kvm import Ioctl, KvmExit
from analyzer.model.pointers import Pointer
from gdbscripts.records import (
    AcceleratorRecord,
    EndRecord,
    HeaderRecord,
    KernelTraceRecord,
    MilestoneRecord,
    ProgramExitRecord,
)


@dataclass(frozen=True)
class Recording:
    """One recording, immutable; `analyzer.recording.reader` makes it from a recording.jsonl.

    Paths are relative to `source_root`. The references between the parts are numbers: a stop names a thread, a
    thread the stop that created it, an exit the ioctl that it belongs to.
    """

    header: HeaderRecord
    source_root: str  # absolute; "" when the files have no common folder
    milestones: tuple[MilestoneRecord, ...]
    threads: tuple[Thread, ...]
    stops: Sequence[Stop]  # in the order recorded; of a large recording each is made when it is asked for
    accelerator: AcceleratorRecord | None = None
    sources: dict[str, dict[int, str]] = field(default_factory=dict)  # file -> line number -> text
    outputs: dict[str, str] = field(default_factory=dict)  # stream -> text
    exit: ProgramExitRecord | None = None  # None: QEMU did not exit by itself
    notes: tuple[str, ...] = ()  # sentences for the reader
    end: EndRecord | None = None  # None: the file is cut short
    ioctl_log: tuple[Ioctl, ...] = ()
    exits: tuple[KvmExit, ...] = ()
    exit_counts: dict[int, int] = field(default_factory=dict)  # exit reason -> number of exits, recorded or not
    kernel: KernelTraceRecord | None = None  # None: no kernel trace was asked for
    # Key of an indirect call (`call_key`) -> its pointer at the first of these calls.
    pointers: dict[CallKey, Pointer] = field(default_factory=dict)

    @cached_property
    def titles(self) -> dict[str, str]:
        """Milestone -> its title."""
        return {milestone.name: milestone.title for milestone in self.milestones}

    @property
    def reached(self) -> set[str]:
        """The names of the milestones that at least one stop reached."""
        return {name for stop in self.stops for name in stop.milestones}

    @property
    def not_reached(self) -> list[MilestoneRecord]:
        """The required milestones that no stop reached, in the order of the scenario."""
        reached = self.reached
        return [m for m in self.milestones if m.required and m.name not in reached]

    def thread(self, number: int) -> Thread:
        """The thread with this number; KeyError when the recording has none."""
        return self._threads[number]

    def creation(self, thread: Thread) -> Stop | None:
        """The stop in which another thread created `thread`; None when it was not recorded."""
        return None if thread.created_by is None else self.stop(thread.created_by)

    def stop(self, number: int) -> Stop:
        """The stop with this number; KeyError when the recording has none."""
        if 0 <= number < len(self.stops) and (stop := self.stops[number]).number == number:
            return stop
        return self.stops[self._stop_positions[number]]

    def ioctl_of(self, stop: Stop) -> Ioctl | None:
        """The ioctl that the stop is at: the nearest in time with its thread, descriptor and request; or None."""
        if stop.ioctl is None:
            return None
        times, entries = self._ioctl_log.get((stop.thread, stop.ioctl.fd, stop.ioctl.number), ((), ()))
        later = bisect_left(times, stop.time)
        neighbours = (position for position in (later - 1, later) if 0 <= position < len(times))
        around = {bisect_left(times, times[position]) for position in neighbours}
        nearest = min(around, key=lambda position: (abs(times[position] - stop.time), position), default=None)
        return None if nearest is None else entries[nearest]

    @cached_property
    def pointer_callees(self) -> frozenset[str]:
        """The functions that are called through a pointer of `pointers`, as their frames name them."""
        return frozenset(callee for callee, _ in self.pointers)

    @cached_property
    def _ioctl_log(self) -> dict[tuple[int, int, int], tuple[Sequence[float], Sequence[Ioctl]]]:
        """(thread, descriptor, request) -> times and ioctls, in the order of the times."""
        found: dict[tuple[int, int, int], list[Ioctl]] = {}
        for entry in sorted(self.ioctl_log, key=lambda entry: entry.time):
            found.setdefault((entry.thread, entry.fd, entry.request), []).append(entry)
        return {key: ([entry.time for entry in entries], entries) for key, entries in found.items()}

    @cached_property
    def _threads(self) -> dict[int, Thread]:
        return {thread.number: thread for thread in self.threads}

    @cached_property
    def _stop_positions(self) -> dict[int, int]:
        return {stop.number: position for position, stop in enumerate(self.stops)}
