"""Writes a recording as a Mermaid sequence diagram: threads and KVM as lifelines, ioctls and exits as messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analyzer.kvm.exits import decode_exit
from analyzer.kvm.ioctl_log import IoctlLogLine, ioctl_log
from analyzer.model.frames import Stop
from analyzer.model.recording import Recording
from gdbscripts.enums import StopReason
from reports.export.mermaid import MOST_CHARACTERS, label
from reports.export.samples import shown
from reports.text.backtraces import heading_sentence

_KVM = "kvm"
_LONGEST_NOTE = 120  # characters
_NOTED = (StopReason.MILESTONE, StopReason.BREAK, StopReason.ATTACH, StopReason.WHERE, StopReason.SAMPLE)


@dataclass(frozen=True)
class _Happening:
    """One event: its time in seconds, its text, and whether it separates groups of messages."""

    time: float
    text: str
    separates: bool
    count: int = 1


def to_sequence(recording: Recording) -> Iterator[str]:
    """Yield the lines of the diagram, in the order of time.

    Between two notes (milestones, thread starts) equal messages are one, with the number of times. Mermaid draws
    at most 50,000 characters: a note at the end says how many events are left out.
    """
    head = "sequenceDiagram\n" + "".join(_participants(recording))
    room = MOST_CHARACTERS - len(head) - 200
    yield head
    lines = list(_folded(sorted(_happenings(recording), key=lambda event: event.time)))
    for number, (line, _) in enumerate(lines):
        room -= len(line)
        if room < 0:
            left_out = sum(count for _, count in lines[number:])
            yield f"  Note over t{recording.threads[0].number}: {left_out} further events are left out\n"
            return
        yield line


def _participants(recording: Recording) -> Iterator[str]:
    for thread in recording.threads:
        yield f"  participant t{thread.number} as {label(thread.label)}\n"
    if recording.ioctl_log:
        yield f"  participant {_KVM} as KVM\n"


def _happenings(recording: Recording) -> Iterator[_Happening]:
    starts = {thread.created_by: thread for thread in recording.threads if thread.created_by is not None}
    for stop in recording.stops:
        created = starts.get(stop.number)
        if created is not None:
            function = label(stop.starts.function.name) if stop.starts else label("")
            text = f"  t{stop.thread}-)t{created.number}: starts a thread in {function}\n"
            yield _Happening(stop.time, text, True)
        elif stop.reason in _NOTED or stop.milestones:
            yield _Happening(
                stop.time, f"  Note over t{stop.thread}: {_note(stop, recording)}{{times}}\n", True, stop.count
            )
    exits = {exit_.ioctl: exit_ for exit_ in recording.exits}
    for entry, line in zip(recording.ioctl_log, ioctl_log(recording), strict=True):
        yield _Happening(
            entry.time,
            f"  t{entry.thread}->>{_KVM}: {label(line.request)} on {label(entry.file)}{{times}}\n",
            False,
        )
        exit_ = exits.get(entry.number)
        if exit_ is not None:
            reason = label(decode_exit(exit_.run, exit_.data).reason)
            yield _Happening(exit_.time, f"  {_KVM}-->>t{entry.thread}: {reason}{{times}}\n", False)
        elif answer := _answer(line):
            yield _Happening(entry.time, f"  {_KVM}-->>t{entry.thread}: {answer}{{times}}\n", False)


def _note(stop: Stop, recording: Recording) -> str:
    return label(heading_sentence(stop, recording) or shown(stop.function), _LONGEST_NOTE)


def _answer(line: IoctlLogLine) -> str:
    """Return the result of an ioctl that returns a descriptor or fails; "" for others, which have no message."""
    if line.request.startswith("KVM_CREATE_") or line.result.startswith("-"):
        return f"{label(line.request)} returns {label(line.result)}"
    return ""


def _folded(events: Iterable[_Happening]) -> Iterator[tuple[str, int]]:
    """Yield (line, number of events) with the equal messages between two separators as one."""
    counts: Counter[str] = Counter()
    for event in events:
        if event.separates:
            yield from _counted(counts)
            counts = Counter()
            yield _with_times(event.text, event.count), event.count
        else:
            counts[event.text] += event.count
    yield from _counted(counts)


def _counted(counts: Counter[str]) -> Iterator[tuple[str, int]]:
    for text, count in counts.items():
        yield _with_times(text, count), count


def _with_times(text: str, count: int) -> str:
    return text.replace("{times}", f" ({count} times)" if count > 1 else "")
