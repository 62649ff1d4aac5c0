"""Which threads the stacks are of, and their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.backtraces.stacks import ImportedStack, ThreadLabel
from analyzer.model.frames import CALL_MAIN, LIBC_START_FRAMES
from analyzer.model.headings import UNKNOWN_THREAD
from gdbscripts.records import ThreadRecord

MAIN = 1  # a recording's number for the main thread
_Key = tuple[int, int, str, bool]


class Threads:
    """Numbers the threads: 1 for the main one, those of gdb where it has given any, then the next free ones."""

    def __init__(self, stacks: Sequence[ImportedStack]) -> None:
        self._numbers: dict[_Key, int] = {}
        self.records: dict[int, ThreadRecord] = {}
        # A stack of the main thread may end before `main`, or in the kernel: another one of the thread tells.
        mains = [stack.thread for stack in stacks if stack.thread and is_main(stack)]
        self._main_tids = {label.tid for label in mains} - {0}
        self._main_numbers = {label.number for label in mains} - {0}
        labels = dict.fromkeys((stack.thread or ThreadLabel(), self._is_main(stack)) for stack in stacks)
        self._free = max([MAIN, *(label.number for label, _ in labels)]) + 1  # no number of gdb's is given again
        for label, main in sorted(labels, key=lambda one: not (one[1] or one[0].number)):
            self._take(label, main)

    def number_of(self, stack: ImportedStack) -> int:
        """The number of the stack's thread."""
        return self._numbers[_key(stack.thread or ThreadLabel(), self._is_main(stack))]

    def set_handle(self, number: int, handle: str) -> None:
        """The thread's pthread_t, by which the stop that created it is found."""
        record = self.records[number]
        self.records[number] = ThreadRecord(number, record.tid, record.name, handle)

    def _is_main(self, stack: ImportedStack) -> bool:
        label = stack.thread
        if label is None or label.main is not None:
            return is_main(stack)
        by_tid = label.tid and self._main_tids
        same = label.tid in self._main_tids if by_tid else label.number in self._main_numbers
        return same or is_main(stack)

    def _take(self, label: ThreadLabel, main: bool) -> None:
        key = _key(label, main)
        if key not in self._numbers:
            self._numbers[key] = self._choose(label.number, main)
        number = self._numbers[key]
        before = self.records.get(number, ThreadRecord(number, 0, ""))
        nameless = number != MAIN and not label.number
        name = label.name or before.name or (UNKNOWN_THREAD if nameless else "")
        self.records[number] = ThreadRecord(number, label.tid or before.tid, name)

    def _choose(self, wished: int, main: bool) -> int:
        if main and MAIN not in self.records:
            return MAIN
        if not main and wished > MAIN:
            return wished
        self._free += 1
        return self._free - 1


def is_main(stack: ImportedStack) -> bool:
    """Whether it is a stack of the main thread: the text says so, or it begins with `main` or what calls that.

    `main` itself leaves no frame when the last it does is to jump on.
    """
    if stack.thread is not None and stack.thread.main is not None:
        return stack.thread.main
    for frame in reversed(stack.frames):
        name = frame.name.partition("@")[0]
        if name in CALL_MAIN:
            return True
        if not (frame.is_unknown or frame.library or name in LIBC_START_FRAMES):
            return name == "main"
    return False


def _key(label: ThreadLabel, main: bool) -> _Key:
    if label.number:  # gdb's; there is one main thread in a process, whatever its number
        return (0, 0, "", True) if main else (label.number, 0, "", False)
    return 0, label.tid, "" if main and label.tid else label.name, main
