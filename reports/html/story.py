"""The story of the report: the chains to the milestones, told step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from analyzer.graph.chains import RecordedStep, graph_step, kernel_steps, own_chain, whole_chain
from analyzer.model.call_kinds import CALL_KINDS, CallKind, call_arrow
from analyzer.model.frames import Function
from analyzer.model.recording import Recording
from reports.html.pointers import PointerStories
from reports.html.report_page import SourceLine, StoryChapter, StoryStep

_SAMPLES = 3  # different argument lists shown for a function
_STARTS = "starts here"  # of the outermost function


def kind_sentence(kind: CallKind | None) -> str:
    """What the caller does, in front of the callee's name; of the outermost function that nothing calls it."""
    return CALL_KINDS[kind].sentence if kind else _STARTS


class Samples:
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
                steps = [*whole_chain(stop, recording), *kernel_steps(stop, recording)] if stop.milestones else []
                for name in stop.milestones:
                    key = (name, tuple(map(graph_step, steps)))
                    self._chains.setdefault(key, [_arguments(step) for step in steps])

    def along(self, chain: Chain) -> list[str]:
        """The arguments of each step in the first stack that took this chain."""
        return self._chains.get((chain.milestone, chain.steps), [""] * len(chain.steps))

    def _add_arguments(self, step: RecordedStep) -> None:
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


def _arguments(step: RecordedStep) -> str:
    return ", ".join(f"{name}={value}" for name, value in step.frame.arguments) if step.frame else ""


def identity(function: Function) -> str:
    """The function as one string, for links within the page."""
    return f"{function.name}@{function.where}"


def chapters(graph: CallGraph, samples: Samples, pointers: PointerStories) -> Iterator[StoryChapter]:
    """The first chain to each target. What the chapter before told already is folded away."""
    told: set[str] = set()
    before: tuple[ChainStep, ...] = ()
    for chain in graph.chains:
        if not chain.target or chain.milestone in told:
            continue
        told.add(chain.milestone)
        shared = _shared(before, chain.steps)
        callers = (None, *chain.steps)
        steps = [
            _story_step(caller, step, arguments, samples, pointers)
            for caller, step, arguments in zip(callers, chain.steps, samples.along(chain), strict=False)
        ]
        through_pointers = sum(step.kind is CallKind.INDIRECT for step in chain.steps)
        yield StoryChapter(
            chain.milestone, chain.title, chain.about, chain.thread,
            tuple(steps[:shared]), tuple(steps[shared:]), through_pointers,
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


def _story_step(
    caller: ChainStep | None, step: ChainStep, arguments: str, samples: Samples, pointers: PointerStories
) -> StoryStep:
    return StoryStep(
        function=step.function.name,
        identity=identity(step.function),
        kind=step.kind.value if step.kind else "root",
        arrow=call_arrow(step.kind),
        words=kind_sentence(step.kind),
        place=f"{step.file}:{step.line}" if step.file else step.function.where,
        instruction=step.instruction,
        arguments=arguments,
        source=samples.source(step.file, step.line),
        through=pointers.through(caller, step, samples.source) if caller is not None and step.pointer else (),
    )
