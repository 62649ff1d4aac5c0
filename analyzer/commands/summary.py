"""`analyze summary`: prints what an input contains: milestones, threads, kinds of calls, ioctls, exits."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from analyzer.commands.parser import INPUT_HELP, Parser, add_json_option, input_name
from analyzer.console import print_json, print_text
from analyzer.errors import ExitStatus
from analyzer.inputs import open_input, print_limitations
from reports.summary import summarize, summary_json
from reports.text.colour import wants_colour
from reports.text.summary import plain_summary, rich_summary

EXAMPLES = """\
  analyze summary callchain-qemu-7.2.22-startup
  analyze summary callchain-qemu-7.2.22-startup --json
  analyze summary reference:1.6.0"""


def add_options(parser: Parser) -> None:
    """Add the arguments of `summary` to its parser."""
    parser.add_argument("source", type=input_name, metavar="INPUT", help=INPUT_HELP)
    add_json_option(parser, "print JSON")


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the summary: with frames and colours on a terminal, plain elsewhere. Returns DONE.

    AnalyzerError when the input cannot be read.
    """
    source = open_input(options.source)
    summary = summarize(source.graph, source.recording)
    if options.json:
        print_json(summary_json(summary, source.graph.provenance))
    elif sys.stdout.isatty():
        colours = wants_colour(sys.stdout, os.environ)
        print_text(rich_summary(summary, shutil.get_terminal_size().columns, colours), colours=colours)
    else:
        print_text(plain_summary(summary))
    print_limitations([source])
    return ExitStatus.DONE
