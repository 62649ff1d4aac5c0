"""The formats of `analyze export`, by the value of `--format`. README.md in this folder describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from analyzer.graph.call_graph import CallGraph
from analyzer.model.recording import Recording
from reports.dot.call_graph import to_dot
from reports.export.callgrind import to_callgrind
from reports.export.csv_tables import accesses_csv, ioctls_csv
from reports.export.folded import to_folded
from reports.export.mermaid_flowchart import to_flowchart
from reports.export.mermaid_sequence import to_sequence
from reports.export.recording_json import to_recording_json
from reports.export.speedscope import to_speedscope
from reports.export.trace_events import to_trace_events
from reports.formats import named_by_suffix


@dataclass(frozen=True)
class ExportFormat:
    """A format: the programs that read it, the endings of file names that select it, and what writes it.

    It is made of a recording (`of_recording`) or of a graph (`of_graph`); each yields the text in pieces.
    `drawn`: the text is DOT, which is still to be drawn as SVG.
    """

    read_by: str
    suffixes: tuple[str, ...]
    of_recording: Callable[[Recording], Iterable[str]] | None = None
    of_graph: Callable[[CallGraph], Iterable[str]] | None = None
    drawn: bool = False
    is_json: bool = False


def _dot(graph: CallGraph) -> Iterable[str]:
    return (to_dot(graph),)


def _graphml(graph: CallGraph) -> Iterable[str]:
    return (graph.to_graphml(),)


FORMATS = {
    "speedscope": ExportFormat("speedscope", (".speedscope.json", ".speedscope"), to_speedscope, is_json=True),
    "trace-events": ExportFormat(
        "Perfetto, chrome://tracing", (".trace.json", ".perfetto.json"), to_trace_events, is_json=True
    ),
    "folded": ExportFormat("flamegraph.pl, inferno", (".folded", ".collapsed"), to_folded),
    "callgrind": ExportFormat("KCachegrind, callgrind_annotate", (".callgrind", "callgrind.out"), to_callgrind),
    "mermaid": ExportFormat(
        "Markdown of GitHub and GitLab: flowchart", (".mmd", ".mermaid"), of_graph=to_flowchart
    ),
    "mermaid-sequence": ExportFormat(
        "the same: sequence diagram", (".sequence.mmd", ".sequence.mermaid"), to_sequence
    ),
    "dot": ExportFormat("Graphviz", (".dot", ".gv"), of_graph=_dot),
    "svg": ExportFormat("browsers; drawn by Graphviz", (".svg",), of_graph=_dot, drawn=True),
    "graphml": ExportFormat("yEd, Gephi, networkx", (".graphml",), of_graph=_graphml),
    "json": ExportFormat("programs of your own", (".json",), to_recording_json, is_json=True),
    "ioctls-csv": ExportFormat("spreadsheets: the ioctls", ("ioctls.csv",), ioctls_csv),
    "accesses-csv": ExportFormat("spreadsheets: the guest's I/O accesses", ("accesses.csv",), accesses_csv),
}
"""The formats by their name on the command line, the value of `--format`."""
OF_GRAPHS = {name: export for name, export in FORMATS.items() if export.of_graph is not None}
"""Those that a graph or a baseline has the data for."""


def format_of(file_name: str) -> str:
    """Return the name of the format with the longest suffix that `file_name` ends in; "" when none matches."""
    return named_by_suffix(file_name, {name: export.suffixes for name, export in FORMATS.items()})
