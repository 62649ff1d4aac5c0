"""The verbs, whole: what `cli.py` calls. Each takes plain values and returns or writes plain results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analyzer.adapters.graphviz import render_svg
from analyzer.backtraces.references import is_reference
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import from_json, to_json
from analyzer.graph.merge import combine, graph_of
from analyzer.inputs import open_recording
from analyzer.model.recording import Recording
from analyzer.output_folder import write_text
from analyzer.recording.reader import FILE_NAME, read_recording
from reports.dot.call_graph import to_dot
from reports.html.render import render
from reports.html.report_data import build_page
from reports.text.backtraces import backtraces

GRAPH_SUFFIXES = (".json", ".dot", ".svg", ".graphml")
_MOST_DRAWN = 2000  # calls; dot takes minutes for more, and nobody can read it


def write_results(folder: Path) -> tuple[Recording, str]:
    """Everything that follows from the recording in `folder`; returns it and why there is no picture, if so."""
    recording = read_recording(folder)
    graph = graph_of(recording)
    svg, missing = _picture_of(graph)
    write_text(folder / "graph.json", to_json(graph))
    if svg:
        write_text(folder / "graph.svg", svg)
    else:
        (folder / "graph.svg").unlink(missing_ok=True)  # of an earlier recording
    write_text(folder / "backtraces.txt", "\n".join(backtraces(recording)))
    write_text(folder / "report.html", render(build_page(graph, [recording], svg, missing)))
    return recording, missing


def make_graph(sources: Sequence[Path], output: Path) -> None:
    """Merge recordings, and graphs made before, and write the graph in the format the suffix says."""
    if output.suffix not in GRAPH_SUFFIXES:
        raise UsageError(
            f"{output}: no format is known for {output.suffix or 'a file without suffix'}.",
            f"Use one of {', '.join(GRAPH_SUFFIXES)}.",
        )
    check_not_a_source(output, sources)
    _, graph = read_all(sources)
    text = {
        ".json": lambda: to_json(graph),
        ".dot": lambda: to_dot(graph),
        ".svg": lambda: render_svg(to_dot(graph)),
        ".graphml": graph.to_graphml,
    }[output.suffix]()
    write_text(output, text)


def make_report(sources: Sequence[Path], output: Path) -> str:
    """Write the report of recordings, graphs or both; returns why there is no picture, if so."""
    check_not_a_source(output, sources)
    recordings, graph = read_all(sources)
    svg, missing = _picture_of(graph)
    write_text(output, render(build_page(graph, recordings, svg, missing)))
    return missing


def read_all(sources: Sequence[Path]) -> tuple[list[Recording], CallGraph]:
    """The recordings among `sources`, and one graph of all of them. A source named twice counts once."""
    sources = list(dict.fromkeys(source if is_reference(str(source)) else source.resolve() for source in sources))
    graphs = [_read_graph(source) for source in sources if _is_graph(source)]
    recordings = [open_recording(source) for source in sources if not _is_graph(source)]
    return recordings, combine([*graphs, *map(graph_of, recordings)])


def check_not_a_source(output: Path, sources: Sequence[Path]) -> None:
    """UsageError when `output` is one of the files that are to be read."""
    files = [source / FILE_NAME if source.is_dir() else source for source in sources]
    if output.exists() and any(file.exists() and output.samefile(file) for file in files):
        raise UsageError(f"{output} is what is to be read; it is kept.", "Choose another -o FILE.")


def _is_graph(path: Path) -> bool:
    return path.is_file() and path.suffix == ".json"


def _read_graph(path: Path) -> CallGraph:
    try:
        return from_json(path.read_text(encoding="utf-8", errors="replace"), str(path))
    except OSError as error:
        raise AnalyzerError(f"{path} cannot be read: {error.strerror}.") from None


def picture(dot: str) -> tuple[str, str]:
    """(SVG, ""), or ("", why there is none)."""
    try:
        return render_svg(dot), ""
    except AnalyzerError as error:
        return "", f"{error.message} {error.hint}"


def _picture_of(graph: CallGraph) -> tuple[str, str]:
    if graph.size > _MOST_DRAWN:
        return "", f"The graph has {graph.size} calls, too many for a picture; search it below."
    return picture(to_dot(graph))
