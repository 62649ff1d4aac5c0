"""Makes the records of a recording from imported stacks: kinds of calls, milestones, threads, stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

from analyzer import TOOL
from analyzer.backtraces.program import QEMU, UNKNOWN_PROGRAM, program_in_titles
from analyzer.backtraces.source_files import files_of_functions, placed
from analyzer.backtraces.stacks import UNKNOWN_FRAME, ImportedFrame, ImportedStack
from analyzer.backtraces.threads import MAIN, Threads
from analyzer.model.frames import without_symbol_version
from analyzer.model.headings import ASKED_FOR, IN_FUNCTION, STARTS, StackHeading, filled_in, titles_in
from analyzer.recording.scenarios import load_scenario
from analyzer.recording.source_paths import likely_source_root
from gdbscripts import plan
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import FrameKind, RecordingOutcome, StopReason
from gdbscripts.records import (
    BREAK,
    IMPORT,
    KERNEL_LIBRARY,
    SCHEMA,
    UNKNOWN_NAME,
    EndRecord,
    FrameRecord,
    HeaderRecord,
    MilestoneRecord,
    NoteRecord,
    Record,
    ReturnRecord,
    StackRecord,
    StopRecord,
)

# Prefixes of the kernel functions that a system call enters first.
_SYSTEM_CALL = ("entry_SYSCALL", "entry_SYSENTER", "entry_INT80", "do_syscall_", "__x64_sys_", "el0_svc")


def call_kind(outer: ImportedFrame, inner: ImportedFrame) -> CallKind:
    """The kind of the call from `outer` to `inner`, its next inner frame.

    CALL stands for direct and indirect calls, which a backtrace does not distinguish; UNKNOWN where frames may be
    missing between the two.
    """
    if outer.is_unknown or inner.is_unknown or outer.gap or FrameKind.OTHER in (outer.kind, inner.kind):
        return CallKind.UNKNOWN
    if inner.kind is FrameKind.INLINE:
        return CallKind.INLINE
    if FrameKind.SIGNAL in (outer.kind, inner.kind):
        return CallKind.SIGNAL
    if KERNEL_LIBRARY in (outer.library, inner.library):
        return _kernel_call_kind(outer, inner)
    return CallKind.TAIL if outer.kind is FrameKind.TAIL else CallKind.CALL


def _kernel_call_kind(outer: ImportedFrame, inner: ImportedFrame) -> CallKind:
    """The kind when one of both is in the kernel: a page fault or an interrupt is not a call (UNKNOWN)."""
    if outer.library == inner.library:
        return CallKind.KERNEL
    is_system_call = not outer.library.startswith(KERNEL_LIBRARY) and inner.name.startswith(_SYSTEM_CALL)
    return CallKind.SYSCALL if is_system_call else CallKind.UNKNOWN


@cache
def known_steps() -> tuple[plan.PlannedMilestone, ...]:
    """The milestones of all scenarios and accelerators, in their order, without duplicates."""
    scenarios = (load_scenario("startup", "kvm"), load_scenario("startup", "tcg"), load_scenario("io", "kvm"))
    return tuple({step.name: step for scenario in scenarios for step in scenario.steps}.values())


def step_reached(function: str) -> plan.PlannedMilestone | None:
    """The milestone that a stop in `function` reaches; None when it reaches none or may be any ioctl."""
    steps = (step for step in known_steps() if not step.request_name)
    return next((step for step in steps if function in step.functions), None)


def milestone_at(function: str) -> MilestoneRecord:
    """A milestone for a stack whose innermost function is `function`."""
    return MilestoneRecord(
        f"at {function}", IN_FUNCTION.format(function), False, [function], [],
        about="The backtrace ends here.", target=True,
    )  # fmt: skip


def milestone_of(step: plan.PlannedMilestone, function: str, program: str = QEMU) -> MilestoneRecord:
    """The milestone record of a scenario's milestone that `function` of `program` reaches."""
    title = STARTS.format(program) if step.title == STARTS.format(QEMU) else step.title
    return MilestoneRecord(
        step.name, title, False, [function], [],
        request=step.request_name, about=step.about, target=step.target,
    )  # fmt: skip


def milestone_titled(title: str, function: str) -> MilestoneRecord:
    """The milestone with the title `title` in a heading of `analyze show`, reached in `function`."""
    step = next((step for step in known_steps() if step.title == title), None)
    if step is not None:
        return milestone_of(step, function)
    starts = step_reached(function)
    if starts is not None and starts.title == STARTS.format(QEMU) and title.endswith(STARTS.format("")):
        return milestone_of(starts, function, title.removesuffix(STARTS.format("")))
    reached = filled_in(IN_FUNCTION, title)
    if reached is not None and " " not in reached:
        return milestone_at(reached)
    asked_for = filled_in(ASKED_FOR, title)
    name = title if asked_for is None else BREAK + asked_for
    return replace(milestone_at(function), name=name, title=title, about="", found=[function])


def ioctl_step(title: str, request: str) -> plan.PlannedMilestone | None:
    """The milestone with the title `title` that waits for the ioctl `request`; None when there is none."""
    steps = (step for step in known_steps() if step.request_name == request)
    return next((step for step in steps if step.title == title), None)


_MAX_CHAINS = 100  # of samples: only the most frequent stacks become chains of the report


@dataclass(frozen=True)
class ImportOrigin:
    """Where an imported text comes from. `about`: (name, value) pairs for the provenance of the graph."""

    name: str  # as the user named it
    qemu_version: str = ""  # "" when unknown
    host: str = ""  # `Linux 3.7.10`; "" when unknown
    about: tuple[tuple[str, str], ...] = ()
    program: str = ""  # name of the program, "" when the text does not name it
    name_in_messages: str = ""  # such as a path, which no graph may contain; "" when `name` is as good


def records(
    stacks: Sequence[ImportedStack], origin: ImportOrigin, notes: Sequence[str], counted: bool
) -> Iterator[Record]:
    """The records of a recording of `stacks`, from the header to the end; paths become relative.

    `notes` are sentences for the reader. With `counted` the stacks are samples, which have their `times`.
    """
    functions = (frame.name for stack in stacks for frame in stack.frames)
    program = QEMU if origin.qemu_version else program_in_titles(origin.program, functions)
    writer = _Writer(with_creators(_placed(stacks)), counted, program)
    body = list(writer.stops())
    yield _header(origin, "" if program in (QEMU, UNKNOWN_PROGRAM) else program)
    yield from writer.milestones()
    yield from writer.threads.records.values()
    yield from body
    for note in notes:
        yield NoteRecord(note)
    yield EndRecord(RecordingOutcome.COMPLETE, "", len(writer.frames), writer.count)


def _header(origin: ImportOrigin, program: str) -> HeaderRecord:
    return HeaderRecord(
        schema=SCHEMA,
        tool=TOOL,
        created="",
        scenario=IMPORT,
        command=["analyze", "import", origin.name],
        guest="",
        accelerator_asked="",
        qemu="",
        qemu_version=origin.qemu_version,
        build_id="",
        gdb_version="",
        host=origin.host,
        build={"imported from": origin.name, **({"program": program} if program else {}), **dict(origin.about)},
    )


def _placed(stacks: Sequence[ImportedStack]) -> list[ImportedStack]:
    """The stacks with paths relative to the source root; those of `analyze show` have them already."""
    foreign = [stack for stack in stacks if not stack.heading]
    root = likely_source_root(
        frame.file for stack in foreign for frame in stack.frames if frame.file and not placed(frame, "").library
    )
    known: dict[ImportedFrame, ImportedFrame] = {}

    def place(frame: ImportedFrame, root: str) -> ImportedFrame:
        return known.setdefault(frame, placed(frame, root)) if frame.file else frame

    return [
        stack._replace(
            frames=tuple(place(frame, "" if stack.heading else root) for frame in stack.frames),
            creator=tuple(place(frame, "" if stack.heading else root) for frame in stack.creator),
        )
        for stack in stacks
    ]


def with_creators(stacks: Sequence[ImportedStack]) -> list[ImportedStack]:
    """The stacks, each new creator of a thread as a stack of its own before the thread's first stack."""
    known = {stack.frames for stack in stacks if _creates(stack)}
    all_stacks = []
    for stack in stacks:
        if stack.creator and stack.creator not in known:
            known.add(stack.creator)
            heading = StackHeading(StopReason.THREAD_CREATE, "", stack.time, UNKNOWN_NAME)
            all_stacks.append(ImportedStack(stack.creator, heading=heading, time=stack.time))
        all_stacks.append(stack)
    return all_stacks


def _creates(stack: ImportedStack) -> bool:
    return stack.heading is not None and stack.heading.reason is StopReason.THREAD_CREATE


@dataclass
class _Writer:
    """Makes the records of stops and frames, with a number for each."""

    stacks: list[ImportedStack]
    counted: bool
    program: str  # for titles
    frames: dict[tuple[ImportedFrame, str], int] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.threads = Threads(self.stacks)
        self._files = files_of_functions(frame for stack in self.stacks for frame in stack.frames)
        self._milestones: dict[str, MilestoneRecord] = {}
        # Stack -> numbers of the stops that create a thread and that no thread has been matched with yet.
        self._creations: dict[tuple[ImportedFrame, ...], list[int]] = {}
        self._matched: set[int] = set()
        self._numbers: dict[tuple[int, ...], int] = {}  # frames of a stack -> its number
        most = Counter({number: stack.times for number, stack in enumerate(self.stacks)}).most_common(_MAX_CHAINS)
        self._chain_stacks = {number for number, _ in most} if self.counted else set(range(len(self.stacks)))

    @cached_property
    def _outermost(self) -> dict[str, ImportedFrame]:
        """Name of a function -> the first of its frames among the outermost three of a stack."""
        frames = (frame for stack in self.stacks for frame in stack.frames[-3:])
        found: dict[str, ImportedFrame] = {}
        for frame in frames:
            found.setdefault(frame.name, frame)
        return found

    def milestones(self) -> Iterator[MilestoneRecord]:
        """The milestones reached; when none of them is a target of a chain, all are."""
        found = self._milestones.values()
        targets = any(milestone.target for milestone in found)
        return (milestone if targets else replace(milestone, target=True) for milestone in found)

    def stops(self) -> Iterator[Record]:
        """The records of frames and stops, and the returns of pthread_create that link a thread to its creator."""
        for number, stack in enumerate(self.stacks):
            thread = self.threads.number_of(stack)
            numbers: list[int] = []
            for inner, frame in zip([UNKNOWN_FRAME, *stack.frames], stack.frames, strict=False):
                call = str(call_kind(frame, inner)) if numbers else ""
                key = (frame._replace(arguments=(), gap=False), call)
                if key not in self.frames:
                    self.frames[key] = len(self.frames)
                    record = _frame(self.frames[key], frame, call)
                    defined_in = None if frame.library else self._files.get(frame.name)
                    yield replace(record, defined_in=defined_in) if defined_in != frame.file else record
                numbers.append(self.frames[key])
            known = tuple(numbers) in self._numbers
            stack_number = self._numbers.setdefault(tuple(numbers), len(self._numbers))
            if not known:
                yield StackRecord(stack_number, numbers)
            yield self._stop(number, stack, thread, stack_number)
            if stack.creator and thread != MAIN:
                yield from self._created(stack, thread)
        self.count = len(self.stacks)

    def _stop(self, number: int, stack: ImportedStack, thread: int, stack_number: int) -> StopRecord:
        what = self._what(number, stack)
        if what.reason is StopReason.THREAD_CREATE:
            self._creations.setdefault(stack.frames, []).append(number)
        return replace(
            what, number=number, time=round(stack.time, 6), thread=thread, stack=stack_number, count=stack.times,
            open_ended=stack.open_ended,
            arguments=[[(name, value) for name, value in frame.arguments] for frame in stack.frames],
        )  # fmt: skip

    def _what(self, number: int, stack: ImportedStack) -> StopRecord:
        """The stop without frames and numbers, by the heading of `analyze show` or by the innermost function."""
        name = next((frame.name for frame in stack.frames if not frame.is_unknown), UNKNOWN_NAME)
        function = without_symbol_version(name)
        if stack.heading is not None:
            return self._by_heading(stack.heading, stack.frames[0].name)
        if stack.title:
            return self._reaching([milestone_titled(stack.title, function)], function)
        step = step_reached(function) if stack.frames[0].name == name else None
        if step is None and number not in self._chain_stacks:
            return _plain_stop(StopReason.SAMPLE, function)
        milestone = milestone_of(step, function, self.program) if step else milestone_at(function)
        return self._reaching([milestone], function)

    def _by_heading(self, heading: StackHeading, function: str) -> StopRecord:
        if heading.reason is StopReason.THREAD_CREATE:
            return self._creating(heading.function)
        if heading.reason is StopReason.SIGNAL:
            return replace(_plain_stop(heading.reason, ""), signal=heading.function)
        if heading.reason not in (StopReason.MILESTONE, StopReason.BREAK):
            return _plain_stop(heading.reason, heading.function)
        if heading.ioctl is not None and len(heading.titles) == 1:
            request, file = heading.ioctl
            step = ioctl_step(heading.titles[0], request)
            if step is not None:
                stop = self._reaching([milestone_of(step, "ioctl")], "ioctl")
                return replace(stop, request=step.request, file=file)
        function = "ioctl" if heading.ioctl is not None else function  # glibc's debug information: __GI___ioctl
        titles = titles_in(heading.sentence)  # of an ioctl that no step waits for, it belongs to the last one
        stop = self._reaching([milestone_titled(title, function) for title in titles], function)
        return replace(stop, reason=heading.reason)

    def _creating(self, start: str) -> StopRecord:
        if start == UNKNOWN_NAME:
            return _plain_stop(StopReason.THREAD_CREATE, "pthread_create")
        place = self._outermost.get(start, UNKNOWN_FRAME)
        return replace(
            _plain_stop(StopReason.THREAD_CREATE, "pthread_create"),
            starts=start, starts_file=place.file, starts_library=place.library,
        )  # fmt: skip

    def _reaching(self, milestones: list[MilestoneRecord], function: str) -> StopRecord:
        for milestone in milestones:
            self._milestones.setdefault(milestone.name, milestone)
        return replace(_plain_stop(StopReason.MILESTONE, function), milestones=[m.name for m in milestones])

    def _created(self, stack: ImportedStack, thread: int) -> Iterator[Record]:
        free = self._creations.get(stack.creator, [])
        if thread in self._matched or not free:
            return
        self._matched.add(thread)
        handle = hex(thread)
        self.threads.set_handle(thread, handle)
        yield ReturnRecord(free.pop(0), 0, handle)


def _plain_stop(reason: StopReason, function: str) -> StopRecord:
    return StopRecord(0, 0.0, 0, reason, [], function)


def _frame(number: int, frame: ImportedFrame, call: str) -> FrameRecord:
    return FrameRecord(
        number, frame.name, frame.kind, frame.pc, frame.file, frame.line, frame.library, frame.addressed, call
    )  # fmt: skip
