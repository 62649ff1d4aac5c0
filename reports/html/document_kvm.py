"""KVM in the page's document: ioctls, descriptors, exits and I/O accesses."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.graph.call_graph import CallGraph
from analyzer.kvm.io_accesses import IoAccess
from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.kvm.requests import descriptor_class
from analyzer.model.frames import Stop
from analyzer.model.recording import Recording
from reports.html.document_builder import DocumentBuilder
from reports.html.document_graph import NONE, GraphTables, kind_number
from reports.html.document_stacks import StackTables
from reports.html.io_timeline import access_groups, device_call, exit_counts, repetitions_text, returned_text
from reports.html.ioctls import descriptor_hierarchy
from reports.text.io_accesses import access_words


class KvmTables:
    """Adds what one run did with KVM; functions and stops must be there."""

    def __init__(self, builder: DocumentBuilder, graph: GraphTables, stacks: StackTables) -> None:
        self._builder = builder
        self._graph = graph
        self._stacks = stacks

    def add_run(self, run: int, recording: Recording) -> None:
        """Add the ioctls, the descriptors, the exits and the I/O accesses of a recording."""
        if recording.ioctl_log:
            self._add_ioctl_log(run, recording)
        else:
            self._add_ioctls_of_stops(run, recording)
        for row in descriptor_hierarchy(recording):
            self._builder.add("descriptors", run=run, **vars(row))
        for reason, exits, recorded in exit_counts(recording):
            self._builder.add("exits", run=run, reason=reason, exits=exits, recorded=recorded)
        for group in access_groups(recording):
            self._add_access(run, recording, group)

    def _add_ioctl_log(self, run: int, recording: Recording) -> None:
        for entry, line in zip(recording.ioctl_log, ioctl_log(recording), strict=True):
            self._builder.add(
                "ioctls", run=run, number=line.number, time=round(line.time, 6), thread=line.thread, fd=line.fd,
                descriptor=line.descriptor, file=line.file, request=line.request, argument=line.argument,
                result=line.result, stack=self._stacks.stack(entry.stack),
                function=line.chain[-1][1].name if line.chain else "", kernel=line.kernel,
                observed=line.observed or not line.kernel,
            )  # fmt: skip

    def _add_ioctls_of_stops(self, run: int, recording: Recording) -> None:
        for stop in recording.stops:
            if stop.ioctl is None:
                continue
            self._builder.add(
                "ioctls", run=run, number=None, time=round(stop.time, 6),
                thread=recording.thread(stop.thread).label, fd=stop.ioctl.fd if stop.ioctl.fd >= 0 else None,
                descriptor=descriptor_class(stop.ioctl.file), file=stop.ioctl.file, request=stop.ioctl.request,
                argument="", result="" if stop.ioctl.returned is None else str(stop.ioctl.returned),
                stack=self._stacks.stack(stop.stack),
                function=stop.frames[1].function.name if len(stop.frames) > 1 else "", kernel=(), observed=False,
            )  # fmt: skip

    def _add_access(self, run: int, recording: Recording, group: Sequence[IoAccess]) -> None:
        first = group[0]
        calls = [(stop, True) for stop in first.coalesced] + [(stop, False) for stop in first.handled]
        self._builder.add(
            "accesses", run=run, thread=first.thread, time=round(first.time, 6), access=access_words(first),
            instruction=first.instruction, count=len(group), repetitions=repetitions_text(group),
            kvm=first.reason or first.served, exits=bool(first.reason), kernel=first.kernel,
            device_calls=[self._add_device_call(run, recording, stop, coalesced) for stop, coalesced in calls],
            returned=returned_text(first),
        )  # fmt: skip

    def _add_device_call(self, run: int, recording: Recording, stop: Stop, coalesced: bool) -> int:
        call = device_call(stop, recording)
        return self._builder.add(
            "device_calls", coalesced=coalesced, stop=self._stacks.stops.get((run, stop.number), NONE),
            chain=[self._graph.function(function) for function in call.functions], chain_text=call.chain,
            kind=kind_number(call.kind), device=self._graph.function(call.device), device_name=call.device.name,
            place=call.place, arguments=call.arguments, slot=call.slot, set_by=call.set_by,
        )  # fmt: skip


def add_ioctls_of_graph(builder: DocumentBuilder, graph: CallGraph) -> None:
    """Add the ioctls of a graph without recordings."""
    for call in graph.ioctls:
        builder.add(
            "ioctls", run=NONE, number=None, time=None, thread=call.thread, fd=None,
            descriptor=descriptor_class(call.file), file=call.file, request=call.request, argument="",
            result=call.returns, stack=NONE, function=call.function.name, kernel=(), observed=False,
        )  # fmt: skip
