"""The function pointers of the report: the slot of each indirect call, and what set it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from analyzer.graph.call_graph import CallGraph, ChainStep, GraphPointer
from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.model.frames import Function
from analyzer.model.pointers import Pointer
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import PointerOutcome
from reports.html.report_page import PointerOriginStory, PointerStory, SourceLine
from reports.text.backtraces import backtrace
from reports.text.pointers import location_text, origin_text, slot_text

SourceLookup = Callable[[str, int], tuple[SourceLine, ...]]  # of a file and a line


class PointerStories:
    """Describes the pointers of indirect calls, from a graph and the recordings that it was merged from."""

    def __init__(self, graph: CallGraph, recordings: Sequence[Recording]) -> None:
        indirect = [call for call in graph.calls if call.kind is CallKind.INDIRECT]
        self._slots = {(call.caller, call.callee): call.pointers for call in indirect}
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
        """Yield (caller, callee, slot) of the indirect calls whose pointer has no known origin."""
        for (caller, callee), slots in self._slots.items():
            for slot in slots:
                if slot.outcome is not PointerOutcome.EXPLAINED:
                    yield caller, callee, slot

    def of_call(self, caller: ChainStep, callee: ChainStep, source: SourceLookup) -> tuple[PointerStory, ...]:
        """Return the pointer that `caller` calls `callee` through; () for other calls and without a record."""
        if callee.pointer is None:
            return ()
        sample = self._samples.get((caller.function, callee.function, callee.pointer))
        return (self._story(callee.pointer, sample, source),)

    def _story(
        self, slot: GraphPointer, sample: tuple[Pointer, Recording] | None, source: SourceLookup
    ) -> PointerStory:
        address_and_value = ""
        backtraces = [""] * len(slot.set_by)
        if sample is not None:
            pointer, recording = sample
            if pointer.address:
                address_and_value = f"{pointer.address:#x} holds {pointer.value:#x}"
            stops = [step.stop for step in pointer.steps]
            backtraces = ["" if stop is None else backtrace(recording.stop(stop), recording) for stop in stops]
        origins = tuple(
            PointerOriginStory(origin_text(step), location_text(step), source(step.file, step.line), text)
            for step, text in zip(slot.set_by, backtraces, strict=True)
        )
        problem = "" if slot.outcome is PointerOutcome.EXPLAINED else f"{slot.outcome}: {slot.reason}"
        return PointerStory(slot_text(slot), address_and_value, origins, problem)
