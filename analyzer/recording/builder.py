"""Collects the records of a recording by kind, the first step of reading it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.recording.stop_columns import Numbers, StopColumns
from gdbscripts.kvm_records import ExitCountRecord, ExitResultRecord, IoctlRecord, IoctlReturnRecord, KvmExitRecord
from gdbscripts.records import (
    AcceleratorRecord,
    EndRecord,
    FrameRecord,
    HeaderRecord,
    KernelEventRecord,
    KernelStackRecord,
    KernelTraceRecord,
    MilestoneRecord,
    NoteRecord,
    OutputRecord,
    PointerOriginRecord,
    PointerRecord,
    ProgramExitRecord,
    Record,
    RepeatRecord,
    ReturnRecord,
    SourceRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)

_COUNTS = {
    ExitCountRecord.TAG: ("count",),
    KernelEventRecord.TAG: ("count",),
    KernelTraceRecord.TAG: ("lost", "unclaimed"),
    EndRecord.TAG: ("frames", "stops"),
    RepeatRecord.TAG: ("count",),
}
"""The fields of records that count something, by the record's tag."""
_TWO_RUNS = "two runs wrote into it"


@dataclass
class RecordingBuilder:
    """The records read so far, by kind; `analyzer.recording.reader.assemble` makes a Recording of them.

    Dictionaries have the record's number as key, `exit_counts` the exit reason, `kernel_events` the ioctl. What a
    recording has a million of is kept in columns, not as records: stops, stacks (arrays of the numbers of frames)
    and repeats (number of a stop and further hits, in turn).
    """

    header: HeaderRecord | None = None
    milestones: list[MilestoneRecord] = field(default_factory=list)
    threads: dict[int, ThreadRecord] = field(default_factory=dict)
    frames: dict[int, FrameRecord] = field(default_factory=dict)
    stacks: dict[int, array[int]] = field(default_factory=dict)
    stops: StopColumns = field(default_factory=StopColumns)
    repeats: array[int] = field(default_factory=lambda: array("q"))
    returns: dict[int, ReturnRecord] = field(default_factory=dict)
    ioctls: list[tuple[IoctlRecord, int]] = field(default_factory=list)  # with the number of its stack
    ioctl_returns: dict[int, IoctlReturnRecord] = field(default_factory=dict)
    exits: list[KvmExitRecord] = field(default_factory=list)
    exit_answers: dict[int, str] = field(default_factory=dict)
    exit_counts: dict[int, int] = field(default_factory=dict)
    kernel: KernelTraceRecord | None = None
    kernel_stacks: dict[int, tuple[str, ...]] = field(default_factory=dict)
    kernel_events: dict[int, list[KernelEventRecord]] = field(default_factory=dict)
    pointers: list[PointerRecord] = field(default_factory=list)
    pointer_steps: list[PointerOriginRecord] = field(default_factory=list)
    accelerator: AcceleratorRecord | None = None
    sources: list[SourceRecord] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    exit: ProgramExitRecord | None = None
    notes: list[str] = field(default_factory=list)
    end: EndRecord | None = None
    _numbers: dict[str, Numbers] = field(default_factory=dict)  # of stacks, ioctls, exits and pointers
    _old_stacks: dict[tuple[int, ...], int] = field(default_factory=dict)  # before schema 5: frames -> number

    def add(self, record: Record) -> None:
        """Add one record, or an object of the decoder that stands for one, to the records of its kind.

        ValueError for a second header or footer, a second stop or ioctl of one number, and a negative count: two
        runs wrote into one file; and for a number beyond 64 bits.
        """
        try:
            _ADD[record.TAG](self, record)
        except OverflowError:
            raise ValueError(f"a record of type {record.TAG} has a number beyond 64 bits") from None

    def _check(self, record: Record) -> None:
        for name in _COUNTS.get(record.TAG, ()):
            if getattr(record, name) < 0:
                raise ValueError(f"a record of type {record.TAG} has the negative count {getattr(record, name)}")

    def _check_number(self, tag: str, number: int) -> None:
        if not self._numbers.setdefault(tag, Numbers()).add(number):
            raise _there_twice(tag, number)

    def _stack_number(self, number: int, frames: Sequence[int]) -> int:
        """The number of a stack that a record names; before schema 5 it has the frames themselves."""
        if not frames:
            return number
        key = tuple(frames)
        known = self._old_stacks.setdefault(key, len(self._old_stacks))
        if known not in self.stacks:
            self.stacks[known] = array("q", key)
        return known

    def _add_header(self, record: HeaderRecord) -> None:
        if self.header is not None:
            raise ValueError(f"it has two headers; {_TWO_RUNS}")
        self.header = record

    def _add_thread(self, record: ThreadRecord) -> None:
        self.threads[record.number] = record

    def _add_frame(self, record: FrameRecord) -> None:
        self.frames[record.number] = record

    def _add_stack(self, record: StackRecord) -> None:
        self._check_number(record.TAG, record.number)
        self.stacks[record.number] = array("q", record.frames)

    def _add_stop(self, record: StopRecord) -> None:
        if not self.stops.add(record, self._stack_number(record.stack, record.frames)):
            raise _there_twice(record.TAG, record.number)

    def _add_repeat(self, record: RepeatRecord) -> None:
        self._check(record)
        self.repeats.extend((record.stop, record.count))

    def _add_return(self, record: ReturnRecord) -> None:
        self.returns[record.stop] = record

    def _add_ioctl(self, record: IoctlRecord) -> None:
        self._check_number(record.TAG, record.number)
        self.ioctls.append((record, self._stack_number(record.stack, record.frames)))

    def _add_ioctl_return(self, record: IoctlReturnRecord) -> None:
        self.ioctl_returns[record.number] = record

    def _add_exit(self, record: KvmExitRecord) -> None:
        self._check_number(record.TAG, record.number)
        self.exits.append(record)

    def _add_exit_result(self, record: ExitResultRecord) -> None:
        self.exit_answers[record.number] = record.data

    def _add_exit_count(self, record: ExitCountRecord) -> None:
        self._check(record)
        self.exit_counts[record.reason] = record.count

    def _add_kernel_trace(self, record: KernelTraceRecord) -> None:
        self._check(record)
        self.kernel = record

    def _add_kernel_stack(self, record: KernelStackRecord) -> None:
        self.kernel_stacks[record.number] = tuple(record.functions)

    def _add_kernel_event(self, record: KernelEventRecord) -> None:
        self._check(record)
        self.kernel_events.setdefault(record.ioctl, []).append(record)

    def _add_pointer(self, record: PointerRecord) -> None:
        self._check_number(record.TAG, record.number)
        self.pointers.append(record)

    def _add_accelerator(self, record: AcceleratorRecord) -> None:
        self.accelerator = record

    def _add_output(self, record: OutputRecord) -> None:
        self.outputs[record.stream] = self.outputs.get(record.stream, "") + record.text

    def _add_program_exit(self, record: ProgramExitRecord) -> None:
        self.exit = record

    def _add_note(self, record: NoteRecord) -> None:
        self.notes.append(record.text)

    def _add_end(self, record: EndRecord) -> None:
        if self.end is not None:
            raise ValueError(f"it has two ends; {_TWO_RUNS}")
        self._check(record)
        self.end = record


def _there_twice(tag: str, number: int) -> ValueError:
    return ValueError(f"{tag} {number} is there twice; {_TWO_RUNS}")


_Add = Callable[[RecordingBuilder, Any], None]
_ADD: dict[str, _Add] = {
    HeaderRecord.TAG: RecordingBuilder._add_header,
    MilestoneRecord.TAG: lambda builder, record: builder.milestones.append(record),
    ThreadRecord.TAG: RecordingBuilder._add_thread,
    FrameRecord.TAG: RecordingBuilder._add_frame,
    StackRecord.TAG: RecordingBuilder._add_stack,
    StopRecord.TAG: RecordingBuilder._add_stop,
    RepeatRecord.TAG: RecordingBuilder._add_repeat,
    ReturnRecord.TAG: RecordingBuilder._add_return,
    IoctlRecord.TAG: RecordingBuilder._add_ioctl,
    IoctlReturnRecord.TAG: RecordingBuilder._add_ioctl_return,
    KvmExitRecord.TAG: RecordingBuilder._add_exit,
    ExitResultRecord.TAG: RecordingBuilder._add_exit_result,
    ExitCountRecord.TAG: RecordingBuilder._add_exit_count,
    KernelTraceRecord.TAG: RecordingBuilder._add_kernel_trace,
    KernelStackRecord.TAG: RecordingBuilder._add_kernel_stack,
    KernelEventRecord.TAG: RecordingBuilder._add_kernel_event,
    PointerRecord.TAG: RecordingBuilder._add_pointer,
    PointerOriginRecord.TAG: lambda builder, record: builder.pointer_steps.append(record),
    AcceleratorRecord.TAG: RecordingBuilder._add_accelerator,
    SourceRecord.TAG: lambda builder, record: builder.sources.append(record),
    OutputRecord.TAG: RecordingBuilder._add_output,
    ProgramExitRecord.TAG: RecordingBuilder._add_program_exit,
    NoteRecord.TAG: RecordingBuilder._add_note,
    EndRecord.TAG: RecordingBuilder._add_end,
}
