"""The stacks of a recording as samples, which the exports of stacks are made of: counts, times, threads, calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.graph.chains import RecordedStep, kernel_steps, own_chain
from analyzer.kvm.kernel_functions import KERNEL
from analyzer.model.frames import Function, Stop, Thread
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind
from gdbscripts.records import UNKNOWN_NAME
from reports.sanitize import one_line

Steps = tuple[RecordedStep, ...]


@dataclass(frozen=True)
class Sample:
    """One stop with its calls: `steps` are its functions, outermost first, and after them those of the kernel.

    The samples of equal stacks of a thread share one object `steps`.
    """

    stop: Stop
    steps: Steps


def samples(recording: Recording) -> Iterator[Sample]:
    """Yield a sample for each stop with a known function, in the order of the recording.

    The chain of a stack is made once for all stops of a thread that have it. A stop at an ioctl has a chain of its
    own, with the kernel's functions.
    """
    made: dict[tuple[int, int], Steps] = {}
    for stop in recording.stops:
        key = (id(stop.stack), stop.thread)
        steps = made.get(key) if stop.ioctl is None else None
        if steps is None:
            steps = (*own_chain(stop, recording), *kernel_steps(stop, recording))
            if stop.ioctl is None:
                made[key] = steps
        if steps:
            yield Sample(stop, steps)


def samples_of_threads(recording: Recording) -> list[tuple[Thread, list[Sample]]]:
    """Return the samples of each thread that has some, the threads in the order of their numbers."""
    found: dict[int, list[Sample]] = {}
    for sample in samples(recording):
        found.setdefault(sample.stop.thread, []).append(sample)
    return [(recording.thread(number), found[number]) for number in sorted(found)]


def merged(of_thread: list[Sample]) -> list[tuple[Steps, int]]:
    """Return the chains of samples with the sum of their counts, in the order of their first samples.

    Chains that are one object are merged; equal chains at ioctls, and of stacks with other addresses, stay apart.
    """
    counts: Counter[int] = Counter()
    chains: dict[int, Steps] = {}
    for sample in of_thread:
        counts[id(sample.steps)] += sample.stop.count
        chains[id(sample.steps)] = sample.steps
    return [(steps, counts[number]) for number, steps in chains.items()]


def program_name(recording: Recording) -> str:
    """Return the program that was recorded, in a line: `QEMU 7.2.22`; the name of an imported text."""
    header = recording.header
    name = f"QEMU {header.qemu_version}" if header.qemu_version else header.qemu or header.scenario
    return shown(name)


def shown(name: str) -> str:
    """Return a name in a line without control characters; `??`, as in gdb, for an empty one."""
    return one_line(name).strip() or UNKNOWN_NAME


def file_of(step: RecordedStep) -> str:
    """Return the file that defines the function of `step`; its library or `[kernel]` when no file is known."""
    return step.defined_in or function_place(step.function, step.file)


def function_place(function: Function, file: str) -> str:
    """Return the source file, or the library or the kernel in brackets; "" when both are unknown."""
    return function.where if function.where.startswith("[") else file


def is_kernel(step: RecordedStep) -> bool:
    """Return whether the function of `step` runs in the kernel."""
    return step.function.where == KERNEL


def is_inlined(step: RecordedStep) -> bool:
    """Return whether the compiler put the function of `step` into its caller."""
    return step.kind is CallKind.INLINE
