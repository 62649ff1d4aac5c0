"""`analyze graph`: merge recordings of one build into a call graph."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from analyzer.adapters.graphviz import render_svg
from analyzer.commands.parser import Parser, path
from analyzer.errors import ExitStatus, UsageError
from analyzer.graph.json_format import to_json
from analyzer.inputs import check_not_an_input, open_all
from analyzer.output_folder import write_text
from reports.dot.call_graph import to_dot

EXAMPLES = """\
  analyze graph run1 run2 -o graph.json
  analyze graph run1 -o graph.svg"""
_SUFFIXES = (".json", ".dot", ".svg", ".graphml")


def add_options(parser: Parser) -> None:
    """Declare the options of `graph`."""
    parser.add_argument(
        "recordings", nargs="+", type=path, metavar="RECORDING", help="a recording.jsonl or its folder"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=path,
        metavar="FILE",
        help="the suffix chooses: .json .dot .svg .graphml",
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the graph, and print where it is."""
    make_graph(options.recordings, options.output)
    print(options.output)
    return ExitStatus.DONE


def make_graph(sources: Sequence[Path], output: Path) -> None:
    """Merge recordings, and graphs made before, and write the graph in the format the suffix says."""
    if output.suffix not in _SUFFIXES:
        raise UsageError(
            f"{output}: no format is known for {output.suffix or 'a file without suffix'}.",
            f"Use one of {', '.join(_SUFFIXES)}.",
        )
    check_not_an_input(output, sources)
    _, graph = open_all(sources)
    text = {
        ".json": lambda: to_json(graph),
        ".dot": lambda: to_dot(graph),
        ".svg": lambda: render_svg(to_dot(graph)),
        ".graphml": graph.to_graphml,
    }[output.suffix]()
    write_text(output, text)
