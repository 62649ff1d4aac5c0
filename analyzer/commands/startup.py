"""`analyze startup`: records how a QEMU starts a guest, and writes the report."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

from analyzer.adapters.gdb import Gdb
from analyzer.commands.parser import (
    RECORDING_EXIT_STATUS,
    Parser,
    add_accelerator_option,
    add_guest_option,
    add_out_option,
    add_timeout_option,
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
  analyze startup --qemu build/qemu-system-x86_64 --break memory_region_init --out trial
  analyze startup --qemu /usr/bin/qemu-system-x86_64 --source-root ~/qemu-7.2"""
EXIT_STATUS = RECORDING_EXIT_STATUS
# Options of QEMU that name what a run may change or use up: with them QEMU is not run several times.
_OPTIONS_WITH_STATE = re.compile(
    r"--?(?:drive|blockdev|[hsm]d[a-d]?|fd[ab]|sd|mtdblock|pflash|incoming|loadvm|fsdev|virtfs)"
)


def add_options(parser: Parser) -> None:
    """Add the options of `startup` to its parser: those of every recording, accelerator and ioctls."""
    add_recording_options(
        parser,
        linger=3.0,
        pointers_default="yes, unless the QEMU arguments name a disk, a snapshot or an incoming migration",
    )
    add_accelerator_option(parser)
    parser.add_argument(
        "--ioctls",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="record every ioctl on KVM's descriptors (default: yes)",
    )
    parser.usage = "analyze startup (--qemu PATH | --version WHAT) [options] [-- QEMU ARGS…]"


def run(options: argparse.Namespace) -> ExitStatus:
    """Record, write the output folder, and print milestones, notes and the path of the report.

    Returns DONE, or INCOMPLETE when a required milestone was not reached or the run ended early. AnalyzerError
    when the recording cannot run; what was recorded before the error is kept.
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


def add_recording_options(parser: Parser, linger: float, pointers_default: str) -> None:
    """Add the options that `startup` and `io` share.

    `linger`: default of `--linger` in seconds. `pointers_default`: when pointers are explained, for the help.
    """
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument(
        "--qemu", type=path, metavar="PATH", help="QEMU to record: a qemu-system-x86_64 with debug information"
    )
    program.add_argument(
        "--version",
        metavar="WHAT",
        help="QEMU to record: a release or source package (1.6.0, debian:7.2), built unless it is in the cache",
    )
    add_guest_option(parser)
    parser.add_argument(
        "--break",
        dest="breaks",
        action="append",
        type=function_name,
        default=[],
        metavar="FUNC",
        help="record backtraces of this function too (NAME or FILE:NAME); may be repeated",
    )
    parser.add_argument(
        "--break-limit",
        type=positive_int,
        default=1000,
        metavar="N",
        help="stops to record for each --break (default: 1000)",
    )
    add_out_option(parser, "DIR", "output folder (default: callchain-qemu-VERSION-SCENARIO)")
    parser.add_argument("--force", action="store_true", help="replace an earlier recording in the output folder")
    add_timeout_option(parser)
    parser.add_argument(
        "--linger",
        type=positive,
        default=linger,
        metavar="S",
        help=f"seconds that a guest other than the tiny one runs after the last milestone (default: {linger:g})",
    )
    parser.add_argument(
        "--pointers",
        action=argparse.BooleanOptionalAction,
        help="find the code that sets the function pointers on the recorded chains, by running QEMU several "
        f"times more (default: {pointers_default})",
    )
    parser.add_argument(
        "--source-root",
        dest="source_roots",
        action="append",
        type=path,
        default=[],
        metavar="DIR",
        help="record source lines of files below this folder too; may be repeated (default: the QEMU source tree "
        "that the program lies in or was configured from)",
    )
    parser.add_argument(
        "--kernel",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="record the kernel's stacks of ioctls and exits, when the host permits it, usually as root only "
        "(default: yes)",
    )
