"""The records of a recording, sorted by kind as they are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from gdbscripts import wire


@dataclass
class RecordingBuilder:
    """What was read so far."""

    header: wire.HeaderRecord | None = None
    milestones: list[wire.MilestoneRecord] = field(default_factory=list)
    threads: dict[int, wire.ThreadRecord] = field(default_factory=dict)
    frames: dict[int, wire.FrameRecord] = field(default_factory=dict)
    stops: list[wire.StopRecord] = field(default_factory=list)
    returns: dict[int, wire.ReturnRecord] = field(default_factory=dict)
    ioctls: list[wire.IoctlRecord] = field(default_factory=list)
    ioctl_returns: dict[int, wire.IoctlReturnRecord] = field(default_factory=dict)
    exits: list[wire.KvmExitRecord] = field(default_factory=list)
    exit_answers: dict[int, str] = field(default_factory=dict)
    exit_counts: dict[int, int] = field(default_factory=dict)
    kernel: wire.KernelTraceRecord | None = None
    kernel_stacks: dict[int, tuple[str, ...]] = field(default_factory=dict)
    kernel_events: dict[int, list[wire.KernelEventRecord]] = field(default_factory=dict)
    pointers: list[wire.PointerRecord] = field(default_factory=list)
    pointer_steps: list[wire.PointerOriginRecord] = field(default_factory=list)
    accelerator: wire.AcceleratorRecord | None = None
    sources: list[wire.SourceRecord] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    exit: wire.ProgramExitRecord | None = None
    notes: list[str] = field(default_factory=list)
    end: wire.EndRecord | None = None

    def add(self, record: wire.Record) -> None:
        """One more record."""
        match record:
            case wire.MilestoneRecord():
                self.milestones.append(record)
            case wire.ThreadRecord():
                self.threads[record.number] = record
            case wire.FrameRecord():
                self.frames[record.number] = record
            case wire.StopRecord():
                self.stops.append(record)
            case wire.ReturnRecord():
                self.returns[record.stop] = record
            case wire.PointerRecord():
                self.pointers.append(record)
            case wire.PointerOriginRecord():
                self.pointer_steps.append(record)
            case _:
                self._add_about_ioctls(record)

    def _add_about_ioctls(self, record: wire.Record) -> None:
        match record:
            case wire.IoctlRecord():
                self.ioctls.append(record)
            case wire.IoctlReturnRecord():
                self.ioctl_returns[record.number] = record
            case wire.KvmExitRecord():
                self.exits.append(record)
            case wire.ExitResultRecord():
                self.exit_answers[record.number] = record.data
            case wire.ExitCountRecord():
                self.exit_counts[record.reason] = record.count
            case wire.KernelTraceRecord():
                self.kernel = record
            case wire.KernelStackRecord():
                self.kernel_stacks[record.number] = tuple(record.functions)
            case wire.KernelEventRecord():
                self.kernel_events.setdefault(record.ioctl, []).append(record)
            case _:
                self._add_about_the_run(record)

    def _add_about_the_run(self, record: wire.Record) -> None:
        match record:
            case wire.HeaderRecord():
                self.header = record
            case wire.AcceleratorRecord():
                self.accelerator = record
            case wire.SourceRecord():
                self.sources.append(record)
            case wire.OutputRecord():
                self.outputs[record.stream] = self.outputs.get(record.stream, "") + record.text
            case wire.ProgramExitRecord():
                self.exit = record
            case wire.NoteRecord():
                self.notes.append(record.text)
            case wire.EndRecord():
                self.end = record
