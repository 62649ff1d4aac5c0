"""The breakpoints that record stops: which hits are recorded, and what is read at each. None of them stops the
program."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar, Dict, List, Optional, Protocol, Set, Tuple

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.enums import StopReason
from gdbscripts.fatal_signals import program_is_gone
from gdbscripts.memory import read_pointer, stack_pointer
from gdbscripts.plan import AcceleratorTest, PlannedMilestone
from gdbscripts.recorder import Recorder
from gdbscripts.records import BREAK, AcceleratorRecord, NoteRecord, ReturnRecord
from gdbscripts.run_times import RunTimes
from gdbscripts.tail_calls import function_reference

THREAD_CREATE = "pthread_create"
KVM_FILES = ("/dev/kvm", "anon_inode:kvm-")
_NAMES_IN_NOTE = 5


class MilestoneCounts:
    """Counts the hits of each milestone, and decides whether a milestone needs further stops."""

    def __init__(self, milestones: List[PlannedMilestone]) -> None:
        self._milestones = {milestone.name: milestone for milestone in milestones}
        self._hits = {milestone.name: 0 for milestone in milestones}
        self._threads: Set[Tuple[str, int]] = set()
        self._cut: Dict[str, int] = {}  # functions of --break that were hit once more than their limit

    def needs_stop(self, milestone: PlannedMilestone, thread: int) -> bool:
        """Return whether a hit of `milestone` on `thread` is to be recorded."""
        return not self.complete(milestone) and not (
            milestone.per_thread and (milestone.name, thread) in self._threads
        )

    def count(self, milestone: PlannedMilestone, thread: int) -> int:
        """Count one more hit of `milestone` on `thread`; returns the number of hits so far."""
        self._hits[milestone.name] += 1
        self._threads.add((milestone.name, thread))
        return self._hits[milestone.name]

    def complete(self, milestone: PlannedMilestone) -> bool:
        """Return whether no further hit of `milestone` is to be recorded."""
        hits = self._hits[milestone.name]
        if milestone.limit and hits >= milestone.limit:
            return True
        return bool(milestone.as_often_as) and 0 < self._hits[milestone.as_often_as] <= hits

    def needs_breakpoint(self, milestone: PlannedMilestone) -> bool:
        """Return whether a further hit of `milestone` tells anything: for a function of --break that has had its
        limit, the next hit tells that hits are cut."""
        return not self.complete(milestone) or (_is_asked_for(milestone) and milestone.name not in self._cut)

    def note_cut(self, milestone: PlannedMilestone) -> None:
        """Keep that `milestone`, a function of --break that has had its limit, was hit once more."""
        if _is_asked_for(milestone) and self.complete(milestone):
            self._cut[milestone.name] = milestone.limit

    def write_cuts(self, recorder: Recorder) -> None:
        """Record a note about the functions of --break that were hit more often than their limit."""
        if self._cut:
            recorder.write(NoteRecord(_cut_sentence(sorted(self._cut), max(self._cut.values()))))


class FailureLog(Protocol):
    """The part of a recorder that every breakpoint needs: a stop request, and a place for error messages."""

    @property
    def stop_requested(self) -> bool:
        """Whether the program is to stop at the next breakpoint hit."""

    def note_failure(self, error: Exception) -> bool:
        """Record the message of `error`; returns False when that is impossible."""


class RecordingBreakpoint(gdb.Breakpoint):
    """A breakpoint that records something at each hit and lets the program continue.

    The program stops only when the recorder requests it or when nothing can be recorded any more. An exception in
    `hit` becomes a note in the recording.
    """

    recorder: FailureLog
    _existing: ClassVar[Set[RecordingBreakpoint]] = set()

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._existing.add(self)

    @classmethod
    def remove_all(cls) -> None:
        """Delete all breakpoints of this class and its subclasses, whichever run they were set for."""
        for breakpoint_ in list(cls._existing):
            breakpoint_.remove()

    def stop(self) -> bool:
        """Called by gdb at each hit; returns True to stop the program."""
        started = time.monotonic()
        try:
            self.hit()
        except Exception as error:  # noqa: BLE001 - an exception here would stop QEMU silently
            return program_is_gone() or not self.recorder.note_failure(error)
        finally:
            RunTimes.at_stops += time.monotonic() - started
        return self.recorder.stop_requested

    def hit(self) -> None:
        """Record what the subclass is for; called at each hit with the hitting thread selected."""
        raise NotImplementedError

    def remove(self) -> None:
        """Delete the breakpoint at once. Must not be called from `stop` or `hit` of any breakpoint."""
        self._existing.discard(self)
        if self.is_valid():
            self.delete()

    def delete_later(self) -> None:
        """Disable the breakpoint and delete it after the current stop: gdb forbids deletion inside `stop`."""
        self.enabled = False
        gdb.post_event(self.remove)


class MilestoneBreakpoint(RecordingBreakpoint):
    """A breakpoint on one function that records the milestones which name this function."""

    recorder: Recorder

    def __init__(
        self,
        location: str,
        function: str,
        milestones: List[PlannedMilestone],
        counts: MilestoneCounts,
        recorder: Recorder,
        accelerators: List[AcceleratorTest],
        internal: bool = False,
    ) -> None:
        # Not internal: at the first instruction of an inlined function gdb shows that function's frame only
        # for breakpoints of the user (stopped_by_user_bp_inline_frame in gdb's infrun.c).
        super().__init__(location, internal=internal)
        self._function = function
        self._milestones = milestones
        self._counts = counts
        self.recorder = recorder
        self._accelerators = accelerators
        self._names = [milestone.name for milestone in milestones]
        self._only_counts = all(_is_asked_for(m) and not m.limit for m in milestones)

    def hit(self) -> None:
        """Record the milestones that this hit reaches, and delete the breakpoint when all of them are complete."""
        if self._only_counts:  # the usual case of --break, which may be hit millions of times
            self.recorder.record_or_count(StopReason.BREAK, self._names, self._function)
            return
        thread = gdb.selected_thread().num
        for milestone in self._milestones:
            self._counts.note_cut(milestone)
        unfinished = [milestone for milestone in self._milestones if self._counts.needs_stop(milestone, thread)]
        request = _IoctlCall.from_registers() if any(milestone.request for milestone in unfinished) else None
        reached = [
            milestone
            for milestone in unfinished
            if not milestone.request or (request and request.matches(milestone))
        ]
        if reached:
            self._record(reached, request, thread)
        if not any(self._counts.needs_breakpoint(milestone) for milestone in self._milestones):
            self.recorder.write_repeats()  # there may be no later hit that does
            self.delete_later()
            self.recorder.forget_breakpoints()

    def _record(self, reached: List[PlannedMilestone], request: Optional[_IoctlCall], thread: int) -> None:
        names = [milestone.name for milestone in reached]
        if all(map(_is_asked_for, reached)):
            self.recorder.record_or_count(StopReason.BREAK, names, self._function)
        else:
            stop_fields = request.stop_fields() if request else {}
            number = self.recorder.record_stop(StopReason.MILESTONE, names, self._function, **stop_fields)
            if any(milestone.returns for milestone in reached):
                ReturnBreakpoint.set_at_caller(number, self.recorder)
        for milestone in reached:
            hits = self._counts.count(milestone, thread)
            if milestone.shows_accelerator and hits == 1:
                _record_accelerator(self._accelerators, self.recorder)
            if hits == milestone.limit and milestone.limit > 1 and not _is_asked_for(milestone):
                self.recorder.write(NoteRecord("%s: no more than %d stops recorded" % (milestone.name, hits)))


def _is_asked_for(milestone: PlannedMilestone) -> bool:
    return milestone.name.startswith(BREAK)


def _cut_sentence(names: List[str], limit: int) -> str:
    """Return the note about milestones of --break that were hit more often than `limit`."""
    named = ", ".join(name[len(BREAK) :] for name in names[:_NAMES_IN_NOTE])
    more = " and %d more" % (len(names) - _NAMES_IN_NOTE) if len(names) > _NAMES_IN_NOTE else ""
    hits = "hit" if limit == 1 else "%d hits" % limit
    return "--break-limit %d: the first %s of %s%s are recorded, and at least one more hit of each is not; " % (
        limit, hits, named, more,
    ) + "give no --break-limit to have all"  # fmt: skip


class _IoctlCall:
    """The ioctl call whose first instruction the selected thread is about to execute."""

    def __init__(self, fd: int, request: int, file: str) -> None:
        self.fd = fd
        self.request = request
        self.file = file

    @classmethod
    def from_registers(cls) -> _IoctlCall:
        """Read descriptor and request from the argument registers of the innermost frame."""
        frame = gdb.newest_frame()
        fd = architecture.argument(frame, 0) & 0xFFFFFFFF
        request = architecture.argument(frame, 1) & 0xFFFFFFFF
        return cls(fd, request, file_of_descriptor(fd))

    def matches(self, milestone: PlannedMilestone) -> bool:
        """Return whether the call has the request of `milestone` on a KVM descriptor."""
        return self.request == milestone.request and self.file.startswith(KVM_FILES)

    def stop_fields(self) -> Dict[str, object]:
        """Return the fields of `StopRecord` that describe the call."""
        return {"fd": self.fd, "file": self.file, "request": self.request}


class ThreadCreateBreakpoint(RecordingBreakpoint):
    """A breakpoint on pthread_create that records the creating stack and the start function of the new thread."""

    recorder: Recorder

    MAX_RECORDS = 1000  # a program that creates threads in a loop must not fill the disk

    def __init__(self, recorder: Recorder, location: str) -> None:
        super().__init__(location, internal=True)
        self.recorder = recorder
        self._records_left = self.MAX_RECORDS

    def hit(self) -> None:
        """Record the creator's stack, and the start function: the third argument of pthread_create (POSIX)."""
        frame = gdb.newest_frame()
        start = architecture.argument(frame, 2)
        name, file, library = function_reference(start)
        number = self.recorder.record_stop(
            StopReason.THREAD_CREATE,
            [],
            THREAD_CREATE,
            starts=name,
            starts_file=file,
            starts_library=library,
        )
        ReturnBreakpoint.set_at_caller(number, self.recorder, handle_address=architecture.argument(frame, 0))
        self._records_left -= 1
        if not self._records_left:
            self.recorder.write(NoteRecord("no more than %d thread starts recorded" % self.MAX_RECORDS))
            self.delete_later()


class ReturnBreakpoint(RecordingBreakpoint):
    """A breakpoint on a return address that records the return value of one call, on the thread that made it."""

    recorder: Recorder

    @classmethod
    def set_at_caller(cls, stop: int, recorder: Recorder, handle_address: int = 0) -> None:
        """Record the return value of the selected thread's innermost function as the result of stop number `stop`.

        `handle_address` is where pthread_create stores the new pthread_t; 0 for other functions.
        """
        caller = gdb.newest_frame().older()
        if caller is not None:
            cls(caller, stop, recorder, handle_address)

    def __init__(self, caller: gdb.Frame, stop: int, recorder: Recorder, handle_address: int) -> None:
        super().__init__("*0x%x" % caller.pc(), internal=True)
        self.thread = gdb.selected_thread().global_num
        self._stack_pointer = stack_pointer(caller)
        self._stop = stop
        self.recorder = recorder
        self._handle_address = handle_address

    def hit(self) -> None:
        """Record the return value unless this hit belongs to another activation of the caller."""
        frame = gdb.newest_frame()
        depth = stack_pointer(frame)
        if depth < self._stack_pointer:  # a deeper activation returns first
            return
        self.delete_later()
        if depth > self._stack_pointer:  # longjmp left the activation that was waited for
            return
        result = architecture.result(frame)
        # A pthread_create that failed has written no handle.
        handle = hex(read_pointer(self._handle_address)) if self._handle_address and result == 0 else ""
        self.recorder.write(ReturnRecord(self._stop, result, handle))


def file_of_descriptor(fd: int) -> str:
    """Return the target of the /proc link of descriptor `fd` of the program; "" when it is not open."""
    try:
        return os.readlink("/proc/%d/fd/%d" % (gdb.selected_inferior().pid, fd))
    except OSError:
        return ""


def _record_accelerator(tests: List[AcceleratorTest], recorder: Recorder) -> None:
    for test in tests:
        try:
            value = gdb.parse_and_eval(test.expression)
            running = bool(int(value))
        except (gdb.error, ValueError):
            continue
        if running:
            evidence = "%s is %s" % (test.expression, value.format_string())
            recorder.write(AcceleratorRecord(test.name, evidence))
            return
    recorder.write(AcceleratorRecord("unknown", "no accelerator expression of the scenario can be evaluated"))
