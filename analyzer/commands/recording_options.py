"""The options that all verbs which record a scenario share."""

from __future__ import annotations

import argparse

from analyzer.commands.debug_options import add_debug_file_options, add_debuginfod_options
from analyzer.commands.parser import (
    MANY_BREAKPOINTS,
    Parser,
    add_guest_option,
    add_out_option,
    add_timeout_option,
    break_pattern,
    function_name,
    path,
    positive,
    positive_int,
    process_id,
)
from analyzer.commands.privileges import add_privilege_options
from gdbscripts.enums import Engine


def add_recording_options(parser: Parser, linger: float, pointers_default: str) -> None:
    """Add the options that `startup` and `io` share.

    `linger`: default of `--linger` in seconds. `pointers_default`: when pointers are explained, for the help.
    """
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument(
        "--qemu",
        type=path,
        metavar="PATH",
        help="QEMU to record: a qemu-system-x86_64 with debug information, in itself or in a separate debug file",
    )
    program.add_argument(
        "--version",
        metavar="WHAT",
        help="QEMU to record: a release or source package (1.6.0, debian:7.2), built unless it is in the cache",
    )
    program.add_argument(
        "--pid",
        type=process_id,
        metavar="N",
        help="QEMU to record: process N, which already runs a guest; gdb attaches to it, detaches after --linger "
        "seconds or after all stops of --break, and QEMU runs on",
    )
    add_debug_file_options(parser)
    add_debuginfod_options(
        parser, yes="ask nothing: download from debuginfod, and set thousands of breakpoints for --break"
    )
    parser.add_argument(
        "--follow-exec",
        action="store_true",
        help="PATH of --qemu is a wrapper script: run it once up to the exec of QEMU, then record that QEMU with "
        "the arguments and environment that the script gives it",
    )
    add_guest_option(parser)
    parser.set_defaults(guest=None)  # to tell --guest tiny from no --guest
    parser.add_argument(
        "--break",
        dest="breaks",
        action="append",
        type=break_pattern,
        default=[],
        metavar="FUNC",
        help="record backtraces of this function too: NAME, FILE:NAME, a glob of the program's own functions "
        "(quoted: 'kvm_*'), file:GLOB for all functions that these source files define ('file:hw/i386/*'), or "
        "file:GLOB:NAME; "
        "a glob says first how many functions it matches, and asks when it takes more than "
        f"{MANY_BREAKPOINTS:,} breakpoints; may be repeated",
    )
    parser.add_argument(
        "--break-calls-of",
        dest="calls_of",
        action="append",
        type=function_name,
        default=[],
        metavar="FUNC",
        help="record the functions that this function calls: directly, through pointers, by tail calls, and "
        "inlined (NAME or FILE:NAME); may be repeated",
    )
    parser.add_argument(
        "--break-limit",
        type=positive_int,
        default=0,
        metavar="N",
        help="hits to record of each --break and --break-calls-of (default: all; hits with an equal stack are "
        "counted)",
    )
    parser.add_argument(
        "--engine",
        type=_engine,
        default=Engine.GDB,
        metavar="NAME",
        help="gdb: breakpoints, with arguments and function pointers; probes: uprobes of the kernel, which do not "
        "stop QEMU and need root (default: gdb)",
    )
    add_out_option(parser, "DIR", "output folder (default: callchain-qemu-VERSION-SCENARIO)")
    parser.add_argument("--force", action="store_true", help="replace an earlier recording in the output folder")
    add_privilege_options(parser)
    parser.add_argument(
        "--redact",
        action="store_true",
        help="remove paths, user and host names and secrets from the recording, for sharing, as `analyze redact`",
    )
    add_timeout_option(parser)
    parser.add_argument(
        "--milestone-timeout",
        type=positive,
        default=0.0,
        metavar="S",
        help="end the run when no further required milestone is reached for S seconds (default: only --timeout "
        "limits it)",
    )
    parser.add_argument(
        "--wait-for-cont",
        action="store_true",
        help="when QEMU holds the guest (-S, -incoming, --preconfig), wait until --timeout for a QMP client, a "
        "gdb or a migration that lets it run (default: end at once and say what holds it)",
    )
    parser.add_argument(
        "--linger",
        type=positive,
        default=linger,
        metavar="S",
        help="seconds that a guest other than the tiny one runs after the last milestone; with --pid, seconds of "
        f"the recording (default: {linger:g})",
    )
    parser.add_argument(
        "--pointers",
        action=argparse.BooleanOptionalAction,
        help="find the code that sets the function pointers on the recorded chains, by running QEMU several "
        f"times more (default: {pointers_default})",
    )
    parser.add_argument(
        "--pointer-cache",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="take over who set a function pointer from an earlier recording of the same QEMU and command line, "
        "where the same slots have the same values in this one (default: yes)",
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


def _engine(name: str) -> Engine:
    try:
        return Engine(name)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {', '.join(Engine)})") from None
