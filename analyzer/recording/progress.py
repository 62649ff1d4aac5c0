"""Follows the progress of a recording: reads the file while gdb appends to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gdbscripts.json_lines import from_line
from gdbscripts.records import (
    FrameRecord,
    MilestoneRecord,
    PointerOriginRecord,
    ProgramExitRecord,
    Record,
    RepeatRecord,
    StackRecord,
    StopRecord,
)


@dataclass(frozen=True)
class MilestoneReached:
    """The first time that a milestone is reached: in `function`, `time` seconds after the program's start."""

    milestone: MilestoneRecord
    function: str
    time: float
    depth: int  # frames of the stack


@dataclass(frozen=True)
class RecordingReporter:
    """The callbacks through which a caller follows the recording.

    `started`: QEMU runs. `reached`: a milestone is reached for the first time. `waiting`, periodically: titles of
    the awaited milestones, seconds passed. `explaining`: number of pointers explained so far, number of all.
    `released`: gdb has detached from a QEMU that ran before; a sentence about what that does now.
    """

    started: Callable[[], None]
    reached: Callable[[MilestoneReached], None]
    waiting: Callable[[Sequence[str], float], None]
    explaining: Callable[[int, int], None]
    released: Callable[[str], None] = lambda _: None


class RecordingFollower:
    """Reads the records that are appended to a file; an incomplete last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open(encoding="utf-8")
        self._rest = ""
        self._position = 0  # after the last complete line, in bytes: records are ASCII

    def new(self) -> Iterator[Record]:
        """The records appended since the last call; LineError for a damaged line."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        self._position += sum(len(line) + 1 for line in lines)
        yield from (from_line(line) for line in lines)

    def forget_incomplete_line(self) -> None:
        """Read on after the last complete line: what followed it was removed from the file."""
        self._file.seek(self._position)
        self._rest = ""

    def close(self) -> None:
        """Close the file that is followed."""
        self._file.close()


class MilestoneProgress:
    """The milestones reached and the required ones still awaited, learnt from the records.

    `report` is called for each milestone reached. `exit_status` is the program's, None until it exits.
    """

    def __init__(self, report: Callable[[MilestoneReached], None]) -> None:
        self._report = report
        self._milestones: dict[str, MilestoneRecord] = {}
        self._reached: set[str] = set()
        self._hits: Counter[str] = Counter()
        self._milestones_of: dict[int, list[str]] = {}  # stop -> its milestones
        self._depths: dict[int, int] = {}  # stack -> number of its frames
        self.exit_status: int | None = None
        self.files: dict[str, set[int]] = {}  # source file -> lines that frames point at

    def take(self, records: Iterator[Record]) -> None:
        """Update from new records, and report each milestone that is reached for the first time."""
        for record in records:
            match record:
                case MilestoneRecord():
                    self._milestones[record.name] = record
                case FrameRecord() if record.file and not record.library:
                    self.files.setdefault(record.file, set()).add(record.line)
                case PointerOriginRecord() if record.file and not record.library:
                    self.files.setdefault(record.file, set()).add(record.line)
                case StackRecord():
                    self._depths[record.number] = len(record.frames)
                case StopRecord():
                    self._take_stop(record)
                case RepeatRecord():
                    for name in self._milestones_of[record.stop]:
                        self._hits[name] += record.count
                case ProgramExitRecord():
                    self.exit_status = record.status

    @property
    def awaited(self) -> list[MilestoneRecord]:
        """The required milestones that are not reached yet, in the order of the plan."""
        return [m for m in self._milestones.values() if m.required and m.name not in self._reached]

    def has_hits(self, name: str, count: int) -> bool:
        """Whether the milestone `name` was reached at least `count` times."""
        return self._hits[name] >= count

    def is_reached(self, name: str) -> bool:
        """Whether the milestone `name` was reached."""
        return name in self._reached

    @property
    def reached_beyond_main(self) -> bool:
        """Whether any milestone other than `main` was reached."""
        return bool(self._reached - {"main"})

    def _take_stop(self, stop: StopRecord) -> None:
        self._hits.update(stop.milestones)
        self._milestones_of[stop.number] = stop.milestones
        for name in stop.milestones:
            if name not in self._reached:
                self._reached.add(name)
                milestone = self._milestones[name]
                self._report(MilestoneReached(milestone, stop.function, stop.time, self._depths[stop.stack]))
