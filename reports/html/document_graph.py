"""The graph in the page's document: functions, calls with their sites, pointers and their origins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from analyzer.graph.call_graph import Call, CallGraph, CallSite, GraphPointer
from analyzer.graph.chains import graph_pointer, own_chain
from analyzer.model.frames import Function
from analyzer.model.pointers import Pointer
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from reports.html.document_builder import DocumentBuilder
from reports.html.story import Samples
from reports.html.translate import t
from reports.text.pointers import origin_text, slot_text

KIND_NUMBERS = {kind: number for number, kind in enumerate(CallKind)}
NONE = -1

PointerKey = tuple[Function, Function, GraphPointer]


def kind_number(kind: CallKind | None) -> int:
    """Return the row of `kind` in the table of call kinds; -1 for None."""
    return NONE if kind is None else KIND_NUMBERS[kind]


class GraphTables:
    """Adds the graph; afterwards `functions` and `pointers` have the rows of functions and pointers."""

    def __init__(self, builder: DocumentBuilder, graph: CallGraph) -> None:
        self._builder = builder
        self._graph = graph
        self.functions: dict[Function, int] = {}
        self.pointers: dict[PointerKey, int] = {}
        self._by_name: dict[str, list[int]] = {}
        self._sites: dict[CallSite, int] = {}

    def function(self, function: Function | None) -> int:
        """Return the row of a function; -1 when the graph does not have it."""
        return NONE if function is None else self.functions.get(function, NONE)

    def add_functions(self, samples: Samples) -> None:
        """Add the kinds of calls and the functions, in the order of the graph."""
        calls = self._graph.calls
        for kind in CallKind:
            text = CALL_KINDS[kind]
            self._builder.add(
                "call_kinds", kind=kind.value, arrow=text.arrow, label=t(text.label), sentence=t(text.sentence),
                calls=sum(call.kind is kind for call in calls),
            )  # fmt: skip
        for node in self._graph.nodes:
            number = self._builder.add(
                "functions", name=node.function.name, where=node.function.where, file=node.file, hits=node.frames,
                outermost=node.outermost, innermost=node.innermost, open_ended=node.open_ended,
                threads=node.threads, milestones=node.milestones,
                arguments=samples.arguments.get(node.function, ()),
            )  # fmt: skip
            self.functions[node.function] = number
            self._by_name.setdefault(node.function.name, []).append(number)

    def add_calls(self, recordings: Sequence[Recording], stop_rows: dict[tuple[int, int], int]) -> None:
        """Add the calls; `stop_rows` has the row of a stop by (position of the recording, number of the stop)."""
        recorded = _recorded_pointers(recordings)
        for number, call in enumerate(self._graph.calls):
            self._builder.add(
                "calls", caller=self.functions[call.caller], callee=self.functions[call.callee],
                kind=kind_number(call.kind), hits=call.hits, sites=[self._site(site) for site in call.sites],
                pointers=self._call_pointers(number, call, recorded, stop_rows),
            )  # fmt: skip

    def _site(self, site: CallSite) -> int:
        if site not in self._sites:
            self._sites[site] = self._builder.add(
                "sites", file=site.file, line=site.line, instruction=site.instruction
            )
        return self._sites[site]

    def _call_pointers(
        self,
        number: int,
        call: Call,
        recorded: dict[PointerKey, tuple[Pointer, int]],
        stop_rows: dict[tuple[int, int], int],
    ) -> list[int]:
        rows = []
        for slot in call.pointers:
            key = (call.caller, call.callee, slot)
            pointer, run = recorded.get(key, (None, NONE))
            stops = [step.stop for step in pointer.steps] if pointer else [None] * len(slot.set_by)
            stop_numbers = [NONE if stop is None else stop_rows.get((run, stop), NONE) for stop in stops]
            known = pointer is not None and pointer.address
            row = self._builder.add(
                "pointers", caller=self.functions[call.caller], callee=self.functions[call.callee], call=number,
                slot=slot_text(slot), slot_kind=slot.kind.value, outcome=slot.outcome.value, reason=slot.reason,
                address=f"{pointer.address:#x}" if pointer and known else "",
                value=f"{pointer.value:#x}" if pointer and known else "",
                origins=self._origins(slot, stop_numbers),
            )  # fmt: skip
            self.pointers[key] = row
            rows.append(row)
        return rows

    def _origins(self, slot: GraphPointer, stops: Iterable[int]) -> list[int]:
        return [
            self._builder.add(
                "origins", what=step.what.value, sentence=origin_text(step), name=step.name,
                function=self._named(step.function), function_name=step.function, file=step.file, line=step.line,
                stop=stop,
            )
            for step, stop in zip(slot.set_by, stops, strict=True)
        ]  # fmt: skip

    def _named(self, name: str) -> int:
        """Return the row of the only function with this name; -1 when there is none, or more than one."""
        rows = self._by_name.get(name, [])
        return rows[0] if len(rows) == 1 else NONE


def _recorded_pointers(recordings: Sequence[Recording]) -> dict[PointerKey, tuple[Pointer, int]]:
    """Return the first recorded pointer of each (caller, callee, slot), and the position of its recording."""
    found: dict[PointerKey, tuple[Pointer, int]] = {}
    for run, recording in enumerate(recordings):
        for stop in recording.stops if recording.pointers else ():
            for caller, callee in pairwise(own_chain(stop, recording)):
                if callee.pointer is not None:
                    key = (caller.function, callee.function, graph_pointer(callee.pointer))
                    found.setdefault(key, (callee.pointer, run))
    return found
