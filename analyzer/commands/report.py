"""`analyze report`: write the HTML report again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analyzer.commands.parser import INPUT_HELP, Parser, add_out_option, input_name
from analyzer.commands.write_results import svg_of_graph
from analyzer.errors import ExitStatus
from analyzer.inputs import check_not_an_input, merged_graph, open_inputs, print_limitations
from analyzer.output_folder import write_text
from reports.html.render import render
from reports.html.report_data import build_page

EXAMPLES = """\
  analyze report callchain-qemu-7.2.22-startup -o report.html
  analyze report graph.json -o report.html"""


def add_options(parser: Parser) -> None:
    """Declare the options of `report`."""
    parser.add_argument(
        "sources", nargs="+", type=input_name, metavar="INPUT", help=f"{INPUT_HELP}; several of one build"
    )
    add_out_option(parser, "FILE", "write the HTML to FILE", required=True)


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the report, and print where it is."""
    no_drawing = write_report(options.sources, options.out)
    if no_drawing:
        print(f"analyze: {no_drawing}", file=sys.stderr)
    print(options.out)
    return ExitStatus.DONE


def write_report(sources: Sequence[str], output: Path) -> str:
    """Write the report of the inputs called `sources`; returns why there is no picture, if so.

    The report and standard error say what the inputs cannot give.
    """
    check_not_an_input(output, sources)
    inputs = open_inputs(sources)
    print_limitations(inputs)
    graph = merged_graph(inputs)
    recordings = [each.recording for each in inputs if each.recording is not None]
    texts = dict.fromkeys(each.limitation for each in inputs if each.limitation)
    limitations = tuple(f"{text[0].upper()}{text[1:]}." for text in texts)
    svg, no_drawing = svg_of_graph(graph)
    write_text(output, render(build_page(graph, recordings, svg, no_drawing, limitations)))
    return no_drawing
