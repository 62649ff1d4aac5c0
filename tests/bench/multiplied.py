"""Makes large recordings of a real one: more stops with its stacks, and stacks of which one frame is replaced.

Each stop is a record of its own, with its own time; nothing is counted. That is the hardest input for readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from analyzer.recording.reader import FILE_NAME
from gdbscripts.enums import RecordingOutcome, StopReason
from gdbscripts.json_lines import from_line, to_line
from gdbscripts.records import (
    Arguments,
    EndRecord,
    FrameRecord,
    Record,
    RepeatRecord,
    ReturnRecord,
    StackRecord,
    StopRecord,
)
from tests.bench.perf_text import PerfText

_SPACING = 0.0001  # seconds between two stops
_DEPTH = 8  # frames that a stack needs to be varied
_STRIDE = 2654435761  # a prime near 2**32 divided by the golden ratio: repeats jump between all stacks
_CHANGED_EVERY = 50  # of the functions, one is renamed in the changed recording
_PC_STEP = 1 << 28  # between the pc of a frame and that of its replacement
_BEFORE_STOPS = ("header", "milestone", "thread", "accelerator")


@dataclass(frozen=True)
class Shape:
    """What the large recording has: `stacks` stops, of which `distinct` have different stacks.

    A frame that replaces another has one of `variants` functions, a prime number. With `changed` some functions
    have other names, as in another version of the program.
    """

    stacks: int
    distinct: int
    variants: int = 13
    changed: bool = False


@dataclass(frozen=True)
class _Source:
    """One stop of the real recording, with its frames."""

    stop: StopRecord
    frames: tuple[int, ...]


@dataclass
class _Real:
    """The records of the real recording, by kind."""

    before: list[Record] = field(default_factory=list)
    after: list[Record] = field(default_factory=list)
    frames: dict[int, FrameRecord] = field(default_factory=dict)
    required: list[_Source] = field(default_factory=list)  # stops that are no hit of --break
    hits: list[_Source] = field(default_factory=list)  # the first hit of --break with each stack
    returns: dict[int, ReturnRecord] = field(default_factory=dict)


def write_multiplied(real: Path, folder: Path, shape: Shape, text: Path | None = None) -> int:
    """Write a recording of `shape` into `folder`, which is made; `real` is the output folder of the real one.

    `text` gets the same stops as `perf script` prints them. Returns the number of the frames of all stops.
    """
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        file = stack.enter_context((folder / FILE_NAME).open("w", encoding="ascii"))
        samples = stack.enter_context(text.open("w", encoding="utf-8")) if text else None
        writer, depths, frames = PerfText(), {}, 0
        for record in multiplied(records_of(real), shape):
            file.write(to_line(record))
            if isinstance(record, StackRecord):
                depths[record.number] = len(record.frames)
            elif isinstance(record, StopRecord):
                frames += depths[record.stack]
            if samples:
                samples.write(writer.text_of(record))
    return frames


def records_of(folder: Path) -> Iterator[Record]:
    """The records of the recording in an output folder."""
    with (folder / FILE_NAME).open(encoding="utf-8") as file:
        yield from map(from_line, file)


def multiplied(records: Iterable[Record], shape: Shape) -> Iterator[Record]:
    """The records of a recording of `shape`, made of those of a real one.

    ValueError when the real one has too few stacks for as many distinct ones, or too many for as few.
    """
    return _Writer(_sorted_by_kind(records), shape).records()


def _sorted_by_kind(records: Iterable[Record]) -> _Real:
    real = _Real()
    stacks: dict[int, tuple[int, ...]] = {}
    seen: set[int] = set()
    for record in records:
        match record:
            case FrameRecord():
                real.frames[record.number] = record
            case StackRecord():
                stacks[record.number] = tuple(record.frames)
            case StopRecord():
                source = _Source(record, stacks[record.stack])
                if record.reason is not StopReason.BREAK:
                    real.required.append(source)
                elif record.stack not in seen:
                    seen.add(record.stack)
                    real.hits.append(source)
            case ReturnRecord():
                real.returns[record.stop] = record
            case RepeatRecord() | EndRecord():
                pass
            case _ if record.TAG in _BEFORE_STOPS:
                real.before.append(record)
            case _:
                real.after.append(record)
    return real


class _Writer:
    """Gives frames, stacks and stops new numbers as they come."""

    def __init__(self, real: _Real, shape: Shape) -> None:
        self._real, self._shape = real, shape
        if not len(real.required) < shape.distinct <= shape.stacks:
            raise ValueError(f"{shape.distinct} distinct stacks are too few or too many for {shape.stacks} stops")
        self._frames: dict[tuple[int, int], int] = {}  # frame of the real recording, variant -> number
        self._stacks: list[_Source] = []  # written, by number
        names = sorted({frame.function for frame in real.frames.values()} - self._asked_for())
        self._changed = set(names[::_CHANGED_EVERY]) if shape.changed else set()

    def _asked_for(self) -> set[str]:
        return {source.stop.function for source in (*self._real.required, *self._real.hits)}

    def records(self) -> Iterator[Record]:
        """All records, in the order of a recording."""
        yield from self._real.before
        sources = self._distinct()
        for number in range(self._shape.stacks):
            due = number * self._shape.distinct >= len(self._stacks) * self._shape.stacks
            only_required = len(self._stacks) <= len(self._real.required)
            source = next(sources, None) if due or only_required else None
            yield from self._new_stop(number, source) if source else self._repeated_stop(number)
        yield from self._real.after
        yield EndRecord(
            RecordingOutcome.COMPLETE, "QEMU ended", frames=len(self._frames), stops=self._shape.stacks
        )

    def _distinct(self) -> Iterator[tuple[_Source, int, int]]:
        """The stacks to write: a stack of the real recording, the depth of its replaced frame (-1: none), and the
        variant there."""
        yield from ((source, -1, 0) for source in self._real.required)
        left, hits = self._shape.distinct - len(self._real.required), self._real.hits
        if left <= len(hits):
            yield from ((hits[number * len(hits) // left], -1, 0) for number in range(left))
            return
        yield from ((source, -1, 0) for source in hits)
        yield from self._varied(left - len(hits))

    def _varied(self, count: int) -> Iterator[tuple[_Source, int, int]]:
        deep = [source for source in self._real.hits if len(source.frames) >= _DEPTH]
        variants = self._shape.variants
        if deep and len(deep) % variants == 0:
            deep.pop()  # else a stack would get the same variant again and again
        if count > len(deep) * variants * (_DEPTH - 1):
            raise ValueError(f"the real recording has too few stacks for {count} more")
        for number in range(count):
            index, turn = number % len(deep), number // len(deep)
            callers = len(deep[index].frames) - 1  # the innermost frame is where the breakpoint is
            yield deep[index], 1 + (index + turn // variants) % callers, 1 + number % variants

    def _new_stop(self, number: int, stack: tuple[_Source, int, int]) -> Iterator[Record]:
        source, replaced, variant = stack
        numbers = []
        for depth, frame in enumerate(source.frames):
            key = (frame, variant if depth == replaced else 0)
            if key not in self._frames:
                self._frames[key] = len(self._frames)
                yield self._frame(*key)
            numbers.append(self._frames[key])
        yield StackRecord(len(self._stacks), numbers)
        yield self._stop(number, source, len(self._stacks), source.stop.arguments)
        self._stacks.append(source)
        returned = self._real.returns.get(source.stop.number)
        if returned and source.stop.reason is not StopReason.BREAK:
            yield replace(returned, stop=number)

    def _repeated_stop(self, number: int) -> Iterator[Record]:
        required = len(self._real.required)
        stack = required + number * _STRIDE % (len(self._stacks) - required)
        yield self._stop(number, self._stacks[stack], stack, [])

    def _stop(self, number: int, source: _Source, stack: int, arguments: list[Arguments]) -> StopRecord:
        time = round(number * _SPACING, 6)
        return replace(source.stop, number=number, time=time, stack=stack, arguments=arguments)

    def _frame(self, frame: int, variant: int) -> FrameRecord:
        real = self._real.frames[frame]
        name = f"{real.function}_changed" if real.function in self._changed else real.function
        if variant:
            name = f"{name}_{variant}"
        pc = real.pc + variant * _PC_STEP
        return replace(real, number=self._frames[frame, variant], function=name, pc=pc)
