"""Which threads the stacks are of, and their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.imports.stacks import Stack, ThreadLabel
from analyzer.model import PLUMBING
from gdbscripts import wire

MAIN = 1  # a recording's number for the main thread
NOT_NAMED = "unknown thread"
_Key = tuple[int, int, str, bool]


class Threads:
    """Numbers the threads: 1 for the main one, those of gdb where it has given any, then the next free ones."""

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._numbers: dict[_Key, int] = {}
        self.records: dict[int, wire.Thread] = {}
        labels = [(label, main) for stack in stacks for label, main in [(stack.thread, is_main(stack))]]
        for label, main in sorted(labels, key=lambda one: not (one[1] or (one[0] or ThreadLabel()).number)):
            self._take(label, main)

    def number_of(self, stack: Stack) -> int:
        """The number of the stack's thread."""
        return self._numbers[_key(stack.thread, is_main(stack))]

    def set_handle(self, number: int, handle: str) -> None:
        """The thread's pthread_t, by which the stop that created it is found."""
        record = self.records[number]
        self.records[number] = wire.Thread(number, record.tid, record.name, handle)

    def _take(self, label: ThreadLabel | None, main: bool) -> None:
        key = _key(label, main)
        label = label or ThreadLabel()
        if key not in self._numbers:
            wished = MAIN if main else label.number
            free = wished if wished > MAIN and wished not in self.records else max(self.records, default=MAIN) + 1
            self._numbers[key] = MAIN if main and MAIN not in self.records else free
        number = self._numbers[key]
        before = self.records.get(number)
        nameless = number != MAIN and not label.number
        name = label.name or (before.name if before else NOT_NAMED if nameless else "")
        self.records[number] = wire.Thread(number, label.tid or (before.tid if before else 0), name)


def is_main(stack: Stack) -> bool:
    """Whether it is a stack of the main thread: the text says so, or it begins with `main`."""
    if stack.thread is not None and stack.thread.main is not None:
        return stack.thread.main
    for frame in reversed(stack.frames):
        name = frame.name.partition("@")[0]
        if not (frame.is_hole or frame.library or name in PLUMBING):
            return name == "main"
    return False


def _key(label: ThreadLabel | None, main: bool) -> _Key:
    if label is None:
        return 0, 0, "", main
    return (label.number, 0, "", main) if label.number else (0, label.tid, label.name, main)
