"""`analyze report`: write the HTML report again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analyzer.commands.parser import Parser, path
from analyzer.commands.write_results import picture_of
from analyzer.errors import ExitStatus
from analyzer.inputs import check_not_an_input, open_all
from analyzer.output_folder import write_text
from reports.html.render import render
from reports.html.report_data import build_page

EXAMPLES = """\
  analyze report callchain-qemu-7.2.22-startup -o report.html
  analyze report graph.json -o report.html"""


def add_options(parser: Parser) -> None:
    """Declare the options of `report`."""
    parser.add_argument(
        "sources",
        nargs="+",
        type=path,
        metavar="RECORDING|GRAPH",
        help="recordings or graph.json files of one build",
    )
    parser.add_argument("-o", "--output", required=True, type=path, metavar="FILE", help="the HTML file")


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the report, and print where it is."""
    missing = make_report(options.sources, options.output)
    if missing:
        print(f"analyze: {missing}", file=sys.stderr)
    print(options.output)
    return ExitStatus.DONE


def make_report(sources: Sequence[Path], output: Path) -> str:
    """Write the report of recordings, graphs or both; returns why there is no picture, if so."""
    check_not_an_input(output, sources)
    recordings, graph = open_all(sources)
    svg, missing = picture_of(graph)
    write_text(output, render(build_page(graph, recordings, svg, missing)))
    return missing
