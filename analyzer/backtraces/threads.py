"""Assigns the stacks of an import to threads, and numbers the threads."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.backtraces.stacks import ImportedStack, ThreadLabel
from analyzer.model.frames import CALLERS_OF_MAIN, LIBC_START_FRAMES
from analyzer.model.headings import UNKNOWN_THREAD
from gdbscripts.records import ThreadRecord

MAIN = 1  # a recording's number for the main thread
_Key = tuple[int, int, str, bool]


class Threads:
    """The threads of `stacks`: number 1 is the main thread, others keep gdb's number or get the next free one.

    `records` has a ThreadRecord for each number.
    """

    def __init__(self, stacks: Sequence[ImportedStack]) -> None:
        self._numbers: dict[_Key, int] = {}
        self.records: dict[int, ThreadRecord] = {}
        # A stack of the main thread may end before `main`, or in the kernel; its other stacks show the thread.
        mains = [stack.thread for stack in stacks if stack.thread and is_main(stack)]
        self._main_tids = {label.tid for label in mains} - {0}
        self._main_numbers = {label.number for label in mains} - {0}
        labels = dict.fromkeys((stack.thread or ThreadLabel(), self._is_main(stack)) for stack in stacks)
        self._next_free = max([MAIN, *(label.number for label, _ in labels)]) + 1  # gdb's numbers stay reserved
        for label, main in sorted(labels, key=lambda item: not (item[1] or item[0].number)):
            self._add(label, main)

    def number_of(self, stack: ImportedStack) -> int:
        """The number of the thread that `stack` belongs to."""
        return self._numbers[_key(stack.thread or ThreadLabel(), self._is_main(stack))]

    def set_handle(self, number: int, handle: str) -> None:
        """Set a thread's pthread_t, which links it to the stop that created it."""
        record = self.records[number]
        self.records[number] = ThreadRecord(number, record.tid, record.name, handle)

    def _is_main(self, stack: ImportedStack) -> bool:
        label = stack.thread
        if label is None or label.main is not None:
            return is_main(stack)
        by_tid = label.tid and self._main_tids
        same = label.tid in self._main_tids if by_tid else label.number in self._main_numbers
        return same or is_main(stack)

    def _add(self, label: ThreadLabel, main: bool) -> None:
        key = _key(label, main)
        if key not in self._numbers:
            self._numbers[key] = self._choose(label.number, main)
        number = self._numbers[key]
        known = self.records.get(number, ThreadRecord(number, 0, ""))
        unidentified = number != MAIN and not label.number
        by_tid = f"thread {label.tid}" if label.tid else UNKNOWN_THREAD  # as `Stack trace of thread 71:` names it
        name = label.name or known.name or (by_tid if unidentified else "")
        self.records[number] = ThreadRecord(number, label.tid or known.tid, name)

    def _choose(self, gdb_number: int, main: bool) -> int:
        if main and MAIN not in self.records:
            return MAIN
        if not main and gdb_number > MAIN:
            return gdb_number
        self._next_free += 1
        return self._next_free - 1


def is_main(stack: ImportedStack) -> bool:
    """Whether `stack` is of the main thread: the text says so, or its outermost frame is `main` or calls `main`.

    `main` itself has no frame after a tail call.
    """
    if stack.thread is not None and stack.thread.main is not None:
        return stack.thread.main
    for frame in reversed(stack.frames):
        name = frame.name.partition("@")[0]
        if name in CALLERS_OF_MAIN:
            return True
        if not (frame.is_unknown or frame.library or name in LIBC_START_FRAMES):
            return name == "main"
    return False


def _key(label: ThreadLabel, main: bool) -> _Key:
    if label.number:  # a process has one main thread, whatever number gdb gives it
        return (0, 0, "", True) if main else (label.number, 0, "", False)
    return 0, label.tid, "" if main and label.tid else label.name, main
