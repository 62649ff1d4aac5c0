"""`analyze report`: writes the HTML report of recordings, graphs, baselines or backtraces."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from analyzer.commands.parser import INPUT_HELP, Parser, add_out_option, checked_by, input_name, refuse
from analyzer.commands.write_results import REPORT_NAME
from analyzer.console import print_line
from analyzer.errors import ExitStatus
from analyzer.files import write_text
from analyzer.inputs import check_not_an_input, merged_graph, open_inputs, print_limitations
from reports.html.page_document import page_document
from reports.html.render import render
from reports.html.source_links import check_editor, check_source_url, source_links

EXAMPLES = """\
  analyze report callchain-qemu-7.2.22-startup          write its report.html again
  analyze report run1 run2 -o report.html
  analyze report graph.json -o report.html
  analyze report callchain-qemu-7.2.22-startup --source-url gitlab
  analyze report callchain-qemu-7.2.22-startup --editor vscode"""


def add_options(parser: Parser) -> None:
    """Add the arguments of `report` to its parser: the inputs, and the file to write."""
    parser.add_argument(
        "sources",
        nargs="+",
        type=input_name,
        metavar="INPUT",
        help=f"{INPUT_HELP}; several are merged, of one build of QEMU",
    )
    parser.add_argument(
        "--source-url",
        type=checked_by(check_source_url),
        metavar="gitlab|github|URL",
        help="link places in the source to QEMU's GitLab or GitHub, or to a URL with {commit}, {file} and {line}",
    )
    parser.add_argument(
        "--editor",
        type=checked_by(check_editor),
        metavar="vscode|URL",
        help="link places in the source to an editor: Visual Studio Code, or a URL with {path} and {line}",
    )
    add_out_option(parser, "FILE", "file to write (default, for one output folder: report.html in it)")


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the report and print its path; notes go to standard error.

    Returns DONE. UsageError without `-o` unless the
    only input is an output folder; AnalyzerError when an input cannot be read or inputs are not of one build.
    """
    output = options.out or _report_in_folder(options.sources)
    write_report(options.sources, output, options.source_url, options.editor)
    print_line(output)
    return ExitStatus.DONE


def _report_in_folder(sources: Sequence[str]) -> Path:
    """The path of the report in the output folder that is the only input. UsageError for other inputs."""
    folder = Path(sources[0])
    if len(sources) > 1 or not folder.is_dir():
        refuse("report", "report needs -o FILE, unless its only input is an output folder")
    return folder / REPORT_NAME


def write_report(
    sources: Sequence[str], output: Path, source_url: str | None = None, editor: str | None = None
) -> None:
    """Write the report of the inputs called `sources`.

    `source_url` and `editor` are templates of links, None for none.
    What the inputs do not contain is printed on standard error, and stands in the report.
    """
    check_not_an_input(output, sources)
    inputs = open_inputs(sources)
    print_limitations(inputs)
    graph = merged_graph(inputs)
    recordings = [each.recording for each in inputs if each.recording is not None]
    texts = dict.fromkeys(each.limitation for each in inputs if each.limitation)
    limitations = tuple(f"{text[0].upper()}{text[1:]}." for text in texts)
    links = source_links(source_url, editor, graph.provenance, recordings)
    write_text(output, render(page_document(graph, recordings, limitations, links)))
