"""Writes the graph, the drawing, the backtraces and the report of a recording into its output folder."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from analyzer.adapters.graphviz import drawing
from analyzer.files import write_text
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import graph_of
from analyzer.model.recording import Recording
from analyzer.recording.reader import read_recording
from reports.dot.call_graph import to_dot
from reports.html.page_document import page_document
from reports.html.render import render
from reports.text.backtraces import backtraces

REPORT_NAME = "report.html"  # in an output folder
_MOST_CALLS_DRAWN = 600  # the drawing of more is some 20 m wide, and dot takes long


def write_results(folder: Path) -> tuple[Recording, str]:
    """Write graph.json, graph.svg, backtraces.txt and report.html of the recording in `folder`.

    Returns the recording, and why there is no drawing, or "". AnalyzerError when the recording cannot be read or a
    file cannot be written.
    """
    recording = read_recording(folder)
    graph = graph_of(recording)
    reason = _reason_for_no_drawing(graph)
    with drawing(to_dot(graph)) if not reason else nullcontext() as drawn:
        write_text(folder / "graph.json", to_json(graph))
        texts = enumerate(backtraces(recording))
        write_text(folder / "backtraces.txt", ("\n" * (number > 0) + text for number, text in texts))
        page = render(page_document(graph, [recording]))
        svg, no_drawing = drawn.svg_or_reason() if drawn is not None else ("", reason)
    if svg:
        write_text(folder / "graph.svg", svg)
    else:
        (folder / "graph.svg").unlink(missing_ok=True)  # of an earlier recording
    write_text(folder / REPORT_NAME, page)
    return recording, no_drawing


def _reason_for_no_drawing(graph: CallGraph) -> str:
    if graph.size > _MOST_CALLS_DRAWN:
        reason = f"The graph has {graph.size} calls, too many to read in a drawing; search it in the report."
        return f"{reason} analyze graph -o FILE.svg draws it all the same."
    return ""
