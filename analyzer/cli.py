"""Finds the verb, runs it, and turns errors into messages and exit statuses; nothing else."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from analyzer import TOOL
from analyzer.commands.parser import EXIT_STATUSES, Parser, describe, refuse
from analyzer.errors import AnalyzerError, ExitStatus

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_ABORT_BISECTION = 129  # `git bisect run` would take anything below 128 for what we say of the commit

VERBS = {
    "startup": "record how a QEMU starts a guest, merge it into a call graph and write the report",
    "io": "record how a QEMU serves a guest's I/O: from the guest's instruction to the device and back",
    "build": "build a QEMU with debug information from source, once; prints where it is",
    "import": "make a recording of a backtrace that somebody pasted",
    "show": "print the recorded backtraces as gdb does",
    "graph": "merge recordings of one build into a call graph",
    "report": "write the HTML report again; needs neither gdb nor QEMU",
    "paths": "tell which chains of calls lead from one function to another",
    "diff": "tell what changed between two QEMUs on the way to the guest",
    "baseline": "keep what a QEMU does on the way to the guest in git, and compare with it",
    "bisect": "build and record the commit at hand, and tell git bisect whether it is good",
    "ci": "print what is ready-made for a CI, or write it into a file",
    "comment": "in a CI job: post a Markdown file as one comment on the pull request, kept current",
    "doctor": "try what this host can do and name the remedies",
}
"""What each verb does, in the order of the help. The verb V is in `analyzer/commands/V.py`."""
_TAKE_ARGUMENTS_AFTER_DASHES = {"startup", "io", "build", "bisect"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _make_output_robust()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        options = parse(arguments)
        return int(options.run(options))
    except AnalyzerError as error:
        print(f"analyze: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return _error_status(arguments, error.exit_status)
    except KeyboardInterrupt:
        print("\nanalyze: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `analyze show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _error_status(arguments, ExitStatus.DONE)
    except OSError as error:  # a full disk, a folder that vanished
        print(f"analyze: {error.strerror}: {error.filename or 'while writing'}", file=sys.stderr)
        return _error_status(arguments, ExitStatus.COULD_NOT_RUN)
    except Exception:  # noqa: BLE001 - Python would end with 1, as if something differed
        traceback.print_exc()
        print("analyze: this is a mistake of the program itself; please report it.", file=sys.stderr)
        return _error_status(arguments, ExitStatus.COULD_NOT_RUN)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed options. `run` is the verb's function, `verb` its name, `passed_on` what follows after `--`.

    Only the module of the verb asked for is imported, so that help and errors come at once. UsageError when
    the command line makes no sense.
    """
    own, passed_on = list(arguments), []
    if "--" in arguments:
        split = own.index("--")
        own, passed_on = own[:split], own[split + 1 :]
    options = _parser(own[0] if own else "").parse_args(own)
    if passed_on and options.verb not in _TAKE_ARGUMENTS_AFTER_DASHES:
        refuse(options.verb, f"{options.verb} takes no arguments after --")
    options.passed_on = tuple(passed_on)
    return options


def _parser(verb_name: str) -> Parser:
    parser = Parser(
        prog="analyze",
        description="Shows how QEMU starts a KVM guest: call chains of a real run, recorded with gdb.",
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=TOOL)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for name, help_text in VERBS.items():
        verb = verbs.add_parser(name, help=help_text, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == verb_name:
            command = importlib.import_module(f"analyzer.commands.{'import_' if name == 'import' else name}")
            describe(verb, help_text, command.EXAMPLES)
            command.add_options(verb)
            verb.set_defaults(run=command.run)
    return parser


def _error_status(arguments: Sequence[str], status: ExitStatus) -> int:
    return _ABORT_BISECTION if arguments[:1] == ["bisect"] else int(status)


def _make_output_robust() -> None:
    """Whatever a program is called, printing it must not fail; nor must a closed stream."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we live
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
