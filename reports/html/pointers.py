"""The pointers of the report: where each call took its pointer from, and who set it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from analyzer.graph.call_graph import CallGraph, ChainStep, GraphPointer
from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function
from analyzer.model.pointers import Pointer
from analyzer.model.recording import Recording
from gdbscripts.enums import PointerOutcome
from reports.html.report_page import PointerOriginStory, PointerStory, SourceLine
from reports.text.backtraces import backtrace
from reports.text.pointers import location_text, origin_text, slot_text

Source = Callable[[str, int], tuple[SourceLine, ...]]


class PointerStories:
    """What is known of the pointers between functions, from the graph and the recordings behind it."""

    def __init__(self, graph: CallGraph, recordings: Sequence[Recording]) -> None:
        self._slots = {(c.caller, c.callee): c.pointers for c in graph.calls if c.kind is CallKind.INDIRECT}
        self._samples: dict[tuple[Function, Function, GraphPointer], tuple[Pointer, Recording]] = {}
        for recording in recordings:
            for stop in recording.stops if recording.pointers else ():
                steps = own_chain(stop, recording)
                for caller, callee in pairwise(steps):
                    if callee.pointer is not None:
                        key = (caller.function, callee.function, graph_pointer(callee.pointer))
                        self._samples.setdefault(key, (callee.pointer, recording))

    @property
    def unexplained(self) -> Iterator[tuple[Function, Function, GraphPointer]]:
        """Calls whose pointer was looked into in vain."""
        for (caller, callee), slots in self._slots.items():
            for slot in slots:
                if slot.outcome is not PointerOutcome.EXPLAINED:
                    yield caller, callee, slot

    def through(self, caller: ChainStep, callee: ChainStep, source: Source) -> tuple[PointerStory, ...]:
        """The pointer that a step of a chain called the next one through; () when nobody looked for it."""
        if callee.pointer is None:
            return ()
        sample = self._samples.get((caller.function, callee.function, callee.pointer))
        return (self._story(callee.pointer, sample, source),)

    def _story(self, slot: GraphPointer, sample: tuple[Pointer, Recording] | None, source: Source) -> PointerStory:
        holds = ""
        traces = [""] * len(slot.set_by)
        if sample is not None:
            pointer, recording = sample
            if pointer.address:
                holds = f"{pointer.address:#x} holds {pointer.value:#x}"
            stops = [step.stop for step in pointer.steps]
            traces = ["" if stop is None else backtrace(recording.stop(stop), recording) for stop in stops]
        set_by = tuple(
            PointerOriginStory(origin_text(step), location_text(step), source(step.file, step.line), trace)
            for step, trace in zip(slot.set_by, traces, strict=True)
        )
        problem = "" if slot.outcome is PointerOutcome.EXPLAINED else f"{slot.outcome}: {slot.reason}"
        return PointerStory(slot_text(slot), holds, set_by, problem)
