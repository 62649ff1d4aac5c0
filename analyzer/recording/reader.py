"""Reads a recording file into the model; absolute paths become relative to the source root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TextIO

from analyzer.errors import AnalyzerError, newer_schema
from analyzer.model.frames import CallKey, DefinedFunction, Frame, Function, IoctlAtStop, Stop, Thread, identify
from analyzer.model.kvm import Ioctl, KernelEvent, KvmExit
from analyzer.model.pointers import Pointer, PointerOrigin
from analyzer.model.recording import Recording
from analyzer.recording.builder import RecordingBuilder
from analyzer.recording.source_paths import relative, source_root
from gdbscripts.call_kinds import CallKind
from gdbscripts.json_lines import LineError, from_line, schema_of
from gdbscripts.records import (
    BREAK,
    SCHEMA,
    Arguments,
    FrameRecord,
    IoctlRecord,
    KvmExitRecord,
    PointerOriginRecord,
    Record,
    SourceRecord,
    StopRecord,
)

FILE_NAME = "recording.jsonl"
Roots = tuple[str, ...]  # folders of the program's files: its sources, and its build folder with generated files
_MAX_LINE_LENGTH = 1 << 25  # characters; a stack of 2000 frames with long arguments has a hundredth of it


def read_recording(path: Path, name: str = "") -> Recording:
    """Read the recording in `path`, a file or an output folder with a recording.jsonl.

    Messages call it `name`, or by its path when `name` is "".

    Raises AnalyzerError when the file is missing, unreadable, damaged, or of a newer schema. A file that is cut
    short is read as far as it goes: `Recording.end` is None.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        if file.is_fifo():
            raise AnalyzerError(f"{file} is not a recording: it is a pipe.", "Name the pipe itself as the input.")
        with file.open(encoding="utf-8", errors="replace") as lines:
            shown = name or str(file)
            return assemble(_records(_bounded(lines, shown), shown), shown)
    except FileNotFoundError:
        raise AnalyzerError(f"There is no recording {file}.", "Record one: analyze startup --qemu PATH.") from None
    except OSError as error:
        raise AnalyzerError(f"{file} cannot be read: {error.strerror}.") from None


def _bounded(file: TextIO, name: str) -> Iterator[str]:
    """The lines of `file`; AnalyzerError for an endless line, as a device has."""
    while line := file.readline(_MAX_LINE_LENGTH):
        if len(line) == _MAX_LINE_LENGTH:
            raise AnalyzerError(f"{name} is not a recording: it has a line of {_MAX_LINE_LENGTH} characters.")
        yield line


def _records(lines: Iterable[str], name: str) -> Iterator[Record]:
    """The records of `lines`, without an incomplete last line, which a killed recorder leaves."""
    previous: str | None = None
    number = 0
    for number, line in enumerate(lines, 1):
        if previous is not None:
            yield _record(previous, name, number - 1)
        previous = line
    if previous is None:
        raise AnalyzerError(f"{name} is empty, not a recording.", "Record one: analyze startup --qemu PATH.")
    if previous.endswith("\n") or number == 1:
        yield _record(previous, name, number)


def _record(line: str, name: str, number: int) -> Record:
    if number == 1:
        _check_schema(line, name)
    try:
        return from_line(line)
    except LineError as error:
        if number == 1:
            raise AnalyzerError(
                f"{name} is not a recording: {error}.",
                f"Give an output folder or its {FILE_NAME}; analyze import makes one of a backtrace.",
            ) from None
        raise AnalyzerError(f"{name} is damaged in line {number}: {error}.") from None


def _check_schema(line: str, name: str) -> None:
    schema = schema_of(line)
    if schema is not None and schema > SCHEMA:
        raise newer_schema(name, schema, SCHEMA)


def assemble(records: Iterable[Record], name: str) -> Recording:
    """Make the Recording of `records`; AnalyzerError with `name`, the file, when they are inconsistent."""
    builder = RecordingBuilder()
    try:
        for record in records:
            builder.add(record)
    except ValueError as error:
        raise AnalyzerError(f"{name} is damaged: {error}.", "Record again, into a folder of its own.") from None
    if builder.header is None:
        raise AnalyzerError(f"{name} is not a recording: it has no header.")
    # Functions of --break may be anywhere, for instance in a system header.
    own = (milestone for milestone in builder.milestones if not milestone.name.startswith(BREAK))
    root = source_root(file for milestone in own for file in milestone.files)
    roots = (root, str(Path(builder.header.qemu).parent))
    try:
        # Most stacks of a profile share their frames.
        plain = cache(lambda number: _frame(builder.frames[number], [], roots))
        repeats = _repeats(builder)
        stops = tuple(_stop(stop, builder, roots, plain, repeats[stop.number]) for stop in builder.stops)
        ioctl_log = tuple(_ioctl(ioctl, builder, roots) for ioctl in builder.ioctls)
        exits = tuple(_exit(exit_, builder) for exit_ in builder.exits)
        pointers = _pointers(builder, roots)
    except KeyError as error:
        raise AnalyzerError(f"{name} is damaged: something names number {error}, which is missing.") from None
    except ValueError as error:  # arguments do not fit the frames, or a kind of call is unknown
        raise AnalyzerError(f"{name} is damaged: {error}.") from None
    return Recording(
        header=builder.header,
        source_root=root,
        milestones=tuple(builder.milestones),
        threads=tuple(_threads(builder, stops)),
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


def _repeats(builder: RecordingBuilder) -> dict[int, int]:
    """The number of further hits of each stop; ValueError for a number of none and for a missing stop."""
    counts = {stop.number: 0 for stop in builder.stops}
    for repeat in builder.repeats:
        if repeat.count < 1 or repeat.stop not in counts:
            raise ValueError(f"stop {repeat.stop} is repeated {repeat.count} times")
        counts[repeat.stop] += repeat.count
    return counts


def _stop(
    stop: StopRecord, builder: RecordingBuilder, roots: Roots, plain: Callable[[int], Frame], repeats: int
) -> Stop:
    if stop.thread not in builder.threads:
        raise ValueError(f"stop {stop.number} names thread {stop.thread}, which is missing")
    if unknown := set(stop.milestones) - {milestone.name for milestone in builder.milestones}:
        raise ValueError(f"stop {stop.number} names milestone {min(unknown)}, which is missing")
    numbers = _stack(stop.stack, builder)
    if not numbers:
        raise ValueError(f"stop {stop.number} has no frames")
    if stop.count < 1:
        raise ValueError(f"stop {stop.number} stands for {stop.count} stacks")
    frames = [
        _frame(builder.frames[number], arguments, roots) if arguments else plain(number)
        for number, arguments in zip(numbers, stop.arguments or [[]] * len(numbers), strict=True)
    ]
    if frames and frames[0].library:  # libc's debug information has __GI_ioctl: use the name of the breakpoint
        innermost = replace(frames[0].function, name=stop.function or frames[0].function.name)
        frames[0] = replace(frames[0], function=innermost)
    return Stop(
        number=stop.number,
        time=stop.time,
        thread=stop.thread,
        reason=stop.reason,
        milestones=tuple(stop.milestones),
        function=stop.function,
        frames=tuple(frames),
        ioctl=_ioctl_at_stop(stop, builder) if stop.request else None,
        starts=_defined(stop.starts, stop.starts_file, stop.starts_library, roots) if stop.starts else None,
        exit=stop.exit if stop.exit >= 0 else None,
        count=stop.count + repeats,
        signal=stop.signal,
        open_ended=stop.open_ended,
    )


def _ioctl_at_stop(stop: StopRecord, builder: RecordingBuilder) -> IoctlAtStop:
    names = {m.name: m.request for m in builder.milestones}
    request = next((names[name] for name in stop.milestones if names.get(name)), hex(stop.request))
    returned = builder.returns.get(stop.number)
    return IoctlAtStop(request, stop.request, stop.fd, stop.file, returned.value if returned else None)


def _frame(frame: FrameRecord, arguments: Arguments, roots: Roots) -> Frame:
    file = relative(frame.file, *roots)
    defined = _defined(frame.function, _definition(frame), frame.library, roots)
    return Frame(
        function=defined.function,
        name=frame.function,
        kind=frame.kind,
        file=file,
        line=frame.line,
        library=frame.library,
        pc=frame.pc,
        addressed=frame.addressed,
        call=CallKind(frame.call or "unknown"),
        instruction=frame.instruction,
        elided=tuple(_defined(name, file, library, roots) for name, file, library in frame.via),
        arguments=tuple((name, value) for name, value in arguments),
        defined_in=defined.file,
    )


def _definition(record: FrameRecord | PointerOriginRecord) -> str:
    """The absolute path of the file that defines the record's function."""
    return record.file if record.defined_in is None else record.defined_in


def _defined(name: str, file: str, library: str, roots: Roots) -> DefinedFunction:
    """The function that gdb calls `name`, defined in the absolute path `file`, or in `library`."""
    relative_file = relative(file, *roots)
    return DefinedFunction(identify(name, relative_file, library), "" if library else relative_file)


def _threads(builder: RecordingBuilder, stops: tuple[Stop, ...]) -> Iterator[Thread]:
    """The threads, each with the stop that created it: the last pthread_create that returned the thread's handle
    before the thread's first stop, since handles are reused after a thread ends.
    """
    first_stop: dict[int, int] = {}
    for stop in stops:
        first_stop.setdefault(stop.thread, stop.number)
    starts: dict[int, Function] = {stop.number: stop.starts.function for stop in stops if stop.starts}
    numbers = {stop.number for stop in stops}
    creations: dict[str, list[int]] = {}
    for number, returned in sorted(builder.returns.items()):
        if returned.handle and number in numbers:
            creations.setdefault(returned.handle, []).append(number)
    program = builder.threads[1].name if 1 in builder.threads else ""
    for thread in builder.threads.values():
        limit = first_stop.get(thread.number, len(stops))
        before = [number for number in creations.get(thread.handle, ()) if number < limit]
        creator = before[-1] if before and thread.number != 1 else None
        start = starts.get(creator) if creator is not None else None
        # A thread without a name of its own has inherited the program's name.
        name = thread.name if thread.name != program else ""
        yield Thread(thread.number, thread.tid, name, creator, start)


def _ioctl(ioctl: IoctlRecord, builder: RecordingBuilder, roots: Roots) -> Ioctl:
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
        frames=tuple(_frame(builder.frames[number], [], roots) for number in _stack(ioctl.stack, builder)),
        kernel=tuple(
            KernelEvent(e.time, e.name, e.text, builder.kernel_stacks[e.stack] if e.stack >= 0 else (), e.count)
            for e in builder.kernel_events.get(ioctl.number, ())
        ),
    )


def _stack(number: int, builder: RecordingBuilder) -> tuple[int, ...]:
    return builder.stacks[number] if number >= 0 else ()


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
    stops = {stop.number for stop in builder.stops}
    steps: dict[int, list[PointerOrigin]] = {}
    for step in builder.pointer_steps:
        steps.setdefault(step.pointer, []).append(_pointer_step(step, stops, roots))
    return {
        (pointer.callee, tuple(pointer.returns)): Pointer(
            kind=pointer.kind,
            slot=pointer.slot,
            address=pointer.address,
            value=pointer.value,
            target=pointer.target,
            outcome=pointer.outcome,
            reason=pointer.reason,
            tail_calls=tuple(_defined(name, file, library, roots) for name, file, library in pointer.leads),
            steps=tuple(steps.get(pointer.number, ())),
        )
        for pointer in builder.pointers
    }


def _pointer_step(step: PointerOriginRecord, stops: set[int], roots: Roots) -> PointerOrigin:
    if step.stop >= 0 and step.stop not in stops:
        raise ValueError(f"a step of pointer {step.pointer} names stop {step.stop}, which is missing")
    file = relative(step.file, *roots)
    function = _defined(step.function, _definition(step), step.library, roots).function if step.function else None
    stop = step.stop if step.stop >= 0 else None
    return PointerOrigin(step.what, step.name, function, file, step.line, step.address, stop)


def _sources(sources: list[SourceRecord], roots: Roots) -> dict[str, dict[int, str]]:
    texts: dict[str, dict[int, str]] = {}
    for source in sources:
        lines = texts.setdefault(relative(source.file, *roots), {})
        lines.update(enumerate(source.lines, source.first))
    return texts
