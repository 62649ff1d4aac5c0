"""Recorded stacks in the page's document: frames once each, stacks as a tree of callers, stops and threads."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.graph.chains import without_addresses
from analyzer.model.frames import Frame, Stack, Stop
from analyzer.model.recording import Recording
from gdbscripts.enums import StopReason
from gdbscripts.records import UNKNOWN_ARGUMENTS, UNKNOWN_NAME
from reports.html.document_builder import DocumentBuilder
from reports.html.document_graph import NONE, GraphTables, kind_number
from reports.html.threads import creator_text, thread_start, unknown_creator
from reports.html.translate import t
from reports.text.backtraces import heading, stops_about

_STOP_LIMIT = 5_000  # stops of a recording in the page
_ARGUMENT_TEXT_LIMIT = 300_000  # characters of their arguments; the further stops are without


class StackTables:
    """Adds stops and threads; afterwards `stops` and `threads` have their rows by (run, number)."""

    def __init__(self, builder: DocumentBuilder, graph: GraphTables) -> None:
        self._builder = builder
        self._graph = graph
        self._frames: dict[Frame, int] = {}
        self._nodes: dict[tuple[int, int], int] = {}  # (row of the caller's node, row of the frame) -> row
        self._stacks: dict[int, tuple[Stack, int]] = {}  # id of the stack -> stack and its innermost node
        self.stops: dict[tuple[int, int], int] = {}
        self.threads: dict[tuple[int, int], int] = {}

    def stack(self, stack: Stack) -> int:
        """Return the row of the stack's innermost frame; -1 for a stack without frames."""
        known = self._stacks.get(id(stack))
        if known is not None:
            return known[1]
        node = NONE
        for frame in reversed(stack.frames):
            key = (node, self._frame(frame))
            if key not in self._nodes:
                self._nodes[key] = self._builder.add("stacks", parent=node, frame=key[1])
            node = self._nodes[key]
        self._stacks[id(stack)] = (stack, node)  # the stack is kept, so that no other one gets its id
        return node

    def _frame(self, frame: Frame) -> int:
        if frame not in self._frames:
            self._frames[frame] = self._builder.add(
                "frames", function=self._graph.function(frame.function), name=frame.name, kind=frame.kind.value,
                file=frame.file, line=frame.line, library=frame.library,
                address=f"{frame.pc:016x}" if frame.addressed else "", call=kind_number(frame.call),
                instruction=without_addresses(frame.instruction),
                elided=[self._graph.function(elided.function) for elided in frame.elided],
            )  # fmt: skip
        return self._frames[frame]

    def add_run(self, run: int, recording: Recording) -> None:
        """Add the stops of a recording, equal ones once, and its threads."""
        shown = shown_stops(recording)[:_STOP_LIMIT]
        first = self._builder.size("stops")
        rows = {
            (stop.reason, id(stop.stack)): first + position for position, stop in reversed([*enumerate(shown)])
        }
        for stop in recording.stops:
            self.stops[run, stop.number] = rows.get((stop.reason, id(stop.stack)), NONE)
        self.stops |= {(run, stop.number): first + position for position, stop in enumerate(shown)}
        positions = {thread.number: position for position, thread in enumerate(recording.threads)}
        first_thread = self._builder.size("threads")
        self.threads |= {(run, number): first_thread + position for number, position in positions.items()}
        room = _ARGUMENT_TEXT_LIMIT
        for stop in shown:
            arguments = [_arguments(pairs) for pairs in stop.arguments]
            room -= sum(map(len, arguments))
            self._add_stop(run, recording, stop, arguments if room > 0 else [])
        self._add_threads(run, recording)

    def _add_stop(self, run: int, recording: Recording, stop: Stop, arguments: Sequence[str]) -> None:
        self._builder.add(
            "stops", run=run, number=stop.number, time=round(stop.time, 6), thread=self.threads[run, stop.thread],
            reason=stop.reason.value, heading=heading(stop, recording).removeprefix("== "),
            milestones=stop.milestones, function=stop.signal or stop.function, stack=self.stack(stop.stack),
            count=stop.count, arguments=arguments,
            open_ended=stop.open_ended, request=stop.ioctl.request if stop.ioctl else "",
            starts=self._graph.function(stop.starts.function) if stop.starts else NONE,
        )  # fmt: skip

    def _add_threads(self, run: int, recording: Recording) -> None:
        counts: dict[int, int] = {}
        for stop in recording.stops:
            counts[stop.thread] = counts.get(stop.thread, 0) + stop.count
        creators = {stop.number: stop for stop in recording.stops if stop.reason is StopReason.THREAD_CREATE}
        for thread in recording.threads:
            creation = None if thread.created_by is None else creators.pop(thread.created_by, None)
            self._builder.add(
                "threads", run=run, number=thread.number, tid=thread.tid, label=thread.label,
                start=thread_start(thread), stops=counts.get(thread.number, 0),
                creator=creator_text(creation) if creation else unknown_creator(recording, thread),
                created_by=NONE if creation is None else self.stops.get((run, creation.number), NONE),
            )  # fmt: skip
        for creation in creators.values():
            self._builder.add(
                "threads", run=run, number=0, tid=0, label=t("no backtrace"), stops=0,
                start=creation.starts.function.name if creation.starts else UNKNOWN_NAME,
                creator=creator_text(creation), created_by=self.stops.get((run, creation.number), NONE),
            )  # fmt: skip


def _arguments(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the arguments of a frame as gdb's `bt` prints them."""
    return ", ".join(
        UNKNOWN_ARGUMENTS[0] if pair == UNKNOWN_ARGUMENTS else "{}={}".format(*pair) for pair in pairs
    )


def shown_stops(recording: Recording) -> list[Stop]:
    """Return the stops with distinct stacks; of the guest's I/O also those of equal functions and lines once."""
    chains = set()
    shown = []
    for stop in stops_about(recording):
        chain = tuple((frame.function, frame.line) for frame in stop.frames)
        if stop.reason is not StopReason.IO or chain not in chains:
            shown.append(stop)
        chains.add(chain)
    return shown
