"""The options of comparisons, and the help that explains them."""

from __future__ import annotations

import argparse

from analyzer.arguments.types import path

_FORMS = ("text", "json", "md", "html", "github", "gitlab", "junit", "sarif")

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
  besides: stale (an entry of the allow file that matches nothing or has expired), all, none

the allow file:
  [[allow]]
  change = "renamed"                   # kinds, or a list of them; unchecked: what could not be compared
  subject = "x86_cpu_.*"               # a regular expression for all of what the change is about
  milestone = "init-vcpu"              # optional: the first one whose chain shows the change
  reason = "see commit …"              # required
  expires = 2027-01-31                 # optional
  [[must]]
  rule = "main must reach kvm_cpu_exec via x86_cpu_new"     # or: A must not reach B
  reason = "…\""""
BASELINE_EXAMPLES = """\
  analyze baseline update                          write callchain-baseline/ from the output folders here
  analyze baseline check                           compare them with what is there
  analyze baseline check tests/baseline --of out/startup --format github

  A baseline is a small text for each QEMU version, machine type and profile, and for each set of arguments that
  QEMU was given after the --. Commit it; its changes can be read in a pull request. An allow.toml beside the
  baselines is heeded; see analyze diff --help."""
COMPARISON_STATUS = """\
exit status of a comparison:
  0 the same; 1 it differs, or a rule is broken; 2 usage; 3 something could not be compared, and nothing differs"""


def add_terms(verb: argparse.ArgumentParser) -> None:
    """What counts and what is accepted."""
    verb.add_argument("--fail-on", metavar="KIND[,KIND]", help="kinds of changes that count (default: see below)")
    verb.add_argument("--allow", type=path, metavar="FILE", help="accepted changes with their reasons, and rules")
    verb.add_argument(
        "--names", type=path, action="append", default=[], metavar="FILE",
        help="names that are the same but for a number, and renames, besides those known; may be repeated",
    )  # fmt: skip
    verb.add_argument("--hits", action="store_true", help="tell how often calls were recorded, too")
    verb.add_argument("--kernel", action="store_true", help="compare the kernel's functions too: on one host only")


def add_output(verb: argparse.ArgumentParser) -> None:
    """In which form and where the answer is told."""
    verb.add_argument("--format", choices=_FORMS, help="default: text, or what the suffix of -o FILE says")
    verb.add_argument("-o", "--output", type=path, metavar="FILE", help="write it there")
    verb.add_argument("--full", action="store_true", help="fold nothing away")
    verb.add_argument(
        "--color", "--colour", dest="colour", choices=("auto", "always", "never"), default="auto",
        help="default: on a terminal, unless NO_COLOR is set",
    )  # fmt: skip
