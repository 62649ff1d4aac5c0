"""What a recording with probes says about the run: milestones, the end of QEMU, and what is not recorded."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.recording.probes.hits import Hits
from analyzer.recording.probes.places import ProbePlaces
from analyzer.recording.probes.stack_walker import StackEnd
from gdbscripts.plan import PlannedMilestone
from gdbscripts.records import MilestoneRecord, ProgramExitRecord, Record

_UNSEEN = (
    "Recorded with probes, which do not stop QEMU: arguments of functions and what the kernel returns in the data "
    "of ioctls are not recorded, and function pointers are not explained."
)


def milestone_record(step: PlannedMilestone, places: ProbePlaces) -> MilestoneRecord:
    """The record of a milestone; a request is on a system call, which every program has."""
    found = [name for name in step.functions if name in places.files or step.request]
    return MilestoneRecord(
        name=step.name,
        title=step.title,
        required=step.required,
        found=found,
        missing=[name for name in step.functions if name not in found],
        files=sorted({file for name in step.functions for file in places.files.get(name, ())}),
        request=step.request_name,
        about=step.about,
        target=step.target,
        passed=step.passed,
    )


def what_is_missing(hits: Hits, stack_size: int, lost: int, unnamed: int) -> Iterator[str]:
    """Sentences about what this engine cannot record, and about what it lost.

    `stack_size`: bytes copied of each stack; `lost`: hits that the kernel dropped; `unnamed`: hits without frames.
    """
    yield _UNSEEN
    if lost:
        yield (
            f"{lost} of {hits.samples + lost} hits are lost: the buffers were full. Record fewer functions, or "
            "when the processors have less to do."
        )
    if cut := hits.ends[StackEnd.CUT]:
        yield f"{cut} of {hits.samples} stacks are cut: they use more than the {stack_size} bytes that are copied."
    if no_rule := hits.ends[StackEnd.NO_RULE]:
        yield f"{no_rule} of {hits.samples} stacks are cut: they go through code without call frame rules."
    if unnamed:
        yield f"{unnamed} hits are left out: gdb did not find the frames of their stacks."
    if len(hits.ioctls) < hits.ioctl_count:
        yield f"no more than {len(hits.ioctls)} of {hits.ioctl_count} ioctls recorded"


def exit_records(status: int | None) -> Iterator[Record]:
    """How the program ended; `status` is negative for a signal, None for a program that runs on."""
    if status is not None:
        yield ProgramExitRecord(status=status) if status >= 0 else ProgramExitRecord(signal=str(-status))
