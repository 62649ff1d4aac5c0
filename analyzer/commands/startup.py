"""`analyze startup`: records how a QEMU starts a guest, and writes the report."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.adapters.gdb import Gdb
from analyzer.commands.debug_options import DebugOptions
from analyzer.commands.parser import RECORDING_EXIT_STATUS, Parser, add_accelerator_option, options_as, refuse
from analyzer.commands.privileges import least_privilege
from analyzer.commands.recording_options import add_recording_options
from analyzer.errors import AnalyzerError, ExitStatus
from gdbscripts.enums import Engine

if TYPE_CHECKING:
    from analyzer.recording.request import RecordingOptions
    from analyzer.recording.run_environment import RunEnvironment

EXAMPLES = """\
  analyze startup --qemu build/qemu-system-x86_64
  analyze startup --version debian:7.2
  analyze startup --qemu /usr/bin/qemu-system-x86_64 --debuginfod
  analyze startup --qemu build/qemu-system-x86_64 --guest disk.qcow2 -- -m 2G -smp 2
  analyze startup --qemu build/qemu-system-x86_64 --break memory_region_init --out trial
  analyze startup --qemu build/qemu-system-x86_64 --break 'kvm_*' --break 'file:hw/i386/*'
  analyze startup --qemu build/qemu-system-x86_64 --break-calls-of kvm_init
  analyze startup --qemu ./run-qemu.sh --follow-exec -- -smp 2
  analyze startup --qemu /usr/bin/qemu-system-x86_64 --source-root ~/qemu-7.2
  analyze startup --pid 4242 --break bdrv_co_preadv --linger 10
  sudo analyze startup --qemu build/qemu-system-x86_64 --user ci
  sudo analyze startup --engine probes --pid 4242 --break bdrv_co_preadv"""
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
    parser.set_defaults(accelerator=None)  # to tell --accel kvm from no --accel
    parser.add_argument(
        "--ioctls",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="record every ioctl on KVM's descriptors (default: yes)",
    )
    parser.usage = "analyze startup (--qemu PATH | --version WHAT | --pid N) [options] [-- QEMU ARGS…]"


def run(options: argparse.Namespace) -> ExitStatus:
    """Record, write the output folder, and print milestones, notes and the path of the report.

    Returns DONE, or INCOMPLETE when a required milestone was not reached or the run ended early. AnalyzerError
    when the recording cannot run; what was recorded before the error is kept.
    """
    return record_scenario(options, pointers_by_default=_can_run_repeatedly)


def record_scenario(
    options: argparse.Namespace, pointers_by_default: Callable[[tuple[str, ...]], bool]
) -> ExitStatus:
    """Record the scenario that has the verb's name, write the results and print the outcome.

    `pointers_by_default`: whether to explain function pointers without --pointers and --no-pointers, for QEMU's
    arguments. Returns INCOMPLETE when a required milestone was not reached or the run ended early. AnalyzerError
    when it cannot run, UsageError for options that a QEMU which is attached to cannot have.
    """
    if options.break_limit and not (options.breaks or options.calls_of):
        refuse(
            options.verb, "--break-limit needs --break or --break-calls-of: milestones have limits of their own"
        )
    if options.engine is Engine.PROBES:
        _refuse_what_probes_cannot(options)
    with least_privilege(options):
        return _record_scenario(options, pointers_by_default)


def _record_scenario(
    options: argparse.Namespace, pointers_by_default: Callable[[tuple[str, ...]], bool]
) -> ExitStatus:
    if options.pid is not None:
        return _attach_and_record(options)
    options.guest = options.guest or "tiny"
    options.accelerator = options.accelerator or "kvm"
    if options.version is not None:
        if options.follow_exec:
            refuse(options.verb, "--follow-exec needs --qemu")
        from analyzer.commands.build import build_by_name
        from analyzer.commands.record_and_report import check_before_recording

        # now, because a build takes minutes
        check_before_recording(_recording_options(options, pointers=False), options.out, options.force)
        options.qemu = build_by_name(options.version, os.cpu_count() or 1).program
    environment = _follow_exec(options) if options.follow_exec else None
    by_default = options.engine is Engine.GDB and pointers_by_default(options.passed_on)
    with Gdb(options.qemu) as gdb:  # reads QEMU's symbols while Python imports the rest
        from analyzer.commands.record_and_report import ReportRequest, record_and_report

        pointers = by_default if options.pointers is None else options.pointers
        added = {"environment": environment} if environment else {}
        request = options_as(
            ReportRequest,
            options,
            **added,
            scenario=options.verb,
            recording=_recording_options(options, pointers),
            debug=options_as(DebugOptions, options),
            pointers_off_by_default=options.pointers is None and not pointers and options.engine is Engine.GDB,
        )
        return record_and_report(gdb, request)


def _attach_and_record(options: argparse.Namespace) -> ExitStatus:
    """Record a QEMU that runs; AnalyzerError when gdb cannot attach to it."""
    from analyzer.adapters.running_qemu import examine_process
    from analyzer.commands.debug_information import DebugInformation
    from analyzer.console import Console
    from analyzer.output_folder import check_free

    _refuse_what_start_needs(options)
    if options.out is not None:
        check_free(options.out, options.force)
    debug = options_as(DebugOptions, options)
    process = examine_process(options.pid, DebugInformation(debug, Console()).find)
    options.accelerator, options.guest = process.accelerator, "running"
    if options.verb == "io" and process.accelerator != "kvm":
        raise AnalyzerError(
            f"Process {process.pid} has no KVM virtual machine: io records the exits of KVM.",
            f"Record how it runs its guest: analyze startup --pid {process.pid}",
        )
    with Gdb(process.program, attaches=True) as gdb:
        from analyzer.commands.record_and_report import ReportRequest, record_and_report

        recording = replace(
            _recording_options(options, pointers=False), qemu_arguments=process.command[1:]
        )  # of the process, for the header
        request = options_as(
            ReportRequest,
            options,
            qemu=process.facts.path,
            scenario=options.verb,
            recording=recording,
            debug=debug,
            pointers_off_by_default=options.pointers is None and options.engine is Engine.GDB,
            process=process,
        )
        return record_and_report(gdb, request)


def _refuse_what_start_needs(options: argparse.Namespace) -> None:
    """UsageError for an option that only a QEMU which is started can have."""
    for given, name in (
        (options.guest, "--guest"),
        (options.accelerator if options.verb == "startup" else None, "--accel"),
        (options.passed_on, "QEMU arguments after --"),
        (options.follow_exec, "--follow-exec"),
    ):
        if given:
            refuse(options.verb, f"{name} cannot be given with --pid: that QEMU already runs")
    if options.pointers:
        refuse(
            options.verb,
            "--pointers cannot be given with --pid: the function pointers are set before gdb attaches, and the "
            "origin of a pointer is found by starting QEMU again",
        )


def _refuse_what_probes_cannot(options: argparse.Namespace) -> None:
    """UsageError for an option that needs gdb to stop QEMU."""
    for given, name, reason in (
        (options.pointers, "--pointers", "the origin of a pointer is found by stopping QEMU"),
        (options.wait_for_cont, "--wait-for-cont", "gdb tells whether QEMU holds its guest"),
        (options.calls_of, "--break-calls-of", "gdb steps from the call instruction to the function"),
    ):
        if given:
            refuse(options.verb, f"{name} cannot be given with --engine probes: {reason}")


def _recording_options(options: argparse.Namespace, pointers: bool) -> RecordingOptions:
    from analyzer.recording.request import RecordingOptions

    return options_as(RecordingOptions, options, pointers=pointers, qemu_arguments=options.passed_on)


def _follow_exec(options: argparse.Namespace) -> RunEnvironment:
    """Replace the wrapper script in `options` by the QEMU that it executes, with the script's arguments.

    Returns the environment that the script adds. AnalyzerError when the script executes no QEMU.
    """
    from analyzer.adapters.wrapper_script import follow_exec
    from analyzer.console import Console
    from analyzer.recording.run_environment import RunEnvironment, without_accelerator

    followed = follow_exec(options.qemu, options.passed_on, options.timeout)
    arguments = without_accelerator(followed.arguments, options.accelerator)
    environment = RunEnvironment(followed.variables, followed.folder)
    line = [*environment.env_command(), str(followed.program), *arguments]
    Console().say(f"{options.qemu} executes {shlex.join(line)}")
    options.qemu, options.passed_on = followed.program, arguments
    return environment


def _can_run_repeatedly(arguments: tuple[str, ...]) -> bool:
    """Whether QEMU can be run several times with these arguments, as the explanation of pointers does."""
    return not any(_OPTIONS_WITH_STATE.fullmatch(argument) for argument in arguments)
