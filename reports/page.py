"""What the report shows, as data. The template only prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.graph.callgraph import CallGraph, Chain, ChainStep
from analyzer.graph.chain import Step, own_chain, whole_chain
from analyzer.graph.merge import chain_step
from analyzer.model import Function, Kind, Recording
from analyzer.show import backtrace, heading

_SAMPLES = 3  # different argument lists shown for a function
KIND_WORDS: Mapping[Kind | None, str] = {
    None: "starts here",
    Kind.DIRECT: "calls",
    Kind.INDIRECT: "calls through a pointer",
    Kind.TAIL: "jumps to (tail call)",
    Kind.INLINE: "contains, inlined",
    Kind.THREAD_START: "starts a thread in",
    Kind.SIGNAL: "is interrupted by a signal for",
    Kind.UNKNOWN: "leads, nobody knows how, to",
}


@dataclass(frozen=True)
class SourceLine:
    """A line of source; `here` marks the one that makes the call."""

    number: int
    text: str
    here: bool


@dataclass(frozen=True)
class StoryStep:
    """A function of a chain. `kind` says how the previous one came to it."""

    function: str
    identity: str  # key into `Page.details`
    kind: str
    words: str
    place: str  # file:line, "" when unknown
    instruction: str
    arguments: str
    source: tuple[SourceLine, ...]


@dataclass(frozen=True)
class Chapter:
    """The way to one milestone: `known` steps were told in the chapter before, `steps` are new."""

    milestone: str
    title: str
    about: str
    thread: str
    known: tuple[StoryStep, ...]
    steps: tuple[StoryStep, ...]
    pointers: int  # calls through a function pointer among all steps


@dataclass(frozen=True)
class Moment:
    """A milestone in the timeline; `time` is "" when it was not reached."""

    title: str
    name: str
    time: str
    function: str
    required: bool


@dataclass(frozen=True)
class Rung:
    """An ioctl: the descriptor it was made on, and what it gave."""

    request: str
    fd: str
    file: str
    thread: str
    returned: str
    function: str


@dataclass(frozen=True)
class ThreadRow:
    """A thread that was stopped in, or created."""

    label: str
    start: str
    creator: str
    stops: int


@dataclass(frozen=True)
class Trace:
    """A backtrace as text."""

    heading: str
    text: str


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    verdict: str
    complete: bool
    problems: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    command: str
    serial: str
    messages: str
    timeline: tuple[Moment, ...]
    chapters: tuple[Chapter, ...]
    svg: str
    svg_missing: str
    details: dict[str, Any]
    threads: tuple[ThreadRow, ...]
    rungs: tuple[Rung, ...]
    traces: tuple[Trace, ...]
    kinds: tuple[tuple[str, str, int], ...] = field(default=())


def build_page(graph: CallGraph, recordings: Sequence[Recording], svg: str, svg_missing: str = "") -> Page:
    """The report's data. Without recordings (a graph alone) there are no arguments, sources or backtraces."""
    first = recordings[0] if recordings else None
    samples = _Samples(recordings)
    provenance = graph.provenance
    accelerator = provenance.accelerator.upper() or "an unknown accelerator"
    return Page(
        title=f"How QEMU {provenance.qemu_version} starts a {accelerator} guest",
        verdict=_verdict(graph, first),
        complete=provenance.complete,
        problems=tuple(_problems(recordings)),
        facts=tuple(_facts(graph, first)),
        command=_command(first),
        serial=first.outputs.get("serial", "").replace("\r\n", "\n") if first else "",
        messages=first.outputs.get("stderr", "") if first else "",
        timeline=tuple(_timeline(first)) if first else (),
        chapters=tuple(_chapters(graph, samples)),
        svg=svg,
        svg_missing=svg_missing,
        details=_details(graph, samples),
        threads=tuple(_threads(recordings)),
        rungs=tuple(_rungs(graph, first)),
        traces=tuple(_traces(recordings)),
        kinds=tuple(_kinds(graph)),
    )


class _Samples:
    """Arguments and sources by function, gathered from all stacks."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self.arguments: dict[Function, list[str]] = {}
        self._sources: dict[str, dict[int, str]] = {}
        self._chains: dict[tuple[str, tuple[ChainStep, ...]], list[str]] = {}
        for recording in recordings:
            self._sources.update(recording.sources)
            for stop in recording.stops:
                for step in own_chain(stop, recording):
                    self._add_arguments(step)
                steps = whole_chain(stop, recording) if stop.milestones else []
                for name in stop.milestones:
                    key = (name, tuple(map(chain_step, steps)))
                    self._chains.setdefault(key, [_arguments(step) for step in steps])

    def along(self, chain: Chain) -> list[str]:
        """The arguments of each step in the first stack that took this chain."""
        return self._chains.get((chain.milestone, chain.steps), [""] * len(chain.steps))

    def _add_arguments(self, step: Step) -> None:
        text = _arguments(step)
        known = self.arguments.setdefault(step.function, [])
        if text and text not in known and len(known) < _SAMPLES:
            known.append(text)

    def source(self, file: str, line: int, around: int = 2) -> tuple[SourceLine, ...]:
        """The lines around `file`:`line` that the recording holds."""
        lines = self._sources.get(file, {})
        if line not in lines:
            return ()
        numbers = range(line - around, line + around + 1)
        return tuple(SourceLine(n, lines[n], n == line) for n in numbers if n in lines)


def _arguments(step: Step) -> str:
    return ", ".join(f"{name}={value}" for name, value in step.frame.arguments) if step.frame else ""


def identity(function: Function) -> str:
    """The function as one string, for links within the page."""
    return f"{function.name}@{function.where}"


def _verdict(graph: CallGraph, recording: Recording | None) -> str:
    pointers = sum(1 for call in graph.calls if call.kind is Kind.INDIRECT)
    seen = f"{len(graph.nodes)} functions, {len(graph.calls)} calls, {pointers} of them through a pointer"
    if recording is None or recording.end is None:
        return f"{seen}."
    return f"{seen}. {recording.end.reason[:1].upper()}{recording.end.reason[1:]}."


def _problems(recordings: Sequence[Recording]) -> Iterator[str]:
    for recording in recordings:
        if recording.end is None:
            yield "This recording was cut short: it has no end. What follows is what was recorded until then."
        elif recording.end.outcome == "interrupted":
            yield "This recording was interrupted. What follows is what was recorded until then."
        for milestone in recording.not_reached:
            if milestone.found:
                yield f"Never reached: {milestone.title} ({', '.join(milestone.found)})."
            else:
                yield f"Not in this program: {milestone.title} (none of {', '.join(milestone.missing)})."
        yield from recording.notes


def _facts(graph: CallGraph, recording: Recording | None) -> Iterator[tuple[str, str]]:
    provenance = graph.provenance
    yield "QEMU", provenance.qemu_version
    yield "Build-id", provenance.build_id or "none"
    yield "Accelerator", _accelerator(graph, recording)
    yield "Guest", provenance.guest
    if recording is not None:
        yield "Exit", _exit(recording)
        yield "gdb", recording.header.gdb_version
        yield "Host", recording.header.host
        yield "Recorded", recording.header.created
    for name, value in provenance.build.items():
        yield f"Build: {name}", str(value)
    yield "Made by", provenance.tool


def _accelerator(graph: CallGraph, recording: Recording | None) -> str:
    if recording is not None and recording.accelerator is not None:
        return f"{recording.accelerator.name} (QEMU says: {recording.accelerator.evidence})"
    return graph.provenance.accelerator or "unknown"


def _exit(recording: Recording) -> str:
    if recording.exit is None:
        return "did not end by itself"
    if recording.exit.signal:
        return f"killed by signal {recording.exit.signal}"
    return f"status {recording.exit.status}"


def _command(recording: Recording | None) -> str:
    return " ".join(recording.header.command) if recording else ""


def _timeline(recording: Recording) -> Iterator[Moment]:
    first: dict[str, tuple[float, str]] = {}
    for stop in recording.stops:
        for name in stop.milestones:
            first.setdefault(name, (stop.time, stop.function))
    for milestone in recording.milestones:
        time, function = first.get(milestone.name, (None, ", ".join(milestone.found)))
        when = "" if time is None else f"{time:.3f} s"
        yield Moment(milestone.title, milestone.name, when, milestone.request or function, milestone.required)


def _chapters(graph: CallGraph, samples: _Samples) -> Iterator[Chapter]:
    """The first chain to each target. What the chapter before told already is folded away."""
    told: set[str] = set()
    before: tuple[ChainStep, ...] = ()
    for chain in graph.chains:
        if not chain.target or chain.milestone in told:
            continue
        told.add(chain.milestone)
        shared = _shared(before, chain.steps)
        steps = [
            _story_step(step, arguments, samples)
            for step, arguments in zip(chain.steps, samples.along(chain), strict=True)
        ]
        pointers = sum(step.kind is Kind.INDIRECT for step in chain.steps)
        yield Chapter(
            chain.milestone, chain.title, chain.about, chain.thread,
            tuple(steps[:shared]), tuple(steps[shared:]), pointers,
        )  # fmt: skip
        before = chain.steps


def _shared(before: Sequence[ChainStep], now: Sequence[ChainStep]) -> int:
    """How many steps at the beginning are the same functions; the last of `now` is always new."""
    count = 0
    for old, new in zip(before, now[:-1], strict=False):
        if (old.function, old.kind) != (new.function, new.kind):
            break
        count += 1
    # A function that goes on elsewhere is told again, since it now stands at another line.
    return count - 1 if count and before[count - 1].line != now[count - 1].line else count


def _story_step(step: ChainStep, arguments: str, samples: _Samples) -> StoryStep:
    return StoryStep(
        function=step.function.name,
        identity=identity(step.function),
        kind=step.kind.value if step.kind else "root",
        words=KIND_WORDS[step.kind],
        place=f"{step.file}:{step.line}" if step.file else step.function.where,
        instruction=step.instruction,
        arguments=arguments,
        source=samples.source(step.file, step.line),
    )


def _details(graph: CallGraph, samples: _Samples) -> dict[str, Any]:
    """What the panel beside the graph shows, by identity; `id` is the node's id in the SVG."""
    details = {}
    for number, node in enumerate(graph.nodes):
        details[identity(node.function)] = {
            "id": f"f{number}",
            "name": node.function.name,
            "file": node.file or node.function.where,
            "threads": list(node.threads),
            "milestones": list(node.milestones),
            "frames": node.frames,
            "arguments": samples.arguments.get(node.function, []),
            "callers": [_neighbour(c.caller, c.kind, c.hits, ()) for c in graph.callers(node.function)],
            "callees": [
                _neighbour(c.callee, c.kind, c.hits, [
                    {"place": f"{s.file}:{s.line}", "instruction": s.instruction,
                     "source": [vars(line) for line in samples.source(s.file, s.line)]}
                    for s in c.sites
                ])
                for c in graph.callees(node.function)
            ],
        }  # fmt: skip
    return details


def _neighbour(function: Function, kind: Kind, hits: int, sites: Sequence[Any]) -> dict[str, Any]:
    return {
        "identity": identity(function), "name": function.name, "kind": kind.value,
        "words": KIND_WORDS[kind], "hits": hits, "sites": list(sites),
    }  # fmt: skip


def _threads(recordings: Sequence[Recording]) -> Iterator[ThreadRow]:
    for recording in recordings[:1]:
        creators = {stop.number: stop for stop in recording.stops if stop.reason == "thread-create"}
        for thread in sorted(recording.threads, key=lambda t: t.number):
            creation = creators.pop(thread.created_by, None) if thread.created_by is not None else None
            stops = sum(stop.thread == thread.number for stop in recording.stops)
            creator = _creator(creation.frames[1:]) if creation else ""
            start = thread.start.name if thread.start else "main" if thread.number == 1 else "not recorded"
            yield ThreadRow(f"{thread.label} (gdb's {thread.number})", start, creator, stops)
        for creation in creators.values():
            start = creation.starts.name if creation.starts else "??"
            yield ThreadRow("not stopped in", start, _creator(creation.frames[1:]), 0)


def _creator(frames: Sequence[Any]) -> str:
    return " ← ".join(frame.function.name for frame in frames[:3])


def _rungs(graph: CallGraph, recording: Recording | None) -> Iterator[Rung]:
    if recording is None:
        for call in graph.ioctls:
            yield Rung(call.request, "", call.file, call.thread, call.returns, call.function.name)
        return
    for stop in recording.stops:
        if stop.ioctl is not None:
            caller = stop.frames[1].function.name if len(stop.frames) > 1 else ""
            returned = "" if stop.ioctl.returned is None else str(stop.ioctl.returned)
            label = recording.thread(stop.thread).label
            yield Rung(stop.ioctl.request, str(stop.ioctl.fd), stop.ioctl.file, label, returned, caller)


def _traces(recordings: Sequence[Recording]) -> Iterator[Trace]:
    for recording in recordings:
        for stop in recording.stops:
            yield Trace(heading(stop, recording).removeprefix("== "), backtrace(stop, recording))


def _kinds(graph: CallGraph) -> Iterator[tuple[str, str, int]]:
    for kind in Kind:
        count = sum(call.kind is kind for call in graph.calls)
        if count:
            yield kind.value, KIND_WORDS[kind], count
