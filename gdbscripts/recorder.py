"""Appends records to the recording, one per line, and flushes each, so that a killed run leaves a readable
file."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import gdb

from gdbscripts.enums import RecordingOutcome, StopReason
from gdbscripts.fatal_signals import FatalSignals
from gdbscripts.json_lines import to_line
from gdbscripts.records import EndRecord, NoteRecord, Record, RepeatRecord, StackRecord, StopRecord, ThreadRecord
from gdbscripts.run_times import RunTimes
from gdbscripts.safe_files import append
from gdbscripts.stack import MAX_STACKS, ReadStack, StackWalker, StoppedIn, WalkedStack

_REPEAT_INTERVAL = 0.2  # seconds; a killed run loses the repeated hits of that time at most
_FULL = (
    "--break: %d different stacks are kept in memory; further hits with other stacks are recorded one by one, and "
    "not counted together" % MAX_STACKS
)


class Recorder:
    """Appends the records of one run to a recording file.

    `path` is the recording, which already has its header. Raises OSError when the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._file = append(path)  # stays open for the whole session
        self._walker = StackWalker()
        self._threads: Dict[int, ThreadRecord] = {}
        self._stacks: Dict[Tuple[int, ...], int] = {}
        self._stacks_read: Dict[Tuple[StoppedIn, Optional[Tuple[int, ...]]], int] = {}
        self._started = time.monotonic()
        self._times = RunTimes()
        self.stops = 0
        self._stop_requested = False
        self._before_footer: List[Callable[[], None]] = []
        self._at_stop: Optional[Callable[[], None]] = None
        self._first_stops: Dict[Tuple[int, str, Tuple[int, ...]], int] = {}
        self._repeats: Dict[int, int] = {}  # stop -> hits that are not recorded yet
        self._repeats_due = 0.0
        self._full = False  # whether there were more different stacks than are told apart
        self._fatal_signals = FatalSignals()

    @property
    def started(self) -> float:
        """The time at which the program was started, in seconds of CLOCK_MONOTONIC."""
        return self._started

    @property
    def stop_requested(self) -> bool:
        """Whether the next breakpoint hit stops the program instead of letting it continue."""
        return self._stop_requested

    def request_stop(self, requested: bool) -> None:
        """Make the next breakpoint hit stop the program, or let the program continue at each hit."""
        self._stop_requested = requested

    def close_times(self) -> None:
        """End the recorded run: later runs of the program are not part of its times."""
        self._times.close()

    def restart_clock(self) -> None:
        """Set the start time to now, because the program is started again."""
        self._started = time.monotonic()

    def now(self) -> float:
        """Return the time since the program was started, in seconds, rounded to microseconds."""
        return round(time.monotonic() - self._started, 6)

    def write(self, record: Record) -> None:
        """Append `record` as one line, at once. Raises OSError when the disk is full, ValueError after `end`."""
        self._file.write(to_line(record))
        self._file.flush()

    def forget_breakpoints(self) -> None:
        """Ask gdb again in which functions it stops: a breakpoint is disabled, which changes what it shows."""
        self._walker.forget_breakpoints()

    def write_if_open(self, record: Record) -> None:
        """Append `record` unless the footer is already written: later events come from the shutdown of gdb
        itself."""
        if not self._file.closed:
            self.write(record)

    def note_failure(self, error: Exception) -> bool:
        """Append a note that a stop was not recorded because of `error`; returns False when the note cannot be
        written either."""
        try:
            self.write(NoteRecord("a stop could not be recorded: %s: %s" % (type(error).__name__, error)))
        except (OSError, ValueError):  # the disk is full, or the file is closed
            return False
        return True

    def record_stop(self, reason: StopReason, milestones: List[str], function: str, **details: Any) -> int:
        """Record the stack of the selected thread with its arguments.

        `reason` and `milestones` are the fields of `StopRecord`; `function` is the name of the function that has
        the breakpoint; `details` are further fields of `StopRecord`. Returns the number of the stop, from 0.
        """
        moment = self.now()
        thread = self.note_thread()
        return self.write_stop(self.walk(), moment, thread, reason, milestones, function, **details)

    def record_or_count(self, reason: StopReason, milestones: List[str], function: str) -> None:
        """Record a stop as `record_stop` does, or count it when this thread had it before with the same stack.

        Counts are recorded now and then, and at the end. Arguments are those of the first stop.
        """
        thread, read = gdb.selected_thread().num, self._walker.read(at_breakpoint=True)
        frames = self._walker.known_stack(read)
        first = self._first_stops.get((thread, function, frames)) if frames is not None else None
        if first is None:
            self._record_first(reason, milestones, function, read)
            return
        self.count_repeat(first)

    def count_repeat(self, stop: int) -> None:
        """Count one more hit with the thread and the stack of the stop of that number."""
        self._count(stop)
        if time.monotonic() > self._repeats_due:
            self.write_repeats()

    def _count(self, stop: int) -> None:
        self._repeats[stop] = self._repeats.get(stop, 0) + 1

    def _record_first(self, reason: StopReason, milestones: List[str], function: str, read: ReadStack) -> None:
        moment, thread, stack = self.now(), self.note_thread(), self.walk(read=read)
        key = (thread, function, tuple(stack.frames))
        if key in self._first_stops:  # gdb found the stack, the rules did not
            self._count(self._first_stops[key])
            return
        number = self.write_stop(stack, moment, thread, reason, milestones, function)
        if len(self._first_stops) < MAX_STACKS:
            self._first_stops[key] = number
        elif not self._full:
            self._full = True
            self.write(NoteRecord(_FULL))

    def write_repeats(self) -> None:
        """Record the counts of the stops that were repeated since the last call."""
        for stop, count in self._repeats.items():
            self.write(RepeatRecord(stop, count))
        self._repeats.clear()
        self._repeats_due = time.monotonic() + _REPEAT_INTERVAL

    def walk(self, arguments: bool = True, read: Optional[ReadStack] = None) -> WalkedStack:
        """Return the stack of the selected thread, and record those of its frames that were not recorded
        before. Arguments are those of `StackWalker.walk`."""
        stack = self._walker.walk(arguments, read)
        for frame in stack.new:
            self.write(frame)
        return stack

    def write_stop(
        self, stack: WalkedStack, moment: float, thread: int, reason: StopReason, milestones: List[str],
        function: str, **details: Any,
    ) -> int:  # fmt: skip
        """Record a stack that `walk` returned.

        `moment` is in seconds since the program was started, `thread` is gdb's thread number; the other parameters
        are those of `record_stop`. Returns the number of the stop, from 0.
        """
        number = self.stops
        self.stops += 1
        self.write(
            StopRecord(
                number=number,
                time=moment,
                thread=thread,
                reason=reason,
                milestones=milestones,
                function=function,
                stack=self._stack_number(stack.frames),
                arguments=stack.arguments,
                **details,
            )
        )
        if self._at_stop is not None and reason is not StopReason.STORE:  # a store is not in this run
            self._at_stop()
        return number

    def record_all_threads(self, reason: StopReason) -> int:
        """Record the stack of every thread as a stop of this reason; returns the number of threads.

        That of a thread with a fatal signal is a stop of reason `signal`, and the last one.
        """
        threads = self._fatal_signals.in_order(list(gdb.selected_inferior().threads()))
        selected = gdb.selected_thread()
        for thread in threads:
            thread.switch()
            signal = self._fatal_signals.of_thread(thread.num)
            self.record_stop(StopReason.SIGNAL if signal else reason, [], "", signal=signal)
        if selected is not None and selected.is_valid():
            selected.switch()
        return len(threads)

    def before_footer(self, write: Callable[[], None]) -> None:
        """Let `end` call `write` before it writes the footer."""
        self._before_footer.append(write)

    def at_stop(self, compare: Callable[[], None]) -> None:
        """Set a function that is called at each recorded stop of the program."""
        self._at_stop = compare

    def end(self, outcome: RecordingOutcome, reason: str, frames: int = 0, stops: int = 0) -> None:
        """Write the footer with `outcome` and `reason`, and close the file.

        `frames` and `stops` are the numbers of those that the host has added.
        """
        self.write_repeats()
        for write in self._before_footer:
            write()
        times = self._times.close()
        self.write(
            EndRecord(
                outcome,
                reason,
                frames=len(self._walker) + frames,
                stops=self.stops + stops,
                seconds=times.total,
                program_seconds=times.program,
                recorder_seconds=times.recorder,
                left_to_gdb=self._walker.left_to_gdb,
                memory_reads=self._walker.memory_reads,
                addresses_resolved=self._walker.addresses_resolved,
                gdb_frames=self._walker.counts.gdb_frames,
            )
        )
        self._file.close()

    def stack_number(self) -> int:
        """Return the number of the selected thread's stack, which is recorded when it is new.

        The thread stops at a breakpoint. gdb's frames are read for new stacks only.
        """
        read = self._walker.read(at_breakpoint=True)
        key = (read.stopped_in, read.addresses)
        number = self._stacks_read.get(key)
        if number is None:
            number = self._stack_number(self.walk(arguments=False, read=read).frames)
            # gdb's frames may refute the addresses that the rules gave: then they are not read again.
            if read.addresses is not None and self._walker.read(at_breakpoint=True).addresses == read.addresses:
                self._stacks_read[key] = number
        return number

    def _stack_number(self, frames: List[int]) -> int:
        key = tuple(frames)
        number = self._stacks.get(key)
        if number is None:
            number = self._stacks[key] = len(self._stacks)
            self.write(StackRecord(number, frames))
        return number

    def note_thread(self) -> int:
        """Return gdb's number of the selected thread; record the thread when it is new or its name has changed."""
        return self._note_thread(gdb.selected_thread())

    def note_thread_of_rerun(self) -> int:
        """Return gdb's number of the selected thread, in a run after the recorded one.

        Records the thread only when the recorded run had no thread of that number.
        """
        thread = gdb.selected_thread()
        return thread.num if thread.num in self._threads else self._note_thread(thread)

    def _note_thread(self, thread: gdb.InferiorThread) -> int:
        previous = self._threads.get(thread.num)
        name = thread.name or ""
        if previous is None or previous.name != name:
            handle = previous.handle if previous else handle_of(thread)
            now = ThreadRecord(thread.num, thread.ptid[1], name, handle)
            self._threads[thread.num] = now
            self.write(now)
        return thread.num


def handle_of(thread: gdb.InferiorThread) -> str:
    """Return the thread's pthread_t in hexadecimal; "" when gdb has no libthread_db for the program."""
    try:
        return hex(int.from_bytes(thread.handle(), "little"))
    except (gdb.error, RuntimeError):
        return ""
