"""What the top of the page says: title, verdict, and what could not be observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.graph.call_graph import CallGraph, Provenance
from analyzer.model.recording import Recording
from analyzer.text import number_of
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import PointerOutcome, RecordingOutcome
from gdbscripts.records import ATTACHED, ATTACHED_IO, IMPORT
from reports.html.translate import t


def page_title(provenance: Provenance) -> str:
    """Return the title of the page."""
    accelerator, version = provenance.accelerator.upper(), provenance.qemu_version
    if provenance.scenario == IMPORT:
        program = f"QEMU {version}" if version else provenance.build.get("program")
        source = provenance.build.get("imported from", t("several texts"))
        if program:
            return t("Backtraces of {program}, {source}", program=program, source=source)
        return t("Backtraces of {source}", source=source)
    guest = t("a {accelerator} guest", accelerator=accelerator) if accelerator else t("a guest")
    if provenance.scenario == ATTACHED:
        return t("How QEMU {version}, already running, runs {guest}", version=version, guest=guest)
    if provenance.scenario == ATTACHED_IO:
        return t("How QEMU {version}, already running, serves the I/O of {guest}", version=version, guest=guest)
    if provenance.scenario == "io":
        return t("How QEMU {version} serves the I/O of {guest}", version=version, guest=guest)
    return t("How QEMU {version} starts {guest}", version=version, guest=guest)


def page_summary(graph: CallGraph, recordings: Sequence[Recording]) -> str:
    """Return the line below the title: what the graph has, and why the recording ended."""
    functions, calls = number_of(len(graph.nodes), "function"), number_of(len(graph.calls), "call")
    if graph.provenance.scenario == IMPORT:
        return t(
            "{functions}, {calls}. A backtrace does not show which of them are calls through a pointer.",
            functions=functions,
            calls=calls,
        )
    indirect = sum(1 for call in graph.calls if call.kind is CallKind.INDIRECT)
    ends = dict.fromkeys(recording.end.reason for recording in recordings if recording.end)
    counts = t(
        "{functions}, {calls}, {indirect} of them through a pointer.",
        functions=functions,
        calls=calls,
        indirect=indirect,
    )
    return " ".join([counts, *(f"{reason[:1].upper()}{reason[1:]}." for reason in ends if reason)])


def page_problems(graph: CallGraph, recordings: Sequence[Recording], notes: Sequence[str]) -> Iterator[str]:
    """Yield what is incomplete or could not be observed, a sentence each; `notes` come first."""
    yield from notes
    for number, recording in enumerate(recordings, 1):
        for problem in _problems_of(recording):
            several = len(recordings) > 1
            yield t("Run {number}: {problem}", number=number, problem=problem) if several else problem
    for call in graph.calls:
        for pointer in call.pointers if call.kind is CallKind.INDIRECT else ():
            if pointer.outcome is not PointerOutcome.EXPLAINED:
                yield t(
                    "The origin of the pointer from {caller} to {callee} is {outcome}: {reason}.",
                    caller=call.caller, callee=call.callee, outcome=pointer.outcome, reason=pointer.reason,
                )  # fmt: skip
    for title in graph.shortened:
        yield t(
            "{title}: the graph has the shortest chains to it only. All functions and calls are in the graph.",
            title=title,
        )


def _problems_of(recording: Recording) -> Iterator[str]:
    if recording.end is None:
        yield t("Incomplete recording: the end record is missing. The report shows what was recorded before.")
    elif recording.end.outcome is RecordingOutcome.INTERRUPTED:
        yield t("Incomplete recording: it was interrupted. The report shows what was recorded before.")
    for milestone in recording.not_reached:
        title = t(milestone.title)
        if milestone.found:
            what = milestone.request or ", ".join(milestone.found)
            yield t("Never reached: {title} ({what}).", title=title, what=what)
        else:
            missing = ", ".join(milestone.missing)
            yield t("Not in this program: {title} (none of {missing}).", title=title, missing=missing)
    yield from recording.notes
