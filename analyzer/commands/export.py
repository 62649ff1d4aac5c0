"""`analyze export`: writes a recording or a graph in the format of another program."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from analyzer.adapters.graphviz import render_svg
from analyzer.commands.parser import INPUT_HELP, Parser, add_out_option, input_name, refuse
from analyzer.console import print_json, print_line, print_text, warn
from analyzer.errors import ExitStatus, UsageError
from analyzer.files import write_text
from analyzer.inputs import Input, InputKind, check_not_an_input, open_input, print_limitations
from reports.export.formats import FORMATS, OF_GRAPHS, ExportFormat, format_of
from reports.export.mermaid_flowchart import calls_left_out

EXAMPLES = """\
  analyze export callchain-qemu-7.2.22-startup -o run.speedscope.json
  analyze export callchain-qemu-7.2.22-startup -o run.trace.json        for Perfetto
  analyze export callchain-qemu-7.2.22-startup -o callgrind.out         for KCachegrind
  analyze export callchain-qemu-7.2.22-startup -o start.sequence.mmd    for Mermaid, in Markdown
  analyze export callchain-qemu-7.2.22-io -o accesses.csv
  analyze export run1 --format folded                                   prints it
  analyze export graph.json -o graph.svg"""


def add_options(parser: Parser) -> None:
    """Add the arguments of `export` to its parser: the input, and where and how to write."""
    parser.add_argument("source", type=input_name, metavar="INPUT", help=INPUT_HELP)
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        metavar="FORMAT",
        help="output format (default: that of the suffix of -o FILE): "
        + "; ".join(f"{name} ({', '.join(it.suffixes)}) for {it.read_by}" for name, it in FORMATS.items()),
    )
    add_out_option(parser, "FILE", "write to FILE instead of standard output")


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the export and print the name of the file; without `-o` print the export.

    Returns DONE. UsageError for an unknown suffix, or when the input has not the data of the format; AnalyzerError
    when the input cannot be read, or Graphviz is missing for SVG.
    """
    name = options.format or _format_of(options.out)
    export = FORMATS[name]
    if options.out is not None:
        check_not_an_input(options.out, [options.source])
    source = open_input(options.source)
    pieces = _pieces(source, name, export)
    if options.out is not None:
        write_text(options.out, pieces)
        print_line(options.out)
    else:
        for piece in pieces:
            (print_json if export.is_json else print_text)(piece)
    if export.of_graph is not None:
        print_limitations([source], [InputKind.BASELINE])
    if source.recording is not None and source.recording.end is None:
        warn("the recording is incomplete: it was cut short.")
    return ExitStatus.DONE


def _format_of(output: Path | None) -> str:
    if output is None:
        refuse("export", "export needs -o FILE, or --format to print")
    name = format_of(output.name)
    if not name:
        known = ", ".join(suffix for it in FORMATS.values() for suffix in it.suffixes)
        raise UsageError(
            f"{output}: no format is known for {output.suffix or 'a file without suffix'}.",
            f"Use one of {known}, or --format.",
        )
    return name


def _pieces(source: Input, name: str, export: ExportFormat) -> Iterable[str]:
    """The text of the export. UsageError when the input has no single stops, and the format needs them."""
    if export.of_graph is not None:
        pieces = export.of_graph(source.graph)
        if export.drawn:
            return (render_svg("".join(pieces)),)
        text = "".join(pieces)
        if left_out := calls_left_out(text):
            warn(f"{left_out}; --format svg has all.")
        return (text,)
    assert export.of_recording is not None
    if source.recording is None:
        raise UsageError(
            f"{source.name} is a {source.kind.value}; {name} needs a recording, with its single stops.",
            f"Name the recording it was made of, or use --format {', '.join(OF_GRAPHS)}.",
        )
    return export.of_recording(source.recording)
