"""Writes everything that follows from a recording into its output folder."""

from __future__ import annotations

from pathlib import Path

from analyzer.adapters.graphviz import svg_or_reason
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import graph_of
from analyzer.model.recording import Recording
from analyzer.output_folder import write_text
from analyzer.recording.reader import read_recording
from reports.dot.call_graph import to_dot
from reports.html.render import render
from reports.html.report_data import build_page
from reports.text.backtraces import backtraces

_MOST_DRAWN = 2000  # calls; dot takes minutes for more, and nobody can read it


def write_results(folder: Path) -> tuple[Recording, str]:
    """Everything that follows from the recording in `folder`; returns it and why there is no picture, if so."""
    recording = read_recording(folder)
    graph = graph_of(recording)
    svg, missing = picture_of(graph)
    write_text(folder / "graph.json", to_json(graph))
    if svg:
        write_text(folder / "graph.svg", svg)
    else:
        (folder / "graph.svg").unlink(missing_ok=True)  # of an earlier recording
    write_text(folder / "backtraces.txt", "\n".join(backtraces(recording)))
    write_text(folder / "report.html", render(build_page(graph, [recording], svg, missing)))
    return recording, missing


def picture_of(graph: CallGraph) -> tuple[str, str]:
    """The drawn graph as (SVG, ""), or ("", why there is none)."""
    if graph.size > _MOST_DRAWN:
        return "", f"The graph has {graph.size} calls, too many for a picture; search it below."
    return svg_or_reason(to_dot(graph))
