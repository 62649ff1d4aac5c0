"""Arguments, printing, exit statuses; nothing else."""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from analyzer import TOOL
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.text import expand_user

if TYPE_CHECKING:
    from analyzer.adapters.gdb import Gdb

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_FUNCTION = re.compile(r"(?:[\w./-]+:)?[A-Za-z_~][\w:~<>$]*")
_EXIT_STATUSES = """\
exit status: 0 done, 1 differs (reserved), 2 usage, 3 could not run, 4 ran but incomplete, 130 interrupted"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_output()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        options = _parse(arguments)
        return int(options.run(options))
    except AnalyzerError as error:
        print(f"analyze: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return int(error.exit_status)
    except KeyboardInterrupt:
        print("\nanalyze: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `analyze show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitStatus.DONE)
    except OSError as error:  # a full disk, a folder that vanished
        print(f"analyze: {error.strerror}: {error.filename or 'while writing'}", file=sys.stderr)
        return int(ExitStatus.COULD_NOT_RUN)


def _prepare_output() -> None:
    """Whatever a program is called, printing it must not fail; nor must a closed standard output."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we live
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parse(arguments: list[str]) -> argparse.Namespace:
    own, qemu_arguments = arguments, []
    if "--" in arguments:
        split = arguments.index("--")
        own, qemu_arguments = arguments[:split], arguments[split + 1 :]
    parser = _parser()
    options = parser.parse_args(own)
    if qemu_arguments and options.verb != "startup":
        parser.error(f"{options.verb} takes no QEMU arguments")
    options.qemu_arguments = tuple(qemu_arguments)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = _ArgumentParser(
        prog="analyze",
        description="Shows how QEMU starts a KVM guest: call chains of a real run, recorded with gdb.",
        epilog=_EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=TOOL)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_ArgumentParser)
    _add_startup(verbs)
    _add_show(verbs)
    _add_graph(verbs)
    _add_report(verbs)
    _add_doctor(verbs)
    return parser


class _ArgumentParser(argparse.ArgumentParser):
    """Help keeps its line breaks, for the examples."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{message}.", f"See {self.prog} --help.")


_Verbs = argparse._SubParsersAction


def _add_verb(verbs: _Verbs[_ArgumentParser], name: str, help_text: str, examples: str) -> _ArgumentParser:
    return verbs.add_parser(
        name,
        help=help_text,
        description=help_text[0].upper() + help_text[1:] + ".",
        epilog=f"examples:\n{examples}\n\n{_EXIT_STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_startup(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "startup", "record how a QEMU starts a guest, merge it into a call graph and write the report",
        "  analyze startup --qemu build/qemu-system-x86_64\n"
        "  analyze startup --qemu build/qemu-system-x86_64 --guest disk.qcow2 -- -m 2G -smp 2\n"
        "  analyze startup --qemu build/qemu-system-x86_64 --break memory_region_init --out trial",
    )  # fmt: skip
    verb.add_argument(
        "--qemu", required=True, type=_path, metavar="PATH", help="a qemu-system-x86_64 with debug information"
    )
    verb.add_argument(
        "--guest",
        default="tiny",
        metavar="tiny|IMAGE|KERNEL",
        help="what to boot (default: the built-in tiny guest)",
    )
    verb.add_argument(
        "--accel", choices=("kvm", "tcg"), default="kvm", help="accelerator (default: kvm; never replaced by tcg)"
    )
    verb.add_argument(
        "--break",
        dest="breaks",
        action="append",
        type=_function_name,
        default=[],
        metavar="FUNC",
        help="record this function too; may be repeated",
    )
    verb.add_argument(
        "--break-limit",
        type=_positive_int,
        default=1000,
        metavar="N",
        help="stops recorded for each --break (default: 1000)",
    )
    verb.add_argument(
        "--out",
        type=_path,
        metavar="DIR",
        help="output folder (default: named after QEMU's version and the scenario)",
    )
    verb.add_argument("--force", action="store_true", help="replace a recording in the output folder")
    verb.add_argument(
        "--timeout",
        type=_positive,
        default=60.0,
        metavar="S",
        help="seconds until all milestones must be reached (default: 60)",
    )
    verb.add_argument(
        "--linger",
        type=_positive,
        default=3.0,
        metavar="S",
        help="seconds a guest of yours may run on afterwards (default: 3)",
    )
    verb.usage = "analyze startup --qemu PATH [options] [-- QEMU ARGS…]"
    verb.set_defaults(run=_startup)


def _add_show(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "show", "print the recorded backtraces as gdb does",
        "  analyze show callchain-qemu-7.2.22-startup\n"
        "  analyze show callchain-qemu-7.2.22-startup qemu_init_vcpu",
    )  # fmt: skip
    verb.add_argument("recording", type=_path, metavar="RECORDING", help="a recording.jsonl or its folder")
    verb.add_argument(
        "function", nargs="?", default="", metavar="FUNC", help="only stops in this function or at this milestone"
    )
    verb.set_defaults(run=_show)


def _add_graph(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "graph", "merge recordings of one build into a call graph",
        "  analyze graph run1 run2 -o graph.json\n  analyze graph run1 -o graph.svg",
    )  # fmt: skip
    verb.add_argument(
        "recordings", nargs="+", type=_path, metavar="RECORDING", help="a recording.jsonl or its folder"
    )
    verb.add_argument(
        "-o",
        "--output",
        required=True,
        type=_path,
        metavar="FILE",
        help="the suffix chooses: .json .dot .svg .graphml",
    )
    verb.set_defaults(run=_graph)


def _add_report(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "report", "write the HTML report again; needs neither gdb nor QEMU",
        "  analyze report callchain-qemu-7.2.22-startup -o report.html\n"
        "  analyze report graph.json -o report.html",
    )  # fmt: skip
    verb.add_argument(
        "sources",
        nargs="+",
        type=_path,
        metavar="RECORDING|GRAPH",
        help="recordings or graph.json files of one build",
    )
    verb.add_argument("-o", "--output", required=True, type=_path, metavar="FILE", help="the HTML file")
    verb.set_defaults(run=_report)


def _add_doctor(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "doctor", "try what this host can do and name the remedies",
        "  analyze doctor\n  analyze doctor --qemu build/qemu-system-x86_64",
    )  # fmt: skip
    verb.add_argument("--qemu", type=_path, metavar="PATH", help="examine this QEMU too")
    verb.set_defaults(run=_doctor)


def _startup(options: argparse.Namespace) -> ExitStatus:
    from analyzer.adapters.gdb import Gdb

    with Gdb(options.qemu) as gdb:  # reads QEMU's symbols while we import the rest
        return _startup_with(options, gdb)


def _startup_with(options: argparse.Namespace, gdb: Gdb) -> ExitStatus:
    from analyzer.startup import StartupOptions, startup

    return startup(
        gdb,
        StartupOptions(
            qemu=options.qemu,
            guest=options.guest,
            accelerator=options.accel,
            breaks=tuple(dict.fromkeys(options.breaks)),
            break_limit=options.break_limit,
            out=options.out,
            force=options.force,
            timeout=options.timeout,
            linger=options.linger,
            qemu_arguments=options.qemu_arguments,
        ),
    )


def _show(options: argparse.Namespace) -> ExitStatus:
    from analyzer.recording import read_recording
    from analyzer.show import backtraces

    recording = read_recording(options.recording)
    for text in backtraces(recording, options.function):
        print(text)
    if recording.end is None:
        print("analyze: this recording was cut short: it has no end.", file=sys.stderr)
    return ExitStatus.DONE


def _graph(options: argparse.Namespace) -> ExitStatus:
    from analyzer.workflow import make_graph

    make_graph(options.recordings, options.output)
    print(options.output)
    return ExitStatus.DONE


def _report(options: argparse.Namespace) -> ExitStatus:
    from analyzer.workflow import make_report

    missing = make_report(options.sources, options.output)
    if missing:
        print(f"analyze: {missing}", file=sys.stderr)
    print(options.output)
    return ExitStatus.DONE


def _doctor(options: argparse.Namespace) -> ExitStatus:
    from analyzer.doctor import examine

    broken = False
    for finding in examine(options.qemu):
        sign = "ok" if finding.ok else "MISSING" if finding.needed else "limited"
        print(f"{sign:8}{finding.subject:16}{finding.text}", flush=True)
        if finding.remedy:
            print(f"{'':24}-> {finding.remedy}")
        broken |= finding.needed and not finding.ok
    return ExitStatus.COULD_NOT_RUN if broken else ExitStatus.DONE


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return expand_user(text)


def _function_name(text: str) -> str:
    if not _FUNCTION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a function (NAME or FILE:NAME)")
    return text


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value
