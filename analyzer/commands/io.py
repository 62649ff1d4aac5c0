"""`analyze io`: records how a QEMU handles the I/O of a guest, and writes the report."""

from __future__ import annotations

import argparse

from analyzer.commands.parser import RECORDING_EXIT_STATUS, Parser, positive_int
from analyzer.commands.recording_options import add_recording_options
from analyzer.commands.startup import record_scenario
from analyzer.errors import ExitStatus

EXAMPLES = """\
  analyze io --qemu build/qemu-system-x86_64
  analyze io --qemu build/qemu-system-x86_64 --guest disk.qcow2 --samples 100 --linger 10
  analyze io --qemu build/qemu-system-x86_64 --break 'serial_*'
  analyze io --version debian:7.2 -- -machine kernel_irqchip=off
  analyze io --pid 4242 --linger 5
  sudo analyze io --engine probes --pid 4242 --linger 5"""
EXIT_STATUS = RECORDING_EXIT_STATUS


def add_options(parser: Parser) -> None:
    """Add the options of `io` to its parser: those of every recording, and how many exits to follow."""
    add_recording_options(
        parser,
        linger=15.0,  # a BIOS takes its time
        pointers_default="yes, with the tiny guest and without QEMU arguments",
    )
    parser.add_argument(
        "--samples",
        type=positive_int,
        default=200,
        metavar="N",
        help="exits to follow to the device, for each exit reason; in addition the first two for each address. "
        "Other exits are only counted (default: 200)",
    )
    parser.set_defaults(accelerator="kvm", ioctls=True)
    parser.usage = "analyze io (--qemu PATH | --version WHAT | --pid N) [options] [-- QEMU ARGS…]"


def run(options: argparse.Namespace) -> ExitStatus:
    """Record the guest's I/O and write the report; output and exit statuses are those of `startup`.

    Pointers are explained by default only with the tiny guest and no QEMU arguments: another guest would start to
    work in each run, and be killed.
    """
    tiny = options.guest in (None, "tiny")
    return record_scenario(options, pointers_by_default=lambda arguments: tiny and not arguments)
