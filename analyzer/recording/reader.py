"""Reads a recording file into the model; absolute paths become relative to the source root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from analyzer.errors import AnalyzerError
from analyzer.model.frames import CallKey, DefinedFunction, Stop, Thread
from analyzer.model.kvm import Ioctl, KernelEvent, KvmExit
from analyzer.model.pointers import Pointer, PointerOrigin
from analyzer.model.recording import Recording
from analyzer.recording.builder import RecordingBuilder
from analyzer.recording.record_lines import FILE_NAME, read_records
from analyzer.recording.source_paths import relative, source_root
from analyzer.recording.stops import Roots, Stacks, Stops, defined, definition
from gdbscripts.kvm_records import IoctlRecord, KvmExitRecord
from gdbscripts.records import (
    BREAK,
    HeaderRecord,
    PointerOriginRecord,
    Record,
    SourceRecord,
)

__all__ = ["FILE_NAME", "assemble", "read_recording"]


def read_recording(path: Path, name: str = "", report: Callable[[int], None] | None = None) -> Recording:
    """Read the recording in `path`, a file or an output folder with a recording.jsonl.

    Messages call it `name`, or by its path when `name` is "". `report` is called with the number of bytes read so
    far, for each block.

    Raises AnalyzerError when the file is missing, unreadable, damaged, or of a newer schema. A file that is cut
    short is read as far as it goes: `Recording.end` is None.
    """
    file = path / FILE_NAME if path.is_dir() else path
    shown = name or str(file)
    with opened(file) as stream:
        return assemble(read_records(stream, shown, report), shown)


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open a recording file. AnalyzerError when it is missing, unreadable or a pipe, also in the block."""
    try:
        if file.is_fifo():
            raise AnalyzerError(f"{file} is not a recording: it is a pipe.", "Name the pipe itself as the input.")
        with file.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise AnalyzerError(f"There is no recording {file}.", "Record one: analyze startup --qemu PATH.") from None
    except OSError as error:
        raise AnalyzerError(f"{file} cannot be read: {error.strerror}.") from None


def assemble(records: Iterable[Record], name: str) -> Recording:
    """Make the Recording of `records`; AnalyzerError with `name`, the file, when they are inconsistent."""
    builder, header = builder_of(records, name)
    root, _ = roots = roots_of(builder, header)
    with damage_named(name):
        stacks = Stacks(builder, roots)
        stops = Stops(builder, roots, stacks)
        ioctl_log = tuple(_ioctl(ioctl, stack, builder, stacks) for ioctl, stack in builder.ioctls)
        exits = tuple(_exit(exit_, builder) for exit_ in builder.exits)
        pointers = _pointers(builder, roots)
    return Recording(
        header=header,
        source_root=root,
        milestones=tuple(builder.milestones),
        threads=tuple(threads_of(builder, _first_stops(builder), partial(_start, builder, stops))),
        stops=stops,
        accelerator=builder.accelerator,
        sources=_sources(builder.sources, roots),
        outputs=builder.outputs,
        exit=builder.exit,
        notes=tuple(builder.notes),
        end=builder.end,
        pointers=pointers,
        ioctl_log=ioctl_log,
        kernel=builder.kernel,
        exits=exits,
        exit_counts=builder.exit_counts,
    )


def builder_of(records: Iterable[Record], name: str) -> tuple[RecordingBuilder, HeaderRecord]:
    """The records by kind, and the header; AnalyzerError with `name` when they are of two runs or of none."""
    builder = RecordingBuilder()
    try:
        for record in records:
            builder.add(record)
    except ValueError as error:
        raise AnalyzerError(f"{name} is damaged: {error}.", "Record again, into a folder of its own.") from None
    if builder.header is None:
        raise AnalyzerError(f"{name} is not a recording: it has no header.")
    return builder, builder.header


def roots_of(builder: RecordingBuilder, header: HeaderRecord) -> tuple[str, str]:
    """The source root, "" when there is none, and the folder of the program."""
    # Functions of --break may be anywhere, for instance in a system header.
    own = (milestone for milestone in builder.milestones if not milestone.name.startswith(BREAK))
    root = source_root(file for milestone in own for file in milestone.files)
    return root, str(Path(header.qemu).parent)


@contextmanager
def damage_named(name: str) -> Iterator[None]:
    """Turn the errors of `analyzer.recording.stops` in the block into an AnalyzerError with `name`, the file."""
    try:
        yield
    except KeyError as error:
        raise AnalyzerError(f"{name} is damaged: something names number {error}, which is missing.") from None
    except ValueError as error:  # arguments do not fit the frames, or a kind of call is unknown
        raise AnalyzerError(f"{name} is damaged: {error}.") from None


def _first_stops(builder: RecordingBuilder) -> dict[int, int]:
    first: dict[int, int] = {}
    for thread, number in zip(builder.stops.threads, builder.stops.numbers, strict=True):
        first.setdefault(thread, number)
    return first


def _start(builder: RecordingBuilder, stops: Sequence[Stop], number: int) -> DefinedFunction | None:
    """What starts the thread that stop `number` creates. KeyError when there is no such stop."""
    position = builder.stops.position(number)
    if position is None:
        raise KeyError(number)
    return stops[position].starts


def threads_of(
    builder: RecordingBuilder, first_stops: Mapping[int, int], start_of: Callable[[int], DefinedFunction | None]
) -> Iterator[Thread]:
    """The threads, each with the stop that created it: the last pthread_create that returned the thread's handle
    before the thread's first stop, since handles are reused after a thread ends.

    `first_stops` has the number of each thread's first stop; `start_of` gives the start function of the
    thread that a stop creates, and raises KeyError when there is no such stop.
    """
    creations: dict[str, list[int]] = {}
    starts: dict[int, DefinedFunction | None] = {}
    for number, returned in sorted(builder.returns.items()):
        with suppress(KeyError):
            if returned.handle:
                starts[number] = start_of(number)
                creations.setdefault(returned.handle, []).append(number)
    program = builder.threads[1].name if 1 in builder.threads else ""
    for thread in builder.threads.values():
        limit = first_stops.get(thread.number)
        before = [number for number in creations.get(thread.handle, ()) if limit is None or number < limit]
        creator = before[-1] if before and thread.number != 1 else None
        start = starts[creator] if creator is not None else None
        # A thread without a name of its own has inherited the program's name.
        name = thread.name if thread.name != program else ""
        yield Thread(thread.number, thread.tid, name, creator, start.function if start else None)


def _ioctl(ioctl: IoctlRecord, stack: int, builder: RecordingBuilder, stacks: Stacks) -> Ioctl:
    if ioctl.thread not in builder.threads:
        raise ValueError(f"ioctl {ioctl.number} names thread {ioctl.thread}, which is missing")
    returned = builder.ioctl_returns.get(ioctl.number)
    before = bytes.fromhex(ioctl.data)
    return Ioctl(
        number=ioctl.number,
        time=ioctl.time,
        thread=ioctl.thread,
        fd=ioctl.fd,
        file=ioctl.file,
        request=ioctl.request,
        argument=ioctl.argument,
        before=before,
        after=bytes.fromhex(returned.data) if returned and returned.data else before,
        returned=returned.value if returned else None,
        stack=stacks.of_ioctl(stack),
        kernel=tuple(
            KernelEvent(e.time, e.name, e.text, builder.kernel_stacks[e.stack] if e.stack >= 0 else (), e.count)
            for e in builder.kernel_events.get(ioctl.number, ())
        ),
    )


def _exit(exit_: KvmExitRecord, builder: RecordingBuilder) -> KvmExit:
    if exit_.thread not in builder.threads:
        raise ValueError(f"exit {exit_.number} names thread {exit_.thread}, which is missing")
    return KvmExit(
        number=exit_.number,
        ioctl=exit_.ioctl,
        time=exit_.time,
        thread=exit_.thread,
        run=bytes.fromhex(exit_.run),
        data=bytes.fromhex(exit_.data),
        answer=bytes.fromhex(builder.exit_answers.get(exit_.number, "")),
    )


def _pointers(builder: RecordingBuilder, roots: Roots) -> dict[CallKey, Pointer]:
    steps: dict[int, list[PointerOrigin]] = {}
    for step in builder.pointer_steps:
        steps.setdefault(step.pointer, []).append(_pointer_step(step, builder, roots))
    return {
        (pointer.callee, tuple(pointer.returns)): Pointer(
            kind=pointer.kind,
            slot=pointer.slot,
            address=pointer.address,
            value=pointer.value,
            target=pointer.target,
            outcome=pointer.outcome,
            reason=pointer.reason,
            tail_calls=tuple(defined(name, file, library, roots) for name, file, library in pointer.leads),
            steps=tuple(steps.get(pointer.number, ())),
        )
        for pointer in builder.pointers
    }


def _pointer_step(step: PointerOriginRecord, builder: RecordingBuilder, roots: Roots) -> PointerOrigin:
    if step.stop >= 0 and builder.stops.position(step.stop) is None:
        raise ValueError(f"a step of pointer {step.pointer} names stop {step.stop}, which is missing")
    file = relative(step.file, *roots)
    function = defined(step.function, definition(step), step.library, roots).function if step.function else None
    stop = step.stop if step.stop >= 0 else None
    return PointerOrigin(step.what, step.name, function, file, step.line, step.address, stop)


def _sources(sources: list[SourceRecord], roots: Roots) -> dict[str, dict[int, str]]:
    texts: dict[str, dict[int, str]] = {}
    for source in sources:
        lines = texts.setdefault(relative(source.file, *roots), {})
        lines.update(enumerate(source.lines, source.first))
    return texts
