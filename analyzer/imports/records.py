"""Stacks become the records of a recording like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from analyzer import TOOL
from analyzer.imports.calls import call_of
from analyzer.imports.milestones import ioctl_in, milestone_at, milestone_of, milestone_titled, step_reached
from analyzer.imports.places import placed, source_root
from analyzer.imports.stacks import UNKNOWN_FRAME, ImportedFrame, ImportedStack
from analyzer.imports.threads import MAIN, Threads
from gdbscripts import wire

_CHAINS = 100  # of counted stacks those that came most often are told as chains
_THREAD_CREATED = "A thread is created, starting in "
_PLAIN_HEADINGS = {"Where it stood at the end": "where", "A function pointer is stored": wire.STORE}
_FOR_THE_GUEST = "A device's function runs for the guest: "


@dataclass(frozen=True)
class ImportOrigin:
    """What is known of where the text comes from. `about` goes into the graph's provenance, as (name, value)."""

    name: str
    qemu_version: str = ""
    host: str = ""
    about: tuple[tuple[str, str], ...] = ()


def records(
    stacks: Sequence[ImportedStack], origin: ImportOrigin, notes: Sequence[str], counted: bool
) -> Iterator[wire.Record]:
    """The recording, from header to end."""
    writer = _Writer(with_creators(_placed(stacks)), counted)
    body = list(writer.stops())
    yield _header(origin)
    yield from writer.milestones()
    yield from writer.threads.records.values()
    yield from body
    for note in notes:
        yield wire.NoteRecord(note)
    yield wire.EndRecord("complete", "", len(writer.frames), writer.count)


def _header(origin: ImportOrigin) -> wire.HeaderRecord:
    return wire.HeaderRecord(
        schema=wire.SCHEMA,
        tool=TOOL,
        created="",
        scenario=wire.IMPORT,
        command=["analyze", "import", origin.name],
        guest="",
        accelerator_asked="",
        qemu="",
        qemu_version=origin.qemu_version,
        build_id="",
        gdb_version="",
        host=origin.host,
        build={"imported from": origin.name, **dict(origin.about)},
    )


def _placed(stacks: Sequence[ImportedStack]) -> list[ImportedStack]:
    """The stacks with relative paths. What our own `show` printed has them already."""
    foreign = [stack for stack in stacks if not stack.heading]
    root = source_root(
        frame.file for stack in foreign for frame in stack.frames if frame.file and not placed(frame, "").library
    )
    known: dict[ImportedFrame, ImportedFrame] = {}

    def place(frame: ImportedFrame, root: str) -> ImportedFrame:
        return known.setdefault(frame, placed(frame, root)) if frame.file else frame

    return [
        stack._replace(
            frames=tuple(place(frame, "" if stack.heading else root) for frame in stack.frames),
            creator=tuple(place(frame, "") for frame in stack.creator),
        )
        for stack in stacks
    ]


def with_creators(stacks: Sequence[ImportedStack]) -> list[ImportedStack]:
    """The stacks, and where only a thread's first one tells how the thread was created, that one before it."""
    told = {stack.frames for stack in stacks if stack.heading.startswith(_THREAD_CREATED)}
    whole = []
    for stack in stacks:
        if stack.creator and stack.creator not in told:
            told.add(stack.creator)
            whole.append(ImportedStack(stack.creator, heading=f"{_THREAD_CREATED}??", time=stack.time))
        whole.append(stack)
    return whole


@dataclass
class _Writer:
    """Numbers frames and stops."""

    stacks: list[ImportedStack]
    counted: bool
    frames: dict[tuple[ImportedFrame, str], int] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.threads = Threads(self.stacks)
        self._milestones: dict[str, wire.MilestoneRecord] = {}
        self._creations: dict[
            tuple[ImportedFrame, ...], list[int]
        ] = {}  # stops that created a thread nobody claimed yet
        self._claimed: set[int] = set()
        most = Counter({number: stack.times for number, stack in enumerate(self.stacks)}).most_common(_CHAINS)
        self._told = {number for number, _ in most} if self.counted else set(range(len(self.stacks)))

    def milestones(self) -> Iterator[wire.MilestoneRecord]:
        """Those that were reached; when none of them has a chain of its own, all have."""
        found = self._milestones.values()
        targets = any(milestone.target for milestone in found)
        return (milestone if targets else replace(milestone, target=True) for milestone in found)

    def stops(self) -> Iterator[wire.Record]:
        """Frames and stops; and what a thread's creator gave back, so that the two are joined."""
        for number, stack in enumerate(self.stacks):
            thread = self.threads.number_of(stack)
            numbers: list[int] = []
            for inner, frame in zip([UNKNOWN_FRAME, *stack.frames], stack.frames, strict=False):
                call = str(call_of(frame, inner)) if numbers else ""
                key = (frame._replace(arguments=(), gap=False), call)
                if key not in self.frames:
                    self.frames[key] = len(self.frames)
                    yield _frame(self.frames[key], frame, call)
                numbers.append(self.frames[key])
            yield self._stop(number, stack, thread, numbers)
            if stack.creator and thread != MAIN:
                yield from self._created(stack, thread)
        self.count = len(self.stacks)

    def _stop(self, number: int, stack: ImportedStack, thread: int, frames: list[int]) -> wire.StopRecord:
        what = self._what(number, stack)
        if what.reason == "thread-create":
            self._creations.setdefault(stack.frames, []).append(number)
        return replace(
            what, number=number, time=round(stack.time, 6), thread=thread, frames=frames, count=stack.times,
            arguments=[[(name, value) for name, value in frame.arguments] for frame in stack.frames],
        )  # fmt: skip

    def _what(self, number: int, stack: ImportedStack) -> wire.StopRecord:
        """What the stop is of: its heading says so, or its innermost function."""
        function = next((frame.name for frame in stack.frames if not frame.is_hole), wire.UNKNOWN_NAME)
        if stack.heading:
            return self._by_heading(stack, stack.frames[0].name)
        step = step_reached(function) if stack.frames[0].name == function else None
        if step is None and number not in self._told:
            return _plain_stop(wire.SAMPLE, function)
        milestone = milestone_of(step, function) if step else milestone_at(function)
        return self._reaching([milestone], function)

    def _by_heading(self, stack: ImportedStack, function: str) -> wire.StopRecord:
        heading = stack.heading
        if heading in _PLAIN_HEADINGS:
            return _plain_stop(_PLAIN_HEADINGS[heading], "")
        if heading.startswith(_THREAD_CREATED):
            return self._creating(heading[len(_THREAD_CREATED) :])
        if heading.startswith(_FOR_THE_GUEST):
            return _plain_stop(wire.IO, heading[len(_FOR_THE_GUEST) :])
        ioctl = ioctl_in(heading)
        if ioctl is not None:
            _, step, file = ioctl
            stop = self._reaching([milestone_of(step, "ioctl")], "ioctl")
            return replace(stop, request=step.request, file=file)
        return self._reaching([milestone_titled(title, function) for title in heading.split("; ")], function)

    def _creating(self, start: str) -> wire.StopRecord:
        if start == wire.UNKNOWN_NAME:
            return _plain_stop("thread-create", "pthread_create")
        outermost = [frame for stack in self.stacks for frame in stack.frames[-3:] if frame.name == start]
        place = outermost[0] if outermost else UNKNOWN_FRAME
        return replace(
            _plain_stop("thread-create", "pthread_create"),
            starts=start, starts_file=place.file, starts_library=place.library,
        )  # fmt: skip

    def _reaching(self, milestones: list[wire.MilestoneRecord], function: str) -> wire.StopRecord:
        for milestone in milestones:
            self._milestones.setdefault(milestone.name, milestone)
        return replace(_plain_stop("milestone", function), milestones=[milestone.name for milestone in milestones])

    def _created(self, stack: ImportedStack, thread: int) -> Iterator[wire.Record]:
        free = self._creations.get(stack.creator, [])
        if thread in self._claimed or not free:
            return
        self._claimed.add(thread)
        handle = hex(thread)
        self.threads.set_handle(thread, handle)
        yield wire.ReturnRecord(free.pop(0), 0, handle)


def _plain_stop(reason: str, function: str) -> wire.StopRecord:
    return wire.StopRecord(0, 0.0, 0, reason, [], function, [], [])


def _frame(number: int, frame: ImportedFrame, call: str) -> wire.FrameRecord:
    return wire.FrameRecord(
        number, frame.name, frame.kind, frame.pc, frame.file, frame.line, frame.library, frame.addressed, call
    )  # fmt: skip
