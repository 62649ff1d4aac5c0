"""Reads the stops of a recording file one by one, for an output that begins while the file is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import cast

from analyzer.model.frames import DefinedFunction, Stop, Thread
from analyzer.recording.builder import RecordingBuilder
from analyzer.recording.reader import builder_of, damage_named, opened, roots_of, threads_of
from analyzer.recording.record_lines import read_records, whole_lines
from analyzer.recording.stop_counts import count_stops, group_of
from analyzer.recording.stops import Stacks, StopMaker, defined
from gdbscripts.records import EndRecord, FrameRecord, StackRecord, StopRecord

_READ_AGAIN = (FrameRecord.TAG, StackRecord.TAG)


class StreamedRecording:
    """A recording file that is read twice: its stops are counted, then made one by one.

    `name` is for messages; `report` is called with the number of bytes counted so far. Raises AnalyzerError as
    `read_recording` does, for damage of stops, frames and stacks only while the stops are made.
    """

    def __init__(self, file: Path, name: str, report: Callable[[int], None] | None = None) -> None:
        self._file, self._name = file, name
        with opened(file) as stream:
            next(read_records(stream, name), None)  # refuses what is no recording, or of a newer schema
        with opened(file) as stream, opened(file) as again:
            self._counts = count_stops(whole_lines(stream, name, report), whole_lines(again, name))
        self._builder, self.header = builder_of(self._counts.records, name)
        self._roots = roots_of(self._builder, self.header)
        threads = threads_of(self._builder, self._counts.first_stops, self._start)
        self._threads = {thread.number: thread for thread in threads}
        self._creators = {thread.created_by for thread in self._threads.values()}
        self._creations: dict[int, Stop] = {}

    def _start(self, number: int) -> DefinedFunction | None:
        stop = self._rare_stops.get(number)
        if stop is None or not stop.starts:
            return None
        return defined(stop.starts, stop.starts_file, stop.starts_library, self._roots)

    @cached_property
    def _rare_stops(self) -> dict[int, StopRecord]:
        return {stop.number: stop for stop in self._counts.rare_stops}

    @property
    def end(self) -> EndRecord | None:
        """The footer; None when the file is cut short."""
        return self._builder.end

    @cached_property
    def titles(self) -> dict[str, str]:
        """Milestone -> its title."""
        return {milestone.name: milestone.title for milestone in self._builder.milestones}

    def thread(self, number: int) -> Thread:
        """The thread with this number; KeyError when the recording has none."""
        return self._threads[number]

    def creation(self, thread: Thread) -> Stop | None:
        """The stop in which another thread created `thread`; None when there was none among the stops so far."""
        return None if thread.created_by is None else self._creations.get(thread.created_by)

    def stops(self, each: bool) -> Iterator[Stop]:
        """The stops in the order recorded, each once it is read: all when `each`, else as `distinct_stops` with
        `merge_ioctls`, with the hits of all equal ones."""
        builder = RecordingBuilder()
        builder.threads, builder.milestones = self._builder.threads, self._builder.milestones
        builder.returns = self._builder.returns
        maker = StopMaker(builder, self._roots, Stacks(builder, self._roots))
        hits, repeated = self._counts.hits.copy(), self._counts.repeated
        with opened(self._file) as stream, damage_named(self._name):
            for record in read_records(stream, self._name):
                if record.TAG in _READ_AGAIN:
                    builder.add(record)
                if record.TAG != StopRecord.TAG:
                    continue
                builder.add(record)
                position, number = len(builder.stops) - 1, builder.stops.numbers[-1]
                stack = maker.stack(position)
                if number in self._creators:
                    self._creations[number] = maker.stop(position, stack, 0)
                if each:
                    yield maker.stop(position, stack, repeated.get(number, 0))
                elif count := hits.pop(group_of(cast(StopRecord, record)), 0):
                    yield replace(maker.stop(position, stack, 0), count=count)
