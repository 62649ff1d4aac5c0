"""`analyze diff`: compares the call chains of two or more QEMUs."""

from __future__ import annotations

import argparse

from analyzer.commands.comparison import (
    COMPARISON_EXIT_STATUS,
    add_comparison_options,
    add_output_options,
    compare_sources,
    comparison_terms,
    exit_status,
    output_options,
    write_comparison,
)
from analyzer.commands.parser import INPUT_HELP, Parser, input_name
from analyzer.commands.versions_comparison import compare_versions
from analyzer.errors import ExitStatus
from analyzer.inputs import open_graph

EXAMPLES = """\
  analyze diff old/graph.json new/graph.json
  analyze diff reference:1.6.0 callchain-qemu-7.2.22-startup
  analyze diff baseline.txt out/startup --fail-on inserted,removed,thread --allow allow.toml
  analyze diff old new -o diff.html
  analyze diff backtrace.txt out/startup --full
  analyze diff reference:1.6.0 out-5.2 out-7.2 out-10.0       a table with a column for each version
  analyze diff out-5.2 out-7.2 out-10.0 -o versions.html

inputs:
  Of imported backtraces only their stacks are compared. reference:1.6.0 is the backtrace of a published
  walk-through of QEMU 1.6.0.

kinds of changes:
  counted by default: chain-removed, chain-added, thread, removed, inserted, renamed, moved, call-kind, pointer,
  ioctl-removed, ioctl-added, ioctl-reordered, function-removed, function-added, call-removed, call-added
  notes, counted only when --fail-on names them: numbered (the name of another machine version), optimised (inlined
  or without a frame in one build), kind-unknown (the kind of a call is known in one input only), hits
  also for --fail-on: stale (an entry of the allow-list that matches nothing or has expired), all, none

the allow-list:
  [[allow]]
  change = "renamed"                   # a kind or a list of kinds; unchecked: what could not be compared
  subject = "x86_cpu_.*"               # a regular expression that matches the whole subject of a change
  milestone = "init-vcpu"              # optional: the first milestone whose chain contains the change
  reason = "see commit …"              # required
  expires = 2027-01-31                 # optional: the last day on which the entry counts
  [[must]]
  rule = "main must reach kvm_cpu_exec via x86_cpu_new"     # or: A must not reach B
  reason = "…\""""
EXIT_STATUS = COMPARISON_EXIT_STATUS


def add_options(parser: Parser) -> None:
    """Add the arguments of `diff` to its parser: two inputs, and the options of a comparison."""
    parser.add_argument("old", type=input_name, metavar="OLD", help=f"old input: {INPUT_HELP}")
    parser.add_argument("new", type=input_name, metavar="NEW", help="new input, of the same kinds")
    parser.add_argument(
        "newer",
        type=input_name,
        nargs="*",
        metavar="NEWER",
        help="more inputs, oldest first: each is compared with the one before, and all stand in one table",
    )
    add_comparison_options(parser)
    add_output_options(parser)


def run(options: argparse.Namespace) -> ExitStatus:
    """Compare two inputs, and print the result; with `-o` write it, and print the name of the file.

    With more inputs each is compared with the one before, and the tables of all are written. Returns DONE when no
    change counts, DIFFERS when changes count or a rule is broken, COULD_NOT_RUN when a part is not comparable and
    no change counts. AnalyzerError when an input or an allow-list cannot be read, UsageError for a format that
    takes two inputs.
    """
    output, terms = output_options(options), comparison_terms(options)
    old, new, *newer = [open_graph(name) for name in (options.old, options.new, *options.newer)]
    if newer:
        return compare_versions([old, new, *newer], terms, output)
    judged = compare_sources(old, new, terms)
    write_comparison(judged, old, new, terms, output)
    return exit_status(judged.verdict)
