"""`analyze io`: record how a QEMU serves a guest's I/O."""

from __future__ import annotations

import argparse

from analyzer.commands.parser import Parser, positive_int
from analyzer.commands.startup import add_recording_options, record_scenario
from analyzer.errors import ExitStatus

EXAMPLES = """\
  analyze io --qemu build/qemu-system-x86_64
  analyze io --qemu build/qemu-system-x86_64 --guest disk.qcow2 --samples 100 --linger 10
  analyze io --version debian:7.2 -- -machine kernel_irqchip=off"""


def add_options(parser: Parser) -> None:
    """Declare the options of `io`: those of every recording, and how many exits to follow."""
    add_recording_options(parser)
    parser.add_argument(
        "--samples",
        type=positive_int,
        default=200,
        metavar="N",
        help="exits of each reason that are followed to the device, and the first two for each address besides; "
        "the rest is counted (default: 200)",
    )
    parser.set_defaults(accelerator="kvm", ioctls=True, linger=15.0)
    parser.usage = "analyze io (--qemu PATH | --version WHAT) [options] [-- QEMU ARGS…]"


def run(options: argparse.Namespace) -> ExitStatus:
    """Record the guest's I/O and write the report; output and exit statuses are those of `startup`.

    Pointers are explained by default only with the tiny guest and no QEMU arguments: another guest would start to
    work in each run, and be killed.
    """
    return record_scenario(options, pointers_by_default=options.guest == "tiny" and not options.passed_on)
