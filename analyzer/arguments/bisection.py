"""The options of a bisection, and the help that explains them."""

from __future__ import annotations

import argparse

from analyzer.arguments.parser import Parser
from analyzer.arguments.types import path

BISECT_EXAMPLES = """\
  git bisect start BAD GOOD
  git bisect run analyze bisect --build 'ninja -C build' --qemu build/qemu-system-x86_64 \\
      --rule 'main must reach kvm_arch_init_vcpu'
  git bisect run analyze bisect --source . --like good/graph.json --chain init-vcpu

exit status of bisect, as git takes it:
  0 good; 1 bad; 125 skip: it does not build, cannot be recorded, or tells nothing; 129 stop: something is wrong
  with the question or the host, and would be with every commit

rules:
  A must reach B, A must not reach B; via C, not via C, only via C. What a rule names is watched for besides the
  milestones. A commit whose program lacks a function that a rule names is skipped, unless it must not reach
  that."""


def add_bisect_options(verb: argparse.ArgumentParser) -> None:
    """What is built, what is asked, and how it is recorded."""
    which = verb.add_mutually_exclusive_group(required=True)
    which.add_argument("--qemu", type=path, metavar="PATH", help="the program that the commit was built into")
    which.add_argument("--source", type=path, metavar="DIR", help="build this tree, as analyze build --source")
    verb.add_argument("--build", default="", metavar="COMMAND", help="with --qemu: build with this, in the shell")
    verb.add_argument("--profile", choices=("debug", "release"), default="debug", help="with --source")
    verb.add_argument(
        "--rule", dest="rules", action="append", default=[], metavar="SENTENCE",
        help="good is where this holds: 'main must reach kvm_init'; may be repeated",
    )  # fmt: skip
    verb.add_argument(
        "--like", default="", metavar="GRAPH", help="good is where the chains are as in this graph or recording"
    )
    verb.add_argument(
        "--chain", dest="chains", action="append", default=[], metavar="MILESTONE",
        help="compare this one only; may be repeated",
    )  # fmt: skip
    verb.add_argument(
        "--reverse", action="store_true", help="swap good and bad: find the commit that mended something"
    )
    verb.add_argument("--guest", default="tiny", metavar="tiny|IMAGE|KERNEL", help="what to boot")
    verb.add_argument("--accel", choices=("kvm", "tcg"), default="kvm", help="accelerator (default: kvm)")
    verb.add_argument("--pointers", action="store_true", help="find out who set the function pointers, too")
    verb.add_argument("--keep", type=path, metavar="DIR", help="keep each commit's recording and report there")


def check_question(parser: Parser, options: argparse.Namespace) -> None:
    """The parser's error for options that do not go together."""
    if not options.rules and not options.like:
        parser.refuse("bisect", "bisect wants a question: --rule SENTENCE, or --like GRAPH")
    if options.chains and not options.like:
        parser.refuse("bisect", "--chain says which chains are to be as in --like GRAPH")
    if options.source is not None and options.build:
        parser.refuse("bisect", "--source is built as this program does it; --build is for --qemu")
