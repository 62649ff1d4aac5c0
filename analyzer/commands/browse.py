"""`analyze browse`: shows an input in the terminal: chains, callers and callees, functions, ioctls, source."""

from __future__ import annotations

import argparse
import sys

from analyzer.commands.parser import INPUT_HELP, Parser, input_name
from analyzer.errors import ExitStatus, UsageError
from analyzer.inputs import open_input, print_limitations

EXAMPLES = """\
  analyze browse callchain-qemu-7.2.22-startup
  analyze browse backtrace.txt
  analyze browse reference:1.6.0

keys:
  1 to 4 choose chains, graph, functions or ioctls; Enter or g shows callers and callees, Backspace goes back;
  / filters, Ctrl-P finds a function, ? lists all keys, q ends"""


def add_options(parser: Parser) -> None:
    """Add the arguments of `browse` to its parser."""
    parser.add_argument("source", type=input_name, metavar="INPUT", help=INPUT_HELP)


def run(options: argparse.Namespace) -> ExitStatus:
    """Show the input until the user quits. Returns DONE.

    UsageError when standard input or output is no terminal; AnalyzerError when the input cannot be read.
    """
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        raise UsageError(
            "analyze browse needs a terminal.",
            f"For a pipe or a file: analyze summary {options.source}, or analyze show {options.source} --tree.",
        )
    source = open_input(options.source)
    print_limitations([source])
    from reports.browse.app import BrowseApp  # takes half a second
    from reports.browse.content import Content

    BrowseApp(Content(source.name, source.graph, source.recording)).run()
    return ExitStatus.DONE
