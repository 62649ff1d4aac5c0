"""Collects the records of a recording by kind, the first step of reading it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from gdbscripts.records import (
    AcceleratorRecord,
    EndRecord,
    ExitCountRecord,
    ExitResultRecord,
    FrameRecord,
    HeaderRecord,
    IoctlRecord,
    IoctlReturnRecord,
    KernelEventRecord,
    KernelStackRecord,
    KernelTraceRecord,
    KvmExitRecord,
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

StopOrIoctl = TypeVar("StopOrIoctl", StopRecord, IoctlRecord)

_COUNTS = {
    ExitCountRecord.TAG: ("count",),
    KernelEventRecord.TAG: ("count",),
    KernelTraceRecord.TAG: ("lost", "unclaimed"),
    EndRecord.TAG: ("frames", "stops"),
    RepeatRecord.TAG: ("count",),
}
"""The fields of records that count something, by the record's tag."""


@dataclass
class RecordingBuilder:
    """The records read so far, by kind; `analyzer.recording.reader.assemble` makes a Recording of them.

    Dictionaries have the record's number as key, `exit_counts` the exit reason, `kernel_events` the ioctl.
    """

    header: HeaderRecord | None = None
    milestones: list[MilestoneRecord] = field(default_factory=list)
    threads: dict[int, ThreadRecord] = field(default_factory=dict)
    frames: dict[int, FrameRecord] = field(default_factory=dict)
    stacks: dict[int, tuple[int, ...]] = field(default_factory=dict)
    stops: list[StopRecord] = field(default_factory=list)
    repeats: list[RepeatRecord] = field(default_factory=list)
    returns: dict[int, ReturnRecord] = field(default_factory=dict)
    ioctls: list[IoctlRecord] = field(default_factory=list)
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
    _numbers: dict[str, set[int]] = field(default_factory=dict)  # of stacks, stops, ioctls, exits and pointers
    _old_stacks: dict[tuple[int, ...], int] = field(default_factory=dict)  # before schema 5: frames -> number

    def add(self, record: Record) -> None:
        """Add one record to the records of its kind.

        ValueError for a second header or footer, a second stop or ioctl of one number, and a negative count: two
        runs wrote into one file.
        """
        self._check(record)
        match record:
            case MilestoneRecord():
                self.milestones.append(record)
            case ThreadRecord():
                self.threads[record.number] = record
            case FrameRecord():
                self.frames[record.number] = record
            case StopRecord():
                self.stops.append(self._with_stack(record))
            case StackRecord():
                self.stacks[record.number] = tuple(record.frames)
            case RepeatRecord():
                self.repeats.append(record)
            case ReturnRecord():
                self.returns[record.stop] = record
            case PointerRecord():
                self.pointers.append(record)
            case PointerOriginRecord():
                self.pointer_steps.append(record)
            case _:
                self._add_about_ioctls(record)

    def _with_stack(self, record: StopOrIoctl) -> StopOrIoctl:
        """`record` with the number of its stack; before schema 5 it has the frames themselves."""
        if not record.frames:
            return record
        frames = tuple(record.frames)
        number = self._old_stacks.setdefault(frames, len(self._old_stacks))
        self.stacks[number] = frames
        return replace(record, stack=number, frames=[])

    def _check(self, record: Record) -> None:
        match record:
            case HeaderRecord() if self.header is not None:
                raise ValueError("it has two headers; two runs wrote into it")
            case EndRecord() if self.end is not None:
                raise ValueError("it has two ends; two runs wrote into it")
            case StackRecord() | StopRecord() | IoctlRecord() | KvmExitRecord() | PointerRecord():
                seen = self._numbers.setdefault(record.TAG, set())
                if record.number in seen:
                    raise ValueError(f"{record.TAG} {record.number} is there twice; two runs wrote into it")
                seen.add(record.number)
            case _:
                pass
        for name in _COUNTS.get(record.TAG, ()):
            if getattr(record, name) < 0:
                raise ValueError(f"a record of type {record.TAG} has the negative count {getattr(record, name)}")

    def _add_about_ioctls(self, record: Record) -> None:
        match record:
            case IoctlRecord():
                self.ioctls.append(self._with_stack(record))
            case IoctlReturnRecord():
                self.ioctl_returns[record.number] = record
            case KvmExitRecord():
                self.exits.append(record)
            case ExitResultRecord():
                self.exit_answers[record.number] = record.data
            case ExitCountRecord():
                self.exit_counts[record.reason] = record.count
            case KernelTraceRecord():
                self.kernel = record
            case KernelStackRecord():
                self.kernel_stacks[record.number] = tuple(record.functions)
            case KernelEventRecord():
                self.kernel_events.setdefault(record.ioctl, []).append(record)
            case _:
                self._add_about_the_run(record)

    def _add_about_the_run(self, record: Record) -> None:
        match record:
            case HeaderRecord():
                self.header = record
            case AcceleratorRecord():
                self.accelerator = record
            case SourceRecord():
                self.sources.append(record)
            case OutputRecord():
                self.outputs[record.stream] = self.outputs.get(record.stream, "") + record.text
            case ProgramExitRecord():
                self.exit = record
            case NoteRecord():
                self.notes.append(record.text)
            case EndRecord():
                self.end = record
