"""Verbs that record, and the one that says whether the host can."""

from __future__ import annotations

import argparse

from analyzer.arguments.parser import Parser, Verbs, add_verb
from analyzer.arguments.types import function_name, path, positive, positive_int


def add_startup(verbs: Verbs) -> None:
    """The verb `startup`."""
    verb = add_verb(
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


def add_io(verbs: Verbs) -> None:
    """The verb `io`."""
    verb = add_verb(
        verbs, "io", "record how a QEMU serves a guest's I/O: from the guest's instruction to the device and back",
        "  analyze io --qemu build/qemu-system-x86_64\n"
        "  analyze io --qemu build/qemu-system-x86_64 --guest disk.qcow2 --samples 100 --linger 10\n"
        "  analyze io --version debian:7.2 -- -machine kernel_irqchip=off",
    )  # fmt: skip
    _add_what_to_record(verb)
    verb.add_argument(
        "--samples",
        type=positive_int,
        default=200,
        metavar="N",
        help="exits of each reason that are followed to the device, and the first two for each address besides; "
        "the rest is counted (default: 200)",
    )
    verb.set_defaults(accel="kvm", ioctls=True, linger=15.0)
    verb.usage = "analyze io (--qemu PATH | --version WHAT) [options] [-- QEMU ARGS…]"


def add_doctor(verbs: Verbs) -> None:
    """The verb `doctor`."""
    verb = add_verb(
        verbs, "doctor", "try what this host can do and name the remedies",
        "  analyze doctor\n  analyze doctor --qemu build/qemu-system-x86_64",
    )  # fmt: skip
    verb.add_argument("--qemu", type=path, metavar="PATH", help="examine this QEMU too")


def _add_what_to_record(verb: Parser) -> None:
    """Options that all recordings have."""
    which = verb.add_mutually_exclusive_group(required=True)
    which.add_argument("--qemu", type=path, metavar="PATH", help="a qemu-system-x86_64 with debug information")
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
        type=function_name,
        default=[],
        metavar="FUNC",
        help="record this function too; may be repeated",
    )
    verb.add_argument(
        "--break-limit",
        type=positive_int,
        default=1000,
        metavar="N",
        help="stops recorded for each --break (default: 1000)",
    )
    verb.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="output folder (default: named after QEMU's version and the scenario)",
    )
    verb.add_argument("--force", action="store_true", help="replace a recording in the output folder")
    verb.add_argument(
        "--timeout",
        type=positive,
        default=60.0,
        metavar="S",
        help="seconds until all milestones must be reached (default: 60)",
    )
    verb.add_argument(
        "--linger",
        type=positive,
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
