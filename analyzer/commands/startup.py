"""`analyze startup`: record how a QEMU starts a guest."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

from analyzer.adapters.gdb import Gdb
from analyzer.commands.parser import (
    Parser,
    add_out_option,
    function_name,
    options_as,
    path,
    positive,
    positive_int,
)
from analyzer.errors import ExitStatus

if TYPE_CHECKING:
    from analyzer.recording.request import RecordingOptions

EXAMPLES = """\
  analyze startup --qemu build/qemu-system-x86_64
  analyze startup --version debian:7.2
  analyze startup --qemu build/qemu-system-x86_64 --guest disk.qcow2 -- -m 2G -smp 2
  analyze startup --qemu build/qemu-system-x86_64 --break memory_region_init --out trial"""
# Options of QEMU that name what a run may change or use up: with them QEMU is not run several times.
_OPTIONS_WITH_STATE = re.compile(
    r"--?(?:drive|blockdev|[hsm]d[a-d]?|fd[ab]|sd|mtdblock|pflash|incoming|loadvm|fsdev|virtfs)"
)


def add_options(parser: Parser) -> None:
    """Declare the options of `startup`."""
    add_recording_options(parser)
    parser.add_argument(
        "--accel", dest="accelerator", choices=("kvm", "tcg"), default="kvm",
        help="accelerator (default: kvm; never replaced by tcg)",
    )  # fmt: skip
    parser.add_argument(
        "--ioctls",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="record every ioctl on KVM's descriptors (default: yes)",
    )
    parser.set_defaults(linger=3.0)
    parser.usage = "analyze startup (--qemu PATH | --version WHAT) [options] [-- QEMU ARGS…]"


def run(options: argparse.Namespace) -> ExitStatus:
    """Record and write the report, and say how it went on standard output.

    Returns INCOMPLETE when a required milestone was not reached.
    """
    return record_scenario(options, pointers_by_default=_can_run_repeatedly(options.passed_on))


def record_scenario(options: argparse.Namespace, pointers_by_default: bool) -> ExitStatus:
    """Record the scenario that has the verb's name, write the results and print the outcome.

    `pointers_by_default`: whether to explain function pointers without --pointers and --no-pointers. Returns
    INCOMPLETE when a required milestone was not reached or the run ended early. AnalyzerError when it cannot run.
    """
    if options.version is not None:
        from analyzer.commands.build import build_by_name
        from analyzer.commands.record_and_report import check_before_recording

        # now, because a build takes minutes
        check_before_recording(_recording_options(options, pointers=False), options.out, options.force)
        options.qemu = build_by_name(options.version, os.cpu_count() or 1).program
    with Gdb(options.qemu) as gdb:  # reads QEMU's symbols while Python imports the rest
        from analyzer.commands.record_and_report import ReportRequest, record_and_report

        pointers = pointers_by_default if options.pointers is None else options.pointers
        request = options_as(
            ReportRequest,
            options,
            scenario=options.verb,
            recording=_recording_options(options, pointers),
            pointers_off_by_default=options.pointers is None and not pointers,
        )
        return record_and_report(gdb, request)


def _recording_options(options: argparse.Namespace, pointers: bool) -> RecordingOptions:
    from analyzer.recording.request import RecordingOptions

    return options_as(RecordingOptions, options, pointers=pointers, qemu_arguments=options.passed_on)


def _can_run_repeatedly(arguments: tuple[str, ...]) -> bool:
    """Whether QEMU can be run several times with these arguments, as the explanation of pointers does."""
    return not any(_OPTIONS_WITH_STATE.fullmatch(argument) for argument in arguments)


def add_recording_options(parser: Parser) -> None:
    """Options that all recordings have."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--qemu", type=path, metavar="PATH", help="a qemu-system-x86_64 with debug information")
    which.add_argument(
        "--version", metavar="WHAT", help="a release or source package, built when needed: 1.6.0, debian:7.2"
    )
    parser.add_argument(
        "--guest",
        default="tiny",
        metavar="tiny|IMAGE|KERNEL",
        help="what to boot (default: the built-in tiny guest)",
    )
    parser.add_argument(
        "--break",
        dest="breaks",
        action="append",
        type=function_name,
        default=[],
        metavar="FUNC",
        help="record this function too; may be repeated",
    )
    parser.add_argument(
        "--break-limit",
        type=positive_int,
        default=1000,
        metavar="N",
        help="stops recorded for each --break (default: 1000)",
    )
    add_out_option(parser, "DIR", "output folder (default: named after QEMU's version and the scenario)")
    parser.add_argument("--force", action="store_true", help="replace a recording in the output folder")
    parser.add_argument(
        "--timeout",
        type=positive,
        default=60.0,
        metavar="S",
        help="seconds until all milestones must be reached (default: 60)",
    )
    parser.add_argument(
        "--linger",
        type=positive,
        metavar="S",
        help="seconds a guest of yours may run on afterwards (default: 3; for io 15, since a BIOS takes its time)",
    )
    parser.add_argument(
        "--pointers",
        action=argparse.BooleanOptionalAction,
        help="find out who set the function pointers on the way, by running QEMU a few times more (default: yes, "
        "unless QEMU's own arguments name disks or incoming machines; for io only with the tiny guest)",
    )
    parser.add_argument(
        "--kernel",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="record the kernel stacks behind them, where the host lets us: as root (default: yes)",
    )
