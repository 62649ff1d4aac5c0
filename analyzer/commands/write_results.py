"""Writes the graph, the drawing, the backtraces and the report of a recording into its output folder."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from analyzer.adapters.graphviz import drawing, svg_or_reason
from analyzer.files import write_text
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import graph_of
from analyzer.model.recording import Recording
from analyzer.recording.reader import read_recording
from reports.dot.call_graph import to_dot
from reports.html.render import render
from reports.html.report_data import build_page
from reports.text.backtraces import backtraces

REPORT_NAME = "report.html"  # in an output folder
_MOST_CALLS_DRAWN = 2000  # dot takes minutes for more, and the drawing cannot be read


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
        write_text(folder / "backtraces.txt", "\n".join(backtraces(recording)))
        page = build_page(graph, [recording], "", reason)
        svg, no_drawing = drawn.svg_or_reason() if drawn is not None else ("", reason)
    if svg:
        write_text(folder / "graph.svg", svg)
    else:
        (folder / "graph.svg").unlink(missing_ok=True)  # of an earlier recording
    write_text(folder / REPORT_NAME, render(replace(page, svg=svg, svg_missing=no_drawing)))
    return recording, no_drawing


def svg_of_graph(graph: CallGraph) -> tuple[str, str]:
    """The drawing of the graph as (SVG, ""), or ("", the reason why there is none)."""
    reason = _reason_for_no_drawing(graph)
    return ("", reason) if reason else svg_or_reason(to_dot(graph))


def _reason_for_no_drawing(graph: CallGraph) -> str:
    if graph.size > _MOST_CALLS_DRAWN:
        return f"The graph has {graph.size} calls, too many to draw; search it below."
    return ""
