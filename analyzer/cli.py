"""Entry point of `analyze`: parses the command line, runs the verb, prints errors, returns the exit status."""

from __future__ import annotations

import argparse
import atexit
import codecs
import errno
import gc
import importlib
import io
import os
import signal
import sys
import textwrap
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

from analyzer import TOOL
from analyzer.commands.parser import ALL_EXIT_STATUSES, EXIT_STATUS, Parser, describe, refuse
from analyzer.console import print_error
from analyzer.errors import AnalyzerError, ExitStatus, UsageError

_SIGNAL_STATUS = 128  # plus the number of the signal, as shells have it: SIGHUP 129, SIGINT 130, SIGTERM 143
_SIGNS_IN_ASCII = "signs-in-ascii"  # name of the error handler of the output streams
_COMPLETING = "_ARGCOMPLETE"  # in the environment when a shell asks for completions
_ABORT_BISECTION = 129  # `git bisect run` takes a status below 128 as an answer about the commit

VERBS = {
    "startup": "record how a QEMU starts a guest, merge the backtraces into a call graph and write the report",
    "io": "record how a QEMU handles guest I/O: from the guest's instruction to the device and back",
    "build": "build a QEMU with debug information from source, or find it in the cache, and print its path",
    "import": "convert the text of backtraces into a recording",
    "summary": "print what an input contains: milestones, threads, kinds of calls, ioctls, exits",
    "browse": "show an input in the terminal: chains, callers and callees, functions, ioctls, source",
    "show": "print the backtraces of a recording as gdb does, or as a tree; or its pointers, ioctls or accesses",
    "graph": "merge recordings of one build into a call graph",
    "export": "write a recording for another program: speedscope, Perfetto, KCachegrind, Mermaid, Graphviz, CSV",
    "redact": "write a recording without paths, names and secrets, for sharing",
    "report": "write the HTML report of recordings; needs neither gdb nor QEMU",
    "open": "open the report of an output folder in the web browser",
    "paths": "print the call paths from one function to another",
    "diff": "compare the call chains of two QEMUs",
    "baseline": "write the call chains of recordings as baselines for git, or compare with them",
    "bisect": "build, record and judge the checked-out commit, for `git bisect run`",
    "ci": "print a CI template (GitHub, GitLab, script), or write it to a file",
    "comment": "in a CI job, post a Markdown file as a comment on the pull request, or update that comment",
    "completion": "print what makes bash, zsh or fish complete the command line of analyze",
    "doctor": "check what this host can record, and print remedies",
}
"""Name and help text of each verb, in the order of the help. The verb V is in `analyzer/commands/V.py`."""
_TAKE_ARGUMENTS_AFTER_DASHES = {"startup", "io", "build", "bisect"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb in `argv` (default: the command line) and return the exit status.

    All errors are caught and printed to standard error: AnalyzerError with its hint, others as an internal error.
    """
    if _COMPLETING in os.environ and argv is None:
        _complete(os.environ.get("COMP_LINE", ""))
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _collect_garbage_rarely()
    _make_output_robust()
    received: list[int] = []
    _interrupt_on_signals(received)
    try:
        status = _run(arguments, received)
    except SystemExit as ended:  # after --help and --version
        if _flush_output():
            raise
        raise SystemExit(int(ExitStatus.COULD_NOT_RUN)) from ended
    return status if _flush_output() else _error_status(arguments, ExitStatus.COULD_NOT_RUN)


def _run(arguments: Sequence[str], received: Sequence[int]) -> int:
    """As `main`; `received` gets the number of a signal that interrupts the verb."""
    try:
        options = parse(arguments)
        return int(options.run(options))
    except AnalyzerError as error:
        _print_error(f"analyze: {error.message}")
        if error.hint:
            _print_error(textwrap.indent(error.hint, "  "))
        return _error_status(arguments, error.exit_status)
    except KeyboardInterrupt:
        number = received[0] if received else signal.SIGINT
        _print_error(f"\nanalyze: interrupted by {signal.Signals(number).name}")
        return _SIGNAL_STATUS + number
    except BrokenPipeError:  # a closed pipe, as in `analyze show … | head`
        _discard(sys.stdout)
        return _error_status(arguments, ExitStatus.DONE)
    except (OSError, MemoryError) as error:
        _print_error(_host_problem(error))
        return _error_status(arguments, ExitStatus.COULD_NOT_RUN)
    except Exception:  # noqa: BLE001 - Python would exit with 1, which means DIFFERS
        _print_error(f"{traceback.format_exc()}analyze: internal error; please report it.")
        return _error_status(arguments, ExitStatus.COULD_NOT_RUN)


def _host_problem(error: OSError | MemoryError) -> str:
    """The sentence for what the host lacks, such as space on a disk, a folder that was removed, or memory."""
    if isinstance(error, OSError):
        return f"analyze: {error.strerror}: {error.filename or 'while writing'}"
    return (
        "analyze: there is not enough memory.\n"
        "  Raise the limit (ulimit -v, that of the cgroup), or record less: fewer --break, or --break-limit."
    )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. The result has the verb's options, and:

    `verb`: its name; `run`: its function, which takes the result and returns the exit status; `passed_on`: a tuple
    of the arguments after `--`. Only the module of this verb is imported, because the others take time.
    UsageError when the command line is invalid; SystemExit after --help and --version.
    """
    own, passed_on = list(arguments), []
    if "--" in arguments:
        split = own.index("--")
        own, passed_on = own[:split], own[split + 1 :]
    try:
        options = _parser(own[0] if own else "").parse_args(own)
    except UsageError as error:
        if any(argument.startswith("-") and Path(argument).exists() for argument in own[1:]):
            raise UsageError(
                error.message, f"A path that begins with - is written as ./-NAME. {error.hint}"
            ) from None
        raise
    if passed_on and options.verb not in _TAKE_ARGUMENTS_AFTER_DASHES:
        refuse(options.verb, f"{options.verb} takes no arguments after --")
    options.passed_on = tuple(passed_on)
    return options


def _parser(verb_name: str) -> Parser:
    """The parser of all verbs; only the verb `verb_name` has its options."""
    parser = Parser(
        prog="analyze",
        description="Shows how QEMU starts a KVM guest: call chains of a real run, recorded with gdb.",
        epilog=ALL_EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=TOOL)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for name, help_text in VERBS.items():
        verb = verbs.add_parser(name, help=help_text, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == verb_name:
            command = importlib.import_module(f"analyzer.commands.{'import_' if name == 'import' else name}")
            describe(verb, help_text, command.EXAMPLES, getattr(command, "EXIT_STATUS", EXIT_STATUS))
            command.add_options(verb)
            verb.set_defaults(run=command.run)
    return parser


def _complete(line: str) -> None:
    """Print the completions of the command line `line` for the shell, and exit.

    argcomplete reads from the environment where the cursor is, and writes to the descriptor that the shell opened.
    """
    import argcomplete

    verb = next(iter(line.split()[1:]), "")
    argcomplete.autocomplete(_parser(verb if verb in VERBS else ""), always_complete_options=False)


def _collect_garbage_rarely() -> None:
    """Let the garbage collector run rarely, and not over all objects when this process ends.

    It takes a tenth of the time of a short run and finds next to nothing: the data of this program has few cycles.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)


def _error_status(arguments: Sequence[str], status: ExitStatus) -> int:
    """The exit status after an error: `status`, or 129 for `bisect`, which aborts the bisection."""
    return _ABORT_BISECTION if arguments[:1] == ["bisect"] else int(status)


def _make_output_robust() -> None:
    """Make printing succeed for names that the encoding lacks, and when standard output or error is closed."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until exit
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SIGNS_IN_ASCII)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Handle characters that the stream cannot encode: the ASCII sign for a mark, an escape for others."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    from reports.diff_marks import DiffMark

    signs = {mark.sign: mark.ascii_sign for mark in DiffMark}
    text = "".join(signs.get(char, char) for char in error.object[error.start : error.end])
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(_SIGNS_IN_ASCII, _in_ascii)


def _interrupt_on_signals(received: list[int]) -> None:
    """Raise KeyboardInterrupt on SIGHUP, SIGINT and SIGTERM, and append the signal's number to `received`.

    A signal that is ignored stays so, as nohup and the background jobs of a shell want it.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGHUP:  # of a terminal that closes, the kernel and the shell each send one
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Programs inherit what is ignored, but not what has a handler: make and ninja are ended with SIGINT.
        signal.signal(signal.SIGINT, _do_nothing)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    pass


def _print_error(text: str) -> None:
    """Print on standard error; a terminal that is closed, or a full disk, changes no exit status."""
    try:
        print_error(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def _flush_output() -> bool:
    """Write what is still buffered; False when it cannot be written, which Python would report with status 120.

    A pipe or terminal that is closed is no error.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if error.errno not in (errno.EPIPE, errno.EIO):
            _print_error(f"analyze: {error.strerror}: standard output")
            return False
    return True


def _discard(stream: TextIO) -> None:
    """Send all that is written to `stream` from now on to /dev/null."""
    with suppress(OSError, ValueError):  # a stream in memory has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), stream.fileno())
