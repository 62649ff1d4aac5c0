"""Makes the frames, stacks and stops of the model from the records of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from operator import eq
from typing import overload

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


class StopMaker:
    """Makes the stops of the positions in the columns of a builder, each when it is asked for."""

    def __init__(self, builder: RecordingBuilder, roots: Roots, stacks: Stacks) -> None:
        self._columns, self._threads, self._returns = builder.stops, builder.threads, builder.returns
        self._milestones, self._roots, self._stacks = builder.milestones, roots, stacks
        self._shared: dict[StopFacts, _SharedFacts] = {}

    def stack(self, position: int) -> Stack:
        """The stack of a stop, whose record is checked.

        Raises KeyError for a stack or a frame that is missing, ValueError, with a reason, for other damage.
        """
        columns, facts = self._columns, self._columns.facts_of(position)
        stack = self._stacks.of_stop(columns.stacks[position], facts.function)
        arguments = columns.arguments.get(position, ())
        thread, count = columns.threads[position], columns.counts[position]
        fault = ""
        if thread not in self._threads:
            fault = f"names thread {thread}, which is missing"
        elif unknown := self._facts(facts).unknown:
            fault = f"names milestone {unknown}, which is missing"
        elif not stack.frames:
            fault = "has no frames"
        elif arguments and len(arguments) != len(stack.frames):
            fault = f"has arguments of {len(arguments)} frames"
        elif count < 1:
            fault = f"stands for {count} stacks"
        if fault:
            raise ValueError(f"stop {columns.numbers[position]} {fault}")
        return stack

    def stop(self, position: int, stack: Stack, further_hits: int) -> Stop:
        """The stop at a position, with what `stack` returned for it."""
        columns, facts = self._columns, self._columns.facts_of(position)
        shared, arguments = self._facts(facts), columns.arguments.get(position, ())
        number, exit_ = columns.numbers[position], columns.exits[position]
        return Stop(
            number=number,
            time=columns.times[position],
            thread=columns.threads[position],
            reason=facts.reason,
            milestones=facts.milestones,
            function=facts.function,
            stack=stack,
            arguments=arguments if any(arguments) else (),
            ioctl=self._ioctl(number, facts, shared.request) if facts.request else None,
            starts=shared.starts,
            exit=exit_ if exit_ >= 0 else None,
            count=columns.counts[position] + further_hits,
            signal=facts.signal,
            open_ended=facts.open_ended,
        )

    def _facts(self, facts: StopFacts) -> _SharedFacts:
        shared = self._shared.get(facts)
        if shared is None:
            shared = self._shared[facts] = _shared(facts, self._requests, self._roots)
        return shared

    @cached_property
    def _requests(self) -> dict[str, str]:
        return {milestone.name: milestone.request for milestone in self._milestones}

    def _ioctl(self, number: int, facts: StopFacts, request: str) -> IoctlAtStop:
        returned = self._returns.get(number)
        return IoctlAtStop(request, facts.request, facts.fd, facts.file, returned.value if returned else None)


class Stops(Sequence[Stop]):
    """The stops of a recording in the order recorded, each with all its hits.

    They are kept in columns, and a `Stop` is made whenever it is asked for: a million take 60 MB, not 220.
    Raises KeyError and ValueError as `StopMaker.stack`, for any of the stops.
    """

    def __init__(self, builder: RecordingBuilder, roots: Roots, stacks: Stacks) -> None:
        self._maker = StopMaker(builder, roots, stacks)
        self._hits = _further_hits(builder)
        self._stacks = [self._maker.stack(position) for position in range(len(builder.stops))]

    def __len__(self) -> int:
        return len(self._stacks)

    @overload
    def __getitem__(self, position: int) -> Stop: ...

    @overload
    def __getitem__(self, position: slice) -> tuple[Stop, ...]: ...

    def __getitem__(self, position: int | slice) -> Stop | tuple[Stop, ...]:
        if isinstance(position, slice):
            return tuple(map(self._at, range(*position.indices(len(self)))))
        return self._at(range(len(self))[position])

    def __iter__(self) -> Iterator[Stop]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def _at(self, position: int) -> Stop:
        return self._maker.stop(position, self._stacks[position], self._hits.get(position, 0))


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
