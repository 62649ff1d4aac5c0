"""Appends what happens to the recording, one line a record, flushed at once: a killed run stays readable."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional

import gdb

from gdbscripts.lines import to_line
from gdbscripts.records import EndRecord, NoteRecord, Record, StopRecord, ThreadRecord
from gdbscripts.stack import StackWalker, WalkedStack


class Recorder:
    """One recording in the making."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", encoding="utf-8")  # lives as long as the session
        self._walker = StackWalker()
        self._threads: Dict[int, ThreadRecord] = {}
        self._started = time.monotonic()
        self.stops = 0
        self._stop_requested = False
        self._before_footer: Optional[Callable[[], None]] = None

    @property
    def started(self) -> float:
        """When the program was started, in seconds of CLOCK_MONOTONIC."""
        return self._started

    @property
    def stop_requested(self) -> bool:
        """Whether a breakpoint is to halt the program from now on."""
        return self._stop_requested

    def request_stop(self, requested: bool) -> None:
        """Halt at the next breakpoint, or do not."""
        self._stop_requested = requested

    def restart_clock(self) -> None:
        """The program is started again: its time begins anew."""
        self._started = time.monotonic()

    def now(self) -> float:
        """Seconds since the program was started."""
        return round(time.monotonic() - self._started, 6)

    def write(self, record: Record) -> None:
        """Append one record."""
        self._file.write(to_line(record))
        self._file.flush()

    def write_if_open(self, record: Record) -> None:
        """Append one record unless the footer is written: what happens afterwards is our own tidying up."""
        if not self._file.closed:
            self.write(record)

    def note_failure(self, error: Exception) -> bool:
        """Note that something could not be recorded; False when not even the note can be written."""
        try:
            self.write(NoteRecord("a stop could not be recorded: %s: %s" % (type(error).__name__, error)))
        except (OSError, ValueError):  # no space left, or closed
            return False
        return True

    def record_stop(self, reason: str, milestones: List[str], function: str, **details: Any) -> int:
        """Record the selected thread's stack; returns the number of the stop."""
        moment = self.now()
        thread = self.note_thread()
        return self.write_stop(self.walk(), moment, thread, reason, milestones, function, **details)

    def walk(self, arguments: bool = True) -> WalkedStack:
        """The selected thread's stack; frames that are new are recorded."""
        stack = self._walker.walk(arguments)
        for frame in stack.new:
            self.write(frame)
        return stack

    def write_stop(
        self, stack: WalkedStack, moment: float, thread: int, reason: str, milestones: List[str], function: str,
        **details: Any,
    ) -> int:  # fmt: skip
        """Record a stack that was walked before; returns the number of the stop."""
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
                frames=stack.frames,
                arguments=stack.arguments,
                **details,
            )
        )
        return number

    def record_all_threads(self) -> int:
        """Record where every thread stands, each as a stop of reason `where`; returns how many."""
        threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)
        selected = gdb.selected_thread()
        for thread in threads:
            thread.switch()
            self.record_stop("where", [], "")
        if selected is not None and selected.is_valid():
            selected.switch()
        return len(threads)

    def before_footer(self, write: Optional[Callable[[], None]]) -> None:
        """Call `write` before the footer."""
        self._before_footer = write

    def end(self, outcome: str, reason: str) -> None:
        """Write the footer and close the file."""
        if self._before_footer is not None:
            self._before_footer()
        self.write(EndRecord(outcome, reason, frames=len(self._walker), stops=self.stops))
        self._file.close()

    def stack_numbers(self) -> List[int]:
        """The selected thread's stack, without arguments, as the numbers of its frames."""
        return self.walk(arguments=False).frames

    def note_thread(self) -> int:
        """The selected thread's number; the thread is recorded when it is new or has another name."""
        return self._note_thread(gdb.selected_thread())

    def note_thread_of_rerun(self) -> int:
        """The selected thread's number; it is recorded only if the recorded run had none of that number."""
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
    """The thread's pthread_t in hexadecimal; "" when libthread_db does not help."""
    try:
        return hex(int.from_bytes(thread.handle(), "little"))
    except (gdb.error, RuntimeError):
        return ""
