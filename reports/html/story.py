"""The story of the report: the chains to the milestones, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from analyzer.graph.chains import RecordedStep, graph_step, kernel_steps, own_chain, whole_chain
from analyzer.model.frames import Function, Stop, distinct_stops
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CALL_KINDS, CallKind, call_arrow
from reports.html.pointers import PointerStories
from reports.html.report_page import SourceLine, StoryChapter, StoryStep

CUT_MARK = ", callers unknown"  # behind the thread of a chain whose backtrace was cut

_ARGUMENT_LISTS = 3  # different argument lists shown for a function
_OUTERMOST = "starts here"


def kind_sentence(kind: CallKind | None) -> str:
    """Return what the caller does, as in "calls through a pointer"; None is the kind of the outermost function."""
    return CALL_KINDS[kind].sentence if kind else _OUTERMOST


class Samples:
    """Looks up arguments and source lines, collected from all stacks of the recordings."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self.arguments: dict[Function, list[str]] = {}
        self._sources: dict[str, dict[int, str]] = {}
        self._stops: dict[str, list[tuple[Stop, Recording]]] = {}  # by milestone
        for recording in recordings:
            self._sources.update(recording.sources)
            for stop in recording.stops:
                for step in own_chain(stop, recording) if stop.arguments else ():
                    self._add_arguments(step)
            for stop in distinct_stops(recording.stops):
                for name in stop.milestones:
                    self._stops.setdefault(name, []).append((stop, recording))

    def arguments_of_chain(self, chain: Chain) -> list[str]:
        """Return the arguments of each step, from the first stack with this chain; "" where none are recorded."""
        for stop, recording in self._stops.get(chain.milestone, ()):
            steps = [*whole_chain(stop, recording), *kernel_steps(stop, recording)]
            if len(steps) == len(chain.steps) and tuple(map(graph_step, steps)) == chain.steps:
                return [_arguments(step) for step in steps]
        return [""] * len(chain.steps)

    def _add_arguments(self, step: RecordedStep) -> None:
        argument_lists = self.arguments.setdefault(step.function, [])
        if step.arguments and len(argument_lists) < _ARGUMENT_LISTS:
            text = _arguments(step)
            if text not in argument_lists:
                argument_lists.append(text)

    def source(self, file: str, line: int, around: int = 2) -> tuple[SourceLine, ...]:
        """Return the recorded source lines around `file`:`line`, `around` on each side; () without them."""
        lines = self._sources.get(file, {})
        if line not in lines:
            return ()
        numbers = range(line - around, line + around + 1)
        return tuple(SourceLine(n, lines[n], n == line) for n in numbers if n in lines)


def _arguments(step: RecordedStep) -> str:
    return ", ".join(f"{name}={value}" for name, value in step.arguments)


def identity(function: Function) -> str:
    """Return NAME@FILE_STEM, which identifies the function in links within the page."""
    return f"{function.name}@{function.where}"


def chapters(graph: CallGraph, samples: Samples, pointers: PointerStories) -> Iterator[StoryChapter]:
    """Yield the first chain to each target milestone, each split from the steps of the previous chapter."""
    milestones: set[str] = set()
    previous: tuple[ChainStep, ...] = ()
    for chain in graph.chains:
        if not chain.target or chain.milestone in milestones:
            continue
        milestones.add(chain.milestone)
        shared = _count_shared_steps(previous, chain.steps)
        callers = (None, *chain.steps)
        steps = [
            _story_step(caller, step, arguments, samples, pointers)
            for caller, step, arguments in zip(
                callers, chain.steps, samples.arguments_of_chain(chain), strict=False
            )
        ]
        indirect_calls = sum(step.kind is CallKind.INDIRECT for step in chain.steps)
        yield StoryChapter(
            chain.milestone, chain.title, chain.about, f"{chain.thread}{CUT_MARK if chain.open_ended else ''}",
            tuple(steps[:shared]), tuple(steps[shared:]), indirect_calls,
        )  # fmt: skip
        previous = chain.steps


def _count_shared_steps(previous: Sequence[ChainStep], steps: Sequence[ChainStep]) -> int:
    """Return how many first steps are the same functions, called alike; the last of `steps` is never shared."""
    count = 0
    for previous_step, step in zip(previous, steps[:-1], strict=False):
        if (previous_step.function, previous_step.kind) != (step.function, step.kind):
            break
        count += 1
    # A function that calls from another line than before is not shared.
    return count - 1 if count and previous[count - 1].line != steps[count - 1].line else count


def _story_step(
    caller: ChainStep | None, step: ChainStep, arguments: str, samples: Samples, pointers: PointerStories
) -> StoryStep:
    return StoryStep(
        function=step.function.name,
        identity=identity(step.function),
        kind=step.kind.value if step.kind else "root",
        arrow=call_arrow(step.kind),
        call_sentence=kind_sentence(step.kind),
        place=f"{step.file}:{step.line}" if step.file and step.line else step.file or step.function.where,
        instruction=step.instruction,
        arguments=arguments,
        source=samples.source(step.file, step.line),
        pointers=pointers.of_call(caller, step, samples.source) if caller is not None and step.pointer else (),
    )
