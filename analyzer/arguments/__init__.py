"""The command line: verbs, their options, their help. Nothing is done here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from analyzer import TOOL
from analyzer.arguments.bisection import check_question
from analyzer.arguments.building import add_build
from analyzer.arguments.comparing import add_baseline, add_bisect, add_ci, add_comment, add_diff
from analyzer.arguments.parser import EXIT_STATUSES, Parser
from analyzer.arguments.reading import add_graph, add_import, add_paths, add_report, add_show
from analyzer.arguments.recording import add_doctor, add_io, add_startup

_PASS_ON = {
    "startup": "QEMU",
    "io": "QEMU",
    "build": "configure",
    "bisect": "QEMU",
}  # verbs, and whose arguments may follow after --
_VERBS = (
    add_startup,
    add_io,
    add_build,
    add_import,
    add_show,
    add_graph,
    add_report,
    add_paths,
    add_diff,
    add_baseline,
    add_bisect,
    add_ci,
    add_comment,
    add_doctor,
)  # as the help lists them


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; `verb` is the verb, `passed_on` what follows after `--`. UsageError when they make no sense."""
    own, passed_on = list(arguments), []
    if "--" in arguments:
        split = own.index("--")
        own, passed_on = own[:split], own[split + 1 :]
    parser = _parser()
    options = parser.parse_args(own)
    if passed_on and options.verb not in _PASS_ON:
        parser.refuse(options.verb, f"{options.verb} takes no arguments after --")
    options.passed_on = tuple(passed_on)
    if options.verb == "build":
        _check_one_thing(parser, options)
    if options.verb == "baseline" and options.what == "update" and (options.format or options.output):
        parser.refuse("baseline", "update writes baselines; --format and -o are for check")
    if options.verb == "bisect":
        check_question(parser, options)
    return options


def _check_one_thing(parser: Parser, options: argparse.Namespace) -> None:
    asked = (options.what is not None, options.source is not None, options.list, options.prune is not None)
    if sum(asked) != 1:
        parser.refuse(
            "build", "build wants one thing: a release or source package, --source PATH, --list, or --prune"
        )


def _parser() -> Parser:
    parser = Parser(
        prog="analyze",
        description="Shows how QEMU starts a KVM guest: call chains of a real run, recorded with gdb.",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=TOOL)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for add in _VERBS:
        add(verbs)
    return parser
