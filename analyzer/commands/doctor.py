"""`analyze doctor`: tests what a recording needs on this host, by using it, and prints remedies."""

from __future__ import annotations

import argparse
import os
import shutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters import graphviz, kvm_device, qemu
from analyzer.adapters.accounts import account_to_use
from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.debug_files import STANDARD_PLACES, DebugPlaces, find_debug_files
from analyzer.adapters.debuginfod import cache_folder
from analyzer.adapters.gdb import PTRACE_HINT, Gdb, GdbError
from analyzer.adapters.hidden_paths import can_hide
from analyzer.adapters.perf_events import TraceEvents, Tracepoint
from analyzer.adapters.tracefs import TracefsInstance
from analyzer.adapters.uprobes import Place, UprobeDefinitions
from analyzer.commands.debug_options import add_debug_file_options
from analyzer.commands.parser import Parser, add_json_option, path
from analyzer.console import print_json, print_text
from analyzer.errors import AnalyzerError, ExitStatus
from reports.json.document import document

EXAMPLES = """\
  analyze doctor
  analyze doctor --qemu build/qemu-system-x86_64
  analyze doctor --json"""
# History of the format:
# 1  first
SCHEMA = 1
EXIT_STATUS = """\
exit status:
  0 this host can record; 2 usage error; 3 it cannot, see MISSING; 129 terminal closed; 130 interrupted;
  143 terminated"""


def add_options(parser: Parser) -> None:
    """Add the options of `doctor` to its parser: a QEMU to check, and JSON."""
    parser.add_argument("--qemu", type=path, metavar="PATH", help="check this QEMU (default: that in PATH)")
    add_debug_file_options(parser)
    add_json_option(parser, "print JSON, after the last check")


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the result of each check, with a remedy below a failed one; or all of them as JSON.

    Returns DONE, or COULD_NOT_RUN when a check failed without which `analyze startup` fails.
    """
    places = DebugPlaces(options.debug_file, tuple(options.debug_directories), cache_folder())
    if options.json:
        checks = list(examine_host(options.qemu, places))
        broken = any(check.needed and not check.ok for check in checks)
        print_json(document("doctor", SCHEMA, usable=not broken, checks=list(map(vars, checks))))
        return ExitStatus.COULD_NOT_RUN if broken else ExitStatus.DONE
    broken = False
    for check in examine_host(options.qemu, places):
        sign = "ok" if check.ok else "MISSING" if check.needed else "limited"
        print_text(f"{sign:8}{check.subject:16}{check.text}\n")
        if check.remedy:
            remedy = textwrap.indent(check.remedy, " " * 27).strip()
            print_text(f"{'':24}-> {remedy}\n")
        broken |= check.needed and not check.ok
    return ExitStatus.COULD_NOT_RUN if broken else ExitStatus.DONE


@dataclass(frozen=True)
class HostCheck:
    """The result of one check. `needed`: `analyze startup` fails without it. `text`: what was found or failed."""

    subject: str
    ok: bool
    needed: bool
    text: str
    remedy: str = ""


def examine_host(qemu_path: Path | None = None, places: DebugPlaces = STANDARD_PLACES) -> Iterator[HostCheck]:
    """Run the checks in order and yield each result. The last is of the QEMU at `qemu_path`, else of that in PATH.

    `places`: where debug information of the QEMU may be. A recording does not need the QEMU in PATH.
    """
    yield _try("gdb", _gdb)
    yield _try("ptrace", _ptrace)
    yield _try("/dev/kvm", _kvm)
    yield _try("KVM guest", _kvm_guest)
    yield _try("graphviz", _graphviz, needed=False)
    yield _try("firmware", _firmware, needed=False)
    yield _try("watchpoints", _watchpoints, needed=False)
    yield _try("kernel tracing", _kernel_tracing, needed=False)
    yield _try("probes", _probes, needed=False)
    yield _try("user", _user, needed=False)
    yield _try("secrets", _secrets, needed=False)
    if qemu_path is not None:
        yield _try("QEMU", lambda: _qemu(qemu_path, places))
    elif in_path := shutil.which("qemu-system-x86_64"):
        yield _try("QEMU in PATH", lambda: _qemu(Path(in_path), places), needed=False)


def _try(subject: str, check: Callable[[], str], needed: bool = True) -> HostCheck:
    """Run one check: a text is success, an AnalyzerError is failure with its hint as the remedy."""
    try:
        return HostCheck(subject, True, needed, check())
    except AnalyzerError as error:
        return HostCheck(subject, False, needed, error.message, error.hint)


def _gdb() -> str:
    with Gdb() as gdb:
        return f"version {gdb.facts.version} with Python {gdb.facts.python}"


def _ptrace() -> str:
    program = shutil.which("true") or "/bin/true"
    with Gdb(Path(program)) as gdb:
        try:
            gdb.command("-exec-run")
            stopped = gdb.wait_stopped(20.0)
        except GdbError as error:
            stopped, said = None, error.message
        else:
            said = " ".join("".join(gdb.log).split())[-200:]
    if stopped is None or stopped.reason != "exited-normally":
        raise AnalyzerError(
            f"gdb cannot trace a program: {said}",
            PTRACE_HINT,
        )
    return "gdb can trace programs it starts"


def _kvm() -> str:
    kvm_device.check_kvm()
    return "can be opened and creates virtual machines"


def _kvm_guest() -> str:
    kvm_device.run_test_guest()
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    hardware = any(f" {flag} " in flags for flag in ("vmx", "svm"))
    how = "hardware virtualisation" if hardware else "no hardware virtualisation: slow, enough for the tiny guest"
    return f"a test guest runs and exits for its I/O instruction ({how})"


def _graphviz() -> str:
    graphviz.render_svg("digraph { a -> b }")
    return graphviz.version()


def _firmware() -> str:
    folders = qemu.system_firmware()
    if not folders:
        raise AnalyzerError("no BIOS found; guests other than the tiny guest need one.", qemu.FIRMWARE_HINT)
    return "found in " + ", ".join(str(folder) for folder in folders)


def _watchpoints() -> str:
    program = shutil.which("true") or "/bin/true"
    with Gdb(Path(program)) as gdb:
        try:
            gdb.console("starti")
            gdb.wait_stopped(20.0)
            stack = gdb.command('-data-evaluate-expression "(unsigned long) $sp"')["value"]
            gdb.console(f"watch *(long *) {stack}")  # an expression with a register would be a software watchpoint
            gdb.console("info watchpoints")
            hardware = "hw watchpoint" in "".join(gdb.log)
            gdb.command("-exec-continue")
        except GdbError as error:
            hardware = False
            gdb.log.append(error.message)
    if not hardware:
        raise AnalyzerError(
            "no hardware watchpoints: reports cannot say where function pointers are set.",
            "Some virtual machines and containers have no debug registers; try another host.",
        )
    return "hardware watchpoints can find where function pointers are set"


def _kernel_tracing() -> str:
    with TracefsInstance.open():
        return "KVM events and kernel stacks can be recorded"


def _probes() -> str:
    with UprobeDefinitions.open() as definitions:
        program = Path("/proc/self/exe").resolve()
        ids = definitions.define([Place(str(program), CodeFile(program).entry_offset)])
        TraceEvents(
            [os.getpid()], [Tracepoint(number) for number in ids], 64, 1 << 16, enable_on_exec=False
        ).close()
    return "uprobes can record QEMU without stopping it (--engine probes)"


def _user() -> str:
    account = account_to_use("", os.geteuid(), os.environ)
    if account is not None:
        return f"QEMU and gdb run as {account.name}, who called sudo; --user root runs them as root"
    if os.geteuid() == 0:
        raise AnalyzerError(
            "QEMU and gdb run as root.", "Call analyze through sudo as another user, or give --user NAME."
        )
    return "QEMU and gdb run as this user"


def _secrets() -> str:
    if os.geteuid() != 0:
        raise AnalyzerError(
            "QEMU and gdb can read what this user can, ~/.ssh included.",
            "Call analyze through sudo: then such files are hidden from them.",
        )
    if not can_hide():
        raise AnalyzerError(
            "the kernel refuses a mount namespace: QEMU and gdb can read ~/.ssh, /etc/shadow and the like.",
            "In a container add --cap-add SYS_ADMIN.",
        )
    return "~/.ssh, /etc/shadow and the like are hidden from QEMU and gdb; --no-hide-secrets turns it off"


def _qemu(path: Path, places: DebugPlaces) -> str:
    facts = qemu.examine(path, lambda program: find_debug_files(program, places))
    found = f"{facts.path} is QEMU {facts.version} with debug information"
    separate = facts.debug_files.debug_file != facts.path
    return f"{found} in {facts.debug_files.debug_file}" if separate else found
