"""The command line: verbs, their options, their help. Nothing is done here."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from analyzer import TOOL
from analyzer.bisect_options import BISECT_EXAMPLES, add_bisect_options, check_question
from analyzer.compare_options import (
    BASELINE_EXAMPLES,
    COMPARISON_STATUS,
    DIFF_EXAMPLES,
    add_output,
    add_terms,
)  # fmt: skip
from analyzer.errors import UsageError
from analyzer.query_options import PATHS_EXAMPLES, add_query_options
from analyzer.text import expand_user

_FUNCTION = re.compile(r"(?:[\w./-]+:)?[A-Za-z_~][\w:~<>$]*")
_EXIT_STATUSES = """\
exit status: 0 done, 1 differs (reserved), 2 usage, 3 could not run, 4 ran but incomplete, 130 interrupted"""
_PASS_ON = {
    "startup": "QEMU",
    "io": "QEMU",
    "build": "configure",
    "bisect": "QEMU",
}  # verbs, and whose arguments may follow after --


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; `verb` is the verb, `passed_on` what follows after `--`. UsageError when they make no sense."""
    own, passed_on = list(arguments), []
    if "--" in arguments:
        split = own.index("--")
        own, passed_on = own[:split], own[split + 1 :]
    parser = _parser()
    options = parser.parse_args(own)
    if passed_on and options.verb not in _PASS_ON:
        parser.error(f"{options.verb} takes no arguments after --")
    options.passed_on = tuple(passed_on)
    if options.verb == "build":
        _check_one_thing(parser, options)
    if options.verb == "bisect":
        check_question(parser, options)
    return options


def _check_one_thing(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    asked = (options.what is not None, options.source is not None, options.list, options.prune is not None)
    if sum(asked) != 1:
        parser.error("build wants one thing: a release or source package, --source PATH, --list, or --prune")


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
    _add_io(verbs)
    _add_build(verbs)
    _add_import(verbs)
    _add_show(verbs)
    _add_graph(verbs)
    _add_report(verbs)
    _add_paths(verbs)
    _add_diff(verbs)
    _add_baseline(verbs)
    _add_doctor(verbs)
    _add_bisect(verbs)
    _add_ci(verbs)
    _add_comment(verbs)
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
        "  analyze startup --version debian:7.2\n"
        "  analyze startup --qemu build/qemu-system-x86_64 --guest disk.qcow2 -- -m 2G -smp 2\n"
        "  analyze startup --qemu build/qemu-system-x86_64 --break memory_region_init --out trial",
    )  # fmt: skip
    _add_what_to_record(verb)
    verb.add_argument(
        "--accel", choices=("kvm", "tcg"), default="kvm", help="accelerator (default: kvm; never replaced by tcg)"
    )
    verb.add_argument(
        "--ioctls",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="record every ioctl on KVM's descriptors (default: yes)",
    )
    verb.set_defaults(linger=3.0)
    verb.usage = "analyze startup (--qemu PATH | --version WHAT) [options] [-- QEMU ARGS…]"


def _add_io(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "io", "record how a QEMU serves a guest's I/O: from the guest's instruction to the device and back",
        "  analyze io --qemu build/qemu-system-x86_64\n"
        "  analyze io --qemu build/qemu-system-x86_64 --guest disk.qcow2 --samples 100 --linger 10\n"
        "  analyze io --version debian:7.2 -- -machine kernel_irqchip=off",
    )  # fmt: skip
    _add_what_to_record(verb)
    verb.add_argument(
        "--samples",
        type=_positive_int,
        default=200,
        metavar="N",
        help="exits of each reason that are followed to the device, and the first two for each address besides; "
        "the rest is counted (default: 200)",
    )
    verb.set_defaults(accel="kvm", ioctls=True, linger=15.0)
    verb.usage = "analyze io (--qemu PATH | --version WHAT) [options] [-- QEMU ARGS…]"


def _add_what_to_record(verb: _ArgumentParser) -> None:
    """Options that all recordings have."""
    which = verb.add_mutually_exclusive_group(required=True)
    which.add_argument("--qemu", type=_path, metavar="PATH", help="a qemu-system-x86_64 with debug information")
    which.add_argument(
        "--version",
        dest="build",
        metavar="WHAT",
        help="a release or source package, built when needed: 1.6.0, debian:7.2",
    )
    verb.add_argument(
        "--guest",
        default="tiny",
        metavar="tiny|IMAGE|KERNEL",
        help="what to boot (default: the built-in tiny guest)",
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
        metavar="S",
        help="seconds a guest of yours may run on afterwards (default: 3; for io 15, since a BIOS takes its time)",
    )
    verb.add_argument(
        "--pointers",
        action=argparse.BooleanOptionalAction,
        help="find out who set the function pointers on the way, by running QEMU a few times more (default: yes, "
        "unless QEMU's own arguments name disks or incoming machines; for io only with the tiny guest)",
    )
    verb.add_argument(
        "--kernel",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="record the kernel stacks behind them, where the host lets us: as root (default: yes)",
    )


def _add_build(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "build", "build a QEMU with debug information from source, once; prints where it is",
        "  analyze build 1.6.0                   the official release, its sha256 checked\n"
        "  analyze build debian:7.2              the distribution's source package\n"
        "  analyze build --source ~/src/qemu     a tree or tarball of yours\n"
        "  analyze build 10.0.0 --profile release -- --disable-tcg\n"
        "  analyze build --list\n"
        "  analyze build --prune                 what nothing needs; or names from the list, or all",
    )  # fmt: skip
    verb.add_argument("what", nargs="?", metavar="WHAT", help="a release (1.6.0), or debian[:VERSION]")
    verb.add_argument(
        "--source", type=_path, metavar="DIR|TARBALL", help="build this; it is copied, never changed"
    )
    verb.add_argument(
        "--profile",
        choices=("debug", "release"),
        default="debug",
        help="debug: not optimised, each call leaves a frame (default); release: -O2 -g, as distributions have it",
    )
    verb.add_argument("--target", default="x86_64", metavar="MACHINE", help="emulator to build (default: x86_64)")
    verb.add_argument("--sha256", type=_sha256, metavar="SUM", help="what the tarball must have")
    verb.add_argument(
        "--unverified", action="store_true", help="take a release whose sha256 nobody knows; recorded as such"
    )
    verb.add_argument(
        "--mirror", default="", metavar="URL", help="folder on a server that has the release tarballs"
    )
    verb.add_argument(
        "--update", action="store_true", help="debian: look for a newer package than the one fetched before"
    )
    verb.add_argument(
        "--jobs",
        type=_positive_int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="compilers at once (default: all processors)",
    )
    verb.add_argument("--list", action="store_true", help="what is built and cached, with sizes")
    verb.add_argument("--prune", nargs="*", metavar="NAME", help="remove what nothing needs, or what is named")
    verb.usage = "analyze build (WHAT | --source PATH | --list | --prune [NAME…]) [options] [-- CONFIGURE ARGS…]"


def _add_import(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "import", "make a recording of a backtrace that somebody pasted",
        "  analyze import backtrace.txt\n"
        "  analyze import - --name bug-1234      paste it, then Ctrl-D\n"
        "  perf script | analyze import - --name busy",
    )  # fmt: skip
    verb.add_argument(
        "source", metavar="FILE|-", help="gdb's bt in any form, its MI output, perf script, or folded stacks"
    )
    verb.add_argument(
        "--format",
        dest="text_format",
        choices=("gdb", "mi", "perf", "folded"),
        default="",
        help="what the text is (default: its first lines tell)",
    )
    verb.add_argument(
        "--out", type=_path, metavar="DIR", help="output folder (default: callchain-import- and the name)"
    )
    verb.add_argument("--force", action="store_true", help="replace a recording in the output folder")
    verb.add_argument("--name", default="", metavar="TEXT", help="what to call it (default: the file's name)")


def _add_show(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "show", "print the recorded backtraces as gdb does",
        "  analyze show callchain-qemu-7.2.22-startup\n"
        "  analyze show callchain-qemu-7.2.22-startup qemu_init_vcpu\n"
        "  analyze show callchain-qemu-7.2.22-startup --pointers\n"
        "  analyze show reference:1.6.0",
    )  # fmt: skip
    verb.add_argument("recording", type=_path, metavar="RECORDING", help="a recording.jsonl or its folder")
    verb.add_argument(
        "function", nargs="?", default="", metavar="FUNC", help="only stops in this function or at this milestone"
    )
    instead = verb.add_mutually_exclusive_group()
    instead.add_argument("--pointers", action="store_true", help="who set the function pointers, instead")
    instead.add_argument("--ioctls", action="store_true", help="every ioctl on KVM's descriptors, instead")
    instead.add_argument("--accesses", action="store_true", help="the guest's accesses (of analyze io), instead")


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


def _add_paths(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "paths", "tell which chains of calls lead from one function to another", PATHS_EXAMPLES
    )
    verb.add_argument("source", type=_path, metavar="GRAPH", help="a graph.json, a recording.jsonl or its folder")
    add_query_options(verb)
    how_many = verb.add_mutually_exclusive_group()
    how_many.add_argument(
        "--limit", type=_positive_int, default=20, metavar="N", help="show the first N paths (default: 20)"
    )
    how_many.add_argument(
        "--all",
        dest="limit",
        action="store_const",
        const=None,
        help="show all; the search is cut off, and says so, when it takes too many steps",
    )
    verb.add_argument("-o", "--output", type=_path, metavar="FILE", help="write it there: .txt .json .dot .svg")
    verb.usage = "analyze paths GRAPH --from PATTERN --to PATTERN [options]"


def _add_diff(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "diff", "tell what changed between two QEMUs on the way to the guest",
        f"{DIFF_EXAMPLES}\n\n{COMPARISON_STATUS}",
    )  # fmt: skip
    verb.add_argument("old", metavar="OLD", help="what was: see below")
    verb.add_argument("new", metavar="NEW", help="what is")
    add_terms(verb, _path)
    add_output(verb, _path)


def _add_baseline(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "baseline", "keep what a QEMU does on the way to the guest in git, and compare with it",
        f"{BASELINE_EXAMPLES}\n\n{COMPARISON_STATUS}",
    )  # fmt: skip
    verb.add_argument("what", choices=("update", "check"), help="write the baselines, or compare with them")
    verb.add_argument(
        "folder", nargs="?", type=_path, default=Path("callchain-baseline"), metavar="DIR",
        help="where they are (default: callchain-baseline)",
    )  # fmt: skip
    verb.add_argument(
        "--of", dest="recordings", action="append", default=[], metavar="RECORDING",
        help="an output folder, a recording or a graph; may be repeated (default: all output folders here)",
    )  # fmt: skip
    add_terms(verb, _path)
    add_output(verb, _path)


def _add_doctor(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "doctor", "try what this host can do and name the remedies",
        "  analyze doctor\n  analyze doctor --qemu build/qemu-system-x86_64",
    )  # fmt: skip
    verb.add_argument("--qemu", type=_path, metavar="PATH", help="examine this QEMU too")


def _add_bisect(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "bisect", "build and record the commit at hand, and tell git bisect whether it is good",
        BISECT_EXAMPLES,
    )  # fmt: skip
    add_bisect_options(verb, _path)
    verb.add_argument(
        "--timeout", type=_positive, default=60.0, metavar="S", help="seconds a recording may take (default: 60)"
    )
    verb.usage = "analyze bisect (--qemu PATH [--build COMMAND] | --source DIR) [options] [-- QEMU ARGS…]"


def _add_ci(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "ci", "print what is ready-made for a CI, or write it into a file",
        "  analyze ci github -o .github/workflows/callchain.yml\n"
        "  analyze ci gitlab -o callchain.gitlab-ci.yml\n"
        "  analyze ci script -o callchain.sh && QEMU=build/qemu-system-x86_64 sh callchain.sh",
    )  # fmt: skip
    verb.add_argument(
        "what",
        choices=("github", "gitlab", "script", "packages"),
        help="a GitHub workflow; a GitLab job; the script that both run; one that installs what they need",
    )
    verb.add_argument("-o", "--output", type=_path, metavar="FILE", help="write it there (default: print it)")


def _add_comment(verbs: _Verbs[_ArgumentParser]) -> None:
    verb = _add_verb(
        verbs, "comment", "in a CI job: post a Markdown file as one comment on the pull request, kept current",
        "  analyze comment callchain-ci/diff.md",
    )  # fmt: skip
    verb.add_argument("file", type=_path, metavar="FILE.md", help="what to post")
    verb.add_argument("--update-only", action="store_true", help="where there is no comment yet, write none")


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return expand_user(text)


def _function_name(text: str) -> str:
    if not _FUNCTION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a function (NAME or FILE:NAME)")
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _positive_int(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text} is no sha256: 64 hexadecimal digits")
    return text.lower()
