"""The records of a recording, sorted by kind as they are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from gdbscripts import wire


@dataclass
class Draft:
    """What was read so far."""

    header: wire.Header | None = None
    milestones: list[wire.Milestone] = field(default_factory=list)
    threads: dict[int, wire.Thread] = field(default_factory=dict)
    frames: dict[int, wire.Frame] = field(default_factory=dict)
    stops: list[wire.Stop] = field(default_factory=list)
    returns: dict[int, wire.Return] = field(default_factory=dict)
    ioctls: list[wire.Ioctl] = field(default_factory=list)
    ioctl_returns: dict[int, wire.IoctlReturn] = field(default_factory=dict)
    exits: list[wire.VcpuExit] = field(default_factory=list)
    exit_answers: dict[int, str] = field(default_factory=dict)
    exit_counts: dict[int, int] = field(default_factory=dict)
    kernel: wire.Kernel | None = None
    kernel_stacks: dict[int, tuple[str, ...]] = field(default_factory=dict)
    kernel_events: dict[int, list[wire.KernelEvent]] = field(default_factory=dict)
    pointers: list[wire.Pointer] = field(default_factory=list)
    pointer_steps: list[wire.PointerStep] = field(default_factory=list)
    accelerator: wire.Accelerator | None = None
    sources: list[wire.Source] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    exit: wire.Exit | None = None
    notes: list[str] = field(default_factory=list)
    end: wire.End | None = None

    def add(self, record: wire.Record) -> None:
        """One more record."""
        match record:
            case wire.Milestone():
                self.milestones.append(record)
            case wire.Thread():
                self.threads[record.number] = record
            case wire.Frame():
                self.frames[record.number] = record
            case wire.Stop():
                self.stops.append(record)
            case wire.Return():
                self.returns[record.stop] = record
            case wire.Pointer():
                self.pointers.append(record)
            case wire.PointerStep():
                self.pointer_steps.append(record)
            case _:
                self._add_about_ioctls(record)

    def _add_about_ioctls(self, record: wire.Record) -> None:
        match record:
            case wire.Ioctl():
                self.ioctls.append(record)
            case wire.IoctlReturn():
                self.ioctl_returns[record.number] = record
            case wire.VcpuExit():
                self.exits.append(record)
            case wire.ExitAnswer():
                self.exit_answers[record.number] = record.data
            case wire.ExitCount():
                self.exit_counts[record.reason] = record.count
            case wire.Kernel():
                self.kernel = record
            case wire.KernelStack():
                self.kernel_stacks[record.number] = tuple(record.functions)
            case wire.KernelEvent():
                self.kernel_events.setdefault(record.ioctl, []).append(record)
            case _:
                self._add_about_the_run(record)

    def _add_about_the_run(self, record: wire.Record) -> None:
        match record:
            case wire.Header():
                self.header = record
            case wire.Accelerator():
                self.accelerator = record
            case wire.Source():
                self.sources.append(record)
            case wire.Output():
                self.outputs[record.stream] = self.outputs.get(record.stream, "") + record.text
            case wire.Exit():
                self.exit = record
            case wire.Note():
                self.notes.append(record.text)
            case wire.End():
                self.end = record
