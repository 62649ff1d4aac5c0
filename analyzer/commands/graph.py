"""`analyze graph`: merges recordings of one build of QEMU into a call graph."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from analyzer.adapters.graphviz import render_svg
from analyzer.commands.parser import (
    INPUT_HELP,
    SEVERAL_INPUTS,
    Parser,
    add_json_option,
    add_out_option,
    input_name,
    refuse,
    unknown_suffix_error,
)
from analyzer.console import print_json, print_line
from analyzer.errors import ExitStatus
from analyzer.files import write_text
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.json_format import to_json
from analyzer.inputs import InputKind, check_not_an_input, merged_graph, open_inputs, print_limitations
from reports.dot.call_graph import to_dot

EXAMPLES = """\
  analyze graph run1 run2 -o graph.json
  analyze graph run1 -o graph.svg
  analyze graph backtrace.txt --json"""
_FORMATS: dict[str, Callable[[CallGraph], str]] = {
    ".json": to_json,
    ".dot": to_dot,
    ".svg": lambda graph: render_svg(to_dot(graph)),
    ".graphml": CallGraph.to_graphml,
}


def add_options(parser: Parser) -> None:
    """Add the arguments of `graph` to its parser: the inputs, and where and how to write."""
    parser.add_argument(
        "sources", nargs="+", type=input_name, metavar="INPUT", help=f"{INPUT_HELP}; {SEVERAL_INPUTS}"
    )
    add_json_option(parser, "print JSON (default without -o)")
    add_out_option(parser, "FILE", "write to FILE instead of standard output: .json .dot .svg .graphml")


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the graph as JSON; with `-o` write it, and print the name of the file.

    Returns DONE. UsageError for an unknown suffix, AnalyzerError when an input cannot be read, inputs are not of
    one build, or graphviz is missing for SVG.
    """
    if options.out is None:
        print_json(to_json(_merge(options.sources)))
        return ExitStatus.DONE
    if options.json and options.out.suffix in _FORMATS and options.out.suffix != ".json":
        refuse("graph", f"--json and -o {options.out} contradict each other")
    write_graph(options.sources, options.out, ".json" if options.json else options.out.suffix)
    print_line(options.out)
    return ExitStatus.DONE


def write_graph(sources: Sequence[str], output: Path, suffix: str) -> None:
    """Merge the inputs called `sources`, and write the graph to `output` in the format of `suffix`.

    UsageError when no format has this suffix, or when `output` is one of the inputs.
    """
    if suffix not in _FORMATS:
        raise unknown_suffix_error(output, [*_FORMATS, "--json"])
    check_not_an_input(output, sources)
    write_text(output, _FORMATS[suffix](_merge(sources)))


def _merge(sources: Sequence[str]) -> CallGraph:
    inputs = open_inputs(sources)
    print_limitations(inputs, [InputKind.BASELINE])
    return merged_graph(inputs)
