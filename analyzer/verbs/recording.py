"""Verbs that build and record."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

from analyzer.errors import ExitStatus

if TYPE_CHECKING:
    from analyzer.adapters.gdb import Gdb

# Arguments for QEMU that it had better not be started with again and again: they may be written to, or used up.
_NOT_TWICE = re.compile(
    r"--?(?:drive|blockdev|[hsm]d[a-d]?|fd[ab]|sd|mtdblock|pflash|incoming|loadvm|fsdev|virtfs)"
)


def startup(options: argparse.Namespace) -> ExitStatus:
    """The verbs `startup` and `io`."""
    from analyzer.adapters.gdb import Gdb

    if options.build is not None:
        from analyzer.building import build_by_name
        from analyzer.startup import check_request

        check_request(options.guest, options.accel, options.out, options.force)  # a build takes minutes
        options.qemu = build_by_name(options.build, os.cpu_count() or 1).program
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
            qemu_arguments=options.passed_on,
            pointers=options.pointers if options.pointers is not None else _may_run_again(options),
            pointers_undecided=options.pointers is None,
            ledger=options.ioctls,
            kernel=options.kernel,
            scenario=options.verb,
            samples=options.samples if options.verb == "io" else 0,
        ),
    )


def _may_run_again(options: argparse.Namespace) -> bool:
    """To explain pointers QEMU is run again: for `startup` not beyond the guest's first instruction, but for `io`
    the guest goes to work each time, and is cut off."""
    if options.verb == "io":
        return options.guest == "tiny" and not options.passed_on
    return not any(_NOT_TWICE.fullmatch(argument) for argument in options.passed_on)


def build(options: argparse.Namespace) -> ExitStatus:
    """The verb `build`."""
    from analyzer.building import BuildOptions, build_as_asked, list_cache, prune_cache

    if options.list:
        list_cache()
    elif options.prune is not None:
        prune_cache(options.prune)
    else:
        asked = BuildOptions(
            options.what, options.source, options.profile, options.target, options.sha256 or "",
            options.unverified, options.mirror, options.update, options.jobs, options.passed_on,
        )  # fmt: skip
        print(build_as_asked(asked).program)
    return ExitStatus.DONE


def doctor(options: argparse.Namespace) -> ExitStatus:
    """The verb `doctor`."""
    from analyzer.doctor import examine_host

    broken = False
    for finding in examine_host(options.qemu):
        sign = "ok" if finding.ok else "MISSING" if finding.needed else "limited"
        print(f"{sign:8}{finding.subject:16}{finding.text}", flush=True)
        if finding.remedy:
            print(f"{'':24}-> {finding.remedy}")
        broken |= finding.needed and not finding.ok
    return ExitStatus.COULD_NOT_RUN if broken else ExitStatus.DONE
