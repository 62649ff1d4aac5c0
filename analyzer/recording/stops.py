"""Makes the frames, stacks and stops of the model from the records of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from analyzer.model.frames import DefinedFunction, Frame, IoctlAtStop, Stack, Stop, identify
from analyzer.recording.builder import RecordingBuilder
from analyzer.recording.source_paths import relative
from analyzer.recording.stop_columns import StopFacts
from gdbscripts.call_kinds import CallKind
from gdbscripts.records import FrameRecord, PointerOriginRecord

Roots = tuple[str, ...]  # folders of the program's files: its sources, and its build folder with generated files


class Stacks:
    """Makes the stacks of a recording: one `Frame` for each frame record, and one `Stack` for each stack record.

    A stack whose innermost frame is of a library has that function's name from the breakpoint, since libc's debug
    information has other names: there is one `Stack` for each of these names, nearly always a single one.
    """

    def __init__(self, builder: RecordingBuilder, roots: Roots) -> None:
        self._numbers = builder.stacks  # removed as the stacks are made, to free their memory
        self._frame = cache(lambda number: _frame(builder.frames[number], roots))
        self._stacks: dict[int, Stack] = {-1: Stack()}  # number -> the first stack made
        self._names: dict[int, str] = {}  # number -> innermost function of that stack, when it is of a library
        self._others: dict[tuple[int, str], Stack] = {}  # (number, another innermost function) -> stack

    def of_stop(self, number: int, function: str) -> Stack:
        """The stack `number` of a stop at a breakpoint on `function` ("" for none); without frames for -1."""
        stack = self._stacks.get(max(number, -1))
        if stack is None:
            stack = self._stacks[number] = self._make(number, function)
            if stack.frames and stack.frames[0].library:
                self._names[number] = stack.frames[0].function.name
        elif number in self._names and function != self._names[number]:
            return self._with_name(number, function, stack)
        return stack

    def of_ioctl(self, number: int) -> Stack:
        """The stack `number` of an ioctl, which no breakpoint names: the one of a stop when there is one."""
        return self._stacks.get(max(number, -1)) or self.of_stop(number, "")

    def _with_name(self, number: int, function: str, first: Stack) -> Stack:
        innermost = first.frames[0]
        name = function or identify(innermost.name, innermost.file, innermost.library).name
        if name == self._names[number]:
            return first
        if (number, name) not in self._others:
            self._others[number, name] = _with_innermost(first.frames, name)
        return self._others[number, name]

    def _make(self, number: int, function: str) -> Stack:
        frames = tuple(map(self._frame, self._numbers.pop(number)))
        return _with_innermost(frames, function) if frames and frames[0].library and function else Stack(frames)


def _with_innermost(frames: tuple[Frame, ...], function: str) -> Stack:
    innermost = replace(frames[0], function=frames[0].function._replace(name=function))
    return Stack((innermost, *frames[1:]))


@dataclass(frozen=True)
class _SharedFacts:
    """What stops with the same `StopFacts` share; `unknown` is a milestone that the recording lacks, or ""."""

    unknown: str
    starts: DefinedFunction | None
    request: str  # name of the ioctl's request


def stops_of(builder: RecordingBuilder, roots: Roots, stacks: Stacks) -> Iterator[Stop]:
    """The stops in the order recorded, each with all its hits.

    Raises KeyError for a stack or a frame that is missing, ValueError, with a reason, for other damage.
    """
    columns = builder.stops
    further_hits = _further_hits(builder)
    requests = {milestone.name: milestone.request for milestone in builder.milestones}
    shared = {facts: _shared(facts, requests, roots) for facts in columns.facts}
    for position in range(len(columns)):
        facts = columns.facts_of(position)
        number, thread, count = columns.numbers[position], columns.threads[position], columns.counts[position]
        stack = stacks.of_stop(columns.stacks[position], facts.function)
        arguments = columns.arguments.get(position, ())
        if thread not in builder.threads:
            raise ValueError(f"stop {number} names thread {thread}, which is missing")
        if unknown := shared[facts].unknown:
            raise ValueError(f"stop {number} names milestone {unknown}, which is missing")
        if not stack.frames:
            raise ValueError(f"stop {number} has no frames")
        if arguments and len(arguments) != len(stack.frames):
            raise ValueError(f"stop {number} has arguments of {len(arguments)} frames")
        if count < 1:
            raise ValueError(f"stop {number} stands for {count} stacks")
        yield Stop(
            number=number,
            time=columns.times[position],
            thread=thread,
            reason=facts.reason,
            milestones=facts.milestones,
            function=facts.function,
            stack=stack,
            arguments=arguments if any(arguments) else (),
            ioctl=_ioctl_at_stop(number, facts, shared[facts].request, builder) if facts.request else None,
            starts=shared[facts].starts,
            exit=columns.exits[position] if columns.exits[position] >= 0 else None,
            count=count + further_hits.get(position, 0),
            open_ended=facts.open_ended,
        )


def _further_hits(builder: RecordingBuilder) -> dict[int, int]:
    """Position of a stop -> its further hits; ValueError for a number of none and for a missing stop."""
    hits: dict[int, int] = {}
    numbers = iter(builder.repeats)
    for stop, count in zip(numbers, numbers, strict=True):
        position = builder.stops.position(stop)
        if count < 1 or position is None:
            raise ValueError(f"stop {stop} is repeated {count} times")
        hits[position] = hits.get(position, 0) + count
    return hits


def _shared(facts: StopFacts, requests: dict[str, str], roots: Roots) -> _SharedFacts:
    request = next((requests[name] for name in facts.milestones if requests.get(name)), hex(facts.request))
    starts = defined(facts.starts, facts.starts_file, facts.starts_library, roots) if facts.starts else None
    return _SharedFacts(min(set(facts.milestones) - requests.keys(), default=""), starts, request)


def _ioctl_at_stop(number: int, facts: StopFacts, request: str, builder: RecordingBuilder) -> IoctlAtStop:
    returned = builder.returns.get(number)
    return IoctlAtStop(request, facts.request, facts.fd, facts.file, returned.value if returned else None)


def _frame(frame: FrameRecord, roots: Roots) -> Frame:
    function = defined(frame.function, definition(frame), frame.library, roots)
    return Frame(
        function=function.function,
        name=frame.function,
        kind=frame.kind,
        file=relative(frame.file, *roots),
        line=frame.line,
        library=frame.library,
        pc=frame.pc,
        addressed=frame.addressed,
        call=CallKind(frame.call or "unknown"),
        instruction=frame.instruction,
        elided=tuple(defined(name, file, library, roots) for name, file, library in frame.via),
        defined_in=function.file,
    )


def definition(record: FrameRecord | PointerOriginRecord) -> str:
    """The absolute path of the file that defines the record's function."""
    return record.file if record.defined_in is None else record.defined_in


def defined(name: str, file: str, library: str, roots: Roots) -> DefinedFunction:
    """The function that gdb calls `name`, defined in the absolute path `file`, or in `library`."""
    relative_file = relative(file, *roots)
    return DefinedFunction(identify(name, relative_file, library), "" if library else relative_file)
