"""`analyze diff`: what changed between two QEMUs on the way to the guest."""

from __future__ import annotations

import argparse

from analyzer.commands.comparison import (
    COMPARISON_STATUS,
    add_comparison_options,
    add_output_options,
    compare_sources,
    comparison_terms,
    exit_status,
    output_options,
    write_comparison,
)
from analyzer.commands.parser import INPUT_HELP, Parser, input_name
from analyzer.errors import ExitStatus
from analyzer.inputs import open_graph

DIFF_EXAMPLES = """\
  analyze diff old/graph.json new/graph.json
  analyze diff reference:1.6.0 callchain-qemu-7.2.22-startup
  analyze diff baseline.txt out/startup --fail-on inserted,removed,thread --allow allow.toml
  analyze diff old new -o diff.html
  analyze diff pasted.txt out/startup --full

sides:
  An output folder, a recording.jsonl, a graph.json, a baseline, a text with backtraces, or reference:1.6.0, the
  backtrace of a published walk-through. Of backtraces only what they show is compared.

kinds of changes:
  that count: chain-removed, chain-added, thread, removed, inserted, renamed, moved, call-kind, pointer,
  ioctl-removed, ioctl-added, ioctl-reordered, function-removed, function-added, call-removed, call-added
  notes, which do not count unless named: numbered (another machine version), optimised (inlined or left by a
  jump in one of the builds), kind-unknown (how a call is made is known on one side only), hits
  besides: stale (an entry of the allow-list that matches nothing or has expired), all, none

the allow-list:
  [[allow]]
  change = "renamed"                   # kinds, or a list of them; unchecked: what could not be compared
  subject = "x86_cpu_.*"               # a regular expression for all of what the change is about
  milestone = "init-vcpu"              # optional: the first one whose chain shows the change
  reason = "see commit …"              # required
  expires = 2027-01-31                 # optional
  [[must]]
  rule = "main must reach kvm_cpu_exec via x86_cpu_new"     # or: A must not reach B
  reason = "…\""""
EXAMPLES = f"{DIFF_EXAMPLES}\n\n{COMPARISON_STATUS}"


def add_options(parser: Parser) -> None:
    """Declare the options of `diff`."""
    parser.add_argument("old", type=input_name, metavar="OLD", help=f"what was: {INPUT_HELP}")
    parser.add_argument("new", type=input_name, metavar="NEW", help="what is: the same")
    add_comparison_options(parser)
    add_output_options(parser)


def run(options: argparse.Namespace) -> ExitStatus:
    """Compare, and print or write the result."""
    output, terms = output_options(options), comparison_terms(options)
    old, new = open_graph(options.old), open_graph(options.new)
    judged = compare_sources(old, new, terms)
    write_comparison(judged, old, new, terms, output)
    return exit_status(judged.verdict)
