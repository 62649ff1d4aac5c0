"""The story of the report: the chains to the milestones, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from analyzer.graph.chains import RecordedStep, graph_step, kernel_steps, own_chain, whole_chain
from analyzer.model.frames import Function, Stop, distinct_stops
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from reports.html.report_page import StoryChapter, StoryStep
from reports.html.translate import t

_ARGUMENT_LISTS = 3  # different argument lists shown for a function
_OUTERMOST = "starts here"


def kind_sentence(kind: CallKind | None) -> str:
    """Return what the caller does, as in "calls through a pointer"; None is the kind of the outermost function."""
    return CALL_KINDS[kind].sentence if kind else _OUTERMOST


def identity(function: Function) -> str:
    """Return NAME@FILE_STEM, which identifies the function in links within the page."""
    return f"{function.name}@{function.where}"


class Samples:
    """Looks up arguments, collected from all stacks of the recordings."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self.arguments: dict[Function, list[str]] = {}
        self._stops: dict[str, list[tuple[Stop, Recording]]] = {}  # by milestone
        for recording in recordings:
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


def _arguments(step: RecordedStep) -> str:
    return ", ".join(f"{name}={value}" for name, value in step.arguments)


def chapters(graph: CallGraph, samples: Samples) -> Iterator[StoryChapter]:
    """Yield the first chain to each target milestone, each split from the steps of the previous chapter."""
    milestones: set[str] = set()
    previous: tuple[ChainStep, ...] = ()
    for chain in graph.chains:
        if not chain.target or chain.milestone in milestones:
            continue
        milestones.add(chain.milestone)
        shared = _count_shared_steps(previous, chain.steps)
        arguments = samples.arguments_of_chain(chain)
        steps = tuple(StoryStep(step, text) for step, text in zip(chain.steps, arguments, strict=True))
        thread = t("{thread}, callers unknown", thread=chain.thread) if chain.open_ended else chain.thread
        yield StoryChapter(chain.milestone, t(chain.title), t(chain.about), thread, steps, shared)
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
