"""A recording as one immutable value."""

from __future__ import annotations

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
    """A recording, whole: what ran, what was waited for, what happened."""

    header: HeaderRecord
    source_root: str
    milestones: tuple[MilestoneRecord, ...]
    threads: tuple[Thread, ...]
    stops: tuple[Stop, ...]
    accelerator: AcceleratorRecord | None = None
    sources: dict[str, dict[int, str]] = field(default_factory=dict)  # file -> line number -> text
    outputs: dict[str, str] = field(default_factory=dict)  # stream -> text
    exit: ProgramExitRecord | None = None
    notes: tuple[str, ...] = ()
    end: EndRecord | None = None  # None: cut short
    ioctl_log: tuple[Ioctl, ...] = ()
    exits: tuple[KvmExit, ...] = ()
    exit_counts: dict[int, int] = field(default_factory=dict)  # reason -> how many, recorded or not
    kernel: KernelTraceRecord | None = None  # None: nobody tried to record the kernel's side
    # A call through a pointer, as `call_key` names it -> that pointer, as it was when the call was seen first.
    pointers: dict[CallKey, Pointer] = field(default_factory=dict)

    @property
    def reached(self) -> set[str]:
        """Names of the milestones that were reached."""
        return {name for stop in self.stops for name in stop.milestones}

    @property
    def not_reached(self) -> list[MilestoneRecord]:
        """Required milestones that were not."""
        reached = self.reached
        return [m for m in self.milestones if m.required and m.name not in reached]

    def thread(self, number: int) -> Thread:
        """The thread of that number; KeyError when there is none."""
        return self._threads[number]

    def creation(self, thread: Thread) -> Stop | None:
        """The stop in which another thread created `thread`, when that was recorded."""
        return None if thread.created_by is None else self._stops[thread.created_by]

    def stop(self, number: int) -> Stop:
        """The stop of that number; KeyError when there is none."""
        return self._stops[number]

    def ioctls_of(self, thread: int, fd: int, request: int) -> tuple[Ioctl, ...]:
        """The ioctls of a thread on a descriptor with one request, in the order made."""
        return tuple(self._ioctl_log.get((thread, fd, request), ()))

    @cached_property
    def _ioctl_log(self) -> dict[tuple[int, int, int], list[Ioctl]]:
        found: dict[tuple[int, int, int], list[Ioctl]] = {}
        for entry in self.ioctl_log:
            found.setdefault((entry.thread, entry.fd, entry.request), []).append(entry)
        return found

    @cached_property
    def _threads(self) -> dict[int, Thread]:
        return {thread.number: thread for thread in self.threads}

    @cached_property
    def _stops(self) -> dict[int, Stop]:
        return {stop.number: stop for stop in self.stops}
