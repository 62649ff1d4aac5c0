"""Runs verbs: printing and exit statuses; nothing else."""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from analyzer.arguments import parse
from analyzer.errors import AnalyzerError, ExitStatus

if TYPE_CHECKING:
    from analyzer.adapters.gdb import Gdb
    from analyzer.comparing import Output, Terms
    from analyzer.model import Recording

# Arguments for QEMU that it had better not be started with again and again: they may be written to, or used up.
_NOT_TWICE = re.compile(
    r"--?(?:drive|blockdev|[hsm]d[a-d]?|fd[ab]|sd|mtdblock|pflash|incoming|loadvm|fsdev|virtfs)"
)
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_STOPS_A_BISECTION = 129  # `git bisect run` would take anything below 128 for what we say of the commit


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_output()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        options = parse(arguments)
        return int(_VERBS[options.verb](options))
    except AnalyzerError as error:
        print(f"analyze: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return _failed(arguments, error.exit_status)
    except KeyboardInterrupt:
        print("\nanalyze: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `analyze show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _failed(arguments, ExitStatus.DONE)
    except OSError as error:  # a full disk, a folder that vanished
        print(f"analyze: {error.strerror}: {error.filename or 'while writing'}", file=sys.stderr)
        return _failed(arguments, ExitStatus.COULD_NOT_RUN)
    except Exception:
        if _failed(arguments, ExitStatus.DIFFERS) == ExitStatus.DIFFERS:
            raise  # Python ends with 1
        traceback.print_exc()
        return _STOPS_A_BISECTION


def _failed(arguments: Sequence[str], status: ExitStatus) -> int:
    return _STOPS_A_BISECTION if arguments[:1] == ["bisect"] else int(status)


def _prepare_output() -> None:
    """Whatever a program is called, printing it must not fail; nor must a closed stream."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we live
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _startup(options: argparse.Namespace) -> ExitStatus:
    from analyzer.adapters.gdb import Gdb

    if options.build is not None:
        from analyzer.building import build_by_name
        from analyzer.startup import check_wishes

        check_wishes(options.guest, options.accel, options.out, options.force)  # a build takes minutes
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


def _build(options: argparse.Namespace) -> ExitStatus:
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


def _import(options: argparse.Namespace) -> ExitStatus:
    from analyzer.importing import ImportOptions, import_file

    asked = ImportOptions(options.source, options.text_format, options.out, options.force, options.name)
    return import_file(asked)


def _show(options: argparse.Namespace) -> ExitStatus:
    from analyzer.loading import load_recording

    recording = load_recording(options.recording)
    for text in _shown(recording, options):
        print(text)
    if options.ioctls and not recording.ledger:
        print("analyze: the ioctls were not recorded.", file=sys.stderr)
    if options.accesses and not recording.exits:
        print("analyze: the guest's accesses were not recorded; see analyze io.", file=sys.stderr)
    if options.pointers:
        for note in recording.notes:
            print(f"Note: {note}")
    if options.pointers and not recording.pointers:
        print("analyze: no function pointers were looked into.", file=sys.stderr)
    if recording.end is None:
        print("analyze: this recording was cut short: it has no end.", file=sys.stderr)
    return ExitStatus.DONE


def _shown(recording: Recording, options: argparse.Namespace) -> Iterator[str]:
    from analyzer.accesses import accesses_text
    from analyzer.explain import pointers_text
    from analyzer.ledger import ledger_text
    from analyzer.show import backtraces

    if options.accesses:
        return accesses_text(recording)
    if options.pointers:
        return pointers_text(recording)
    return ledger_text(recording) if options.ioctls else backtraces(recording, options.function)


def _graph(options: argparse.Namespace) -> ExitStatus:
    from analyzer.workflow import make_graph

    make_graph(options.recordings, options.output)
    print(options.output)
    return ExitStatus.DONE


def _report(options: argparse.Namespace) -> ExitStatus:
    from analyzer.workflow import make_report

    missing = make_report(options.sources, options.output)
    if missing:
        print(f"analyze: {missing}", file=sys.stderr)
    print(options.output)
    return ExitStatus.DONE


def _paths(options: argparse.Namespace) -> ExitStatus:
    from analyzer.querying import (
        FORMATS,
        Wanted,
        find_paths,
        form_of,
        make_query,
        notes,
        nothing_found,
        write_answer,
    )  # fmt: skip

    form = options.format or form_of(options.output)
    query = make_query(
        options.start, options.goal, options.via, options.not_via, options.kinds, options.only_kinds
    )
    found = find_paths(options.source, query, Wanted(options.limit, options.shortest, options.recorded))
    text = FORMATS[form](found)
    if options.output:
        write_answer(text, options.output, options.source)
        print(options.output)
    else:
        print(text, end="")
    for note in notes(found) if form != "text" else ():
        print(f"analyze: {note}", file=sys.stderr)
    if not found.paths:
        print(f"analyze: {nothing_found(found, options.recorded)}", file=sys.stderr)
    return ExitStatus.DONE if found.paths else ExitStatus.DIFFERS


def _diff(options: argparse.Namespace) -> ExitStatus:
    from analyzer.comparing import compare_sources, tell
    from analyzer.sides import load_source

    output, terms = _output(options), _terms(options)
    old, new = load_source(options.old), load_source(options.new)
    verdict = compare_sources(old, new, terms)
    tell(verdict, old, new, terms, output)
    return verdict.status


def _baseline(options: argparse.Namespace) -> ExitStatus:
    from analyzer.baselines import check, find_recordings, kept_for, update

    kept = kept_for(options.folder, options.recordings or find_recordings())
    if options.what == "update":
        for line in update(kept):
            print(line)
        return ExitStatus.DONE
    return check(kept, options.folder, _terms(options), _output(options))


def _terms(options: argparse.Namespace) -> Terms:
    from analyzer.comparing import read_terms
    from analyzer.diff.accept import DEFAULT_FAIL_ON, parse_fail_on

    fail_on = DEFAULT_FAIL_ON if options.fail_on is None else parse_fail_on(options.fail_on)
    return read_terms(fail_on, options.allow, tuple(options.names), options.kernel, options.hits)


def _output(options: argparse.Namespace) -> Output:
    from analyzer.comparing import Output, form_of

    return Output(form_of(options.format, options.output), options.output, options.colour, options.full)


def _doctor(options: argparse.Namespace) -> ExitStatus:
    from analyzer.doctor import examine

    broken = False
    for finding in examine(options.qemu):
        sign = "ok" if finding.ok else "MISSING" if finding.needed else "limited"
        print(f"{sign:8}{finding.subject:16}{finding.text}", flush=True)
        if finding.remedy:
            print(f"{'':24}-> {finding.remedy}")
        broken |= finding.needed and not finding.ok
    return ExitStatus.COULD_NOT_RUN if broken else ExitStatus.DONE


def _comment(options: argparse.Namespace) -> ExitStatus:
    from analyzer.comment import comment

    return comment(options.file, options.update_only)


def _ci(options: argparse.Namespace) -> ExitStatus:
    from analyzer.ci.templates import template, write_template

    if options.output is None:
        print(template(options.what), end="")
    else:
        write_template(options.what, options.output)
        print(options.output)
    return ExitStatus.DONE


def _bisect(options: argparse.Namespace) -> IntEnum:
    from analyzer.bisect import BisectOptions, bisect

    return bisect(
        BisectOptions(
            qemu=options.qemu,
            build=options.build,
            source=options.source,
            profile=options.profile,
            rules=tuple(options.rules),
            like=options.like,
            chains=tuple(options.chains),
            reverse=options.reverse,
            guest=options.guest,
            accelerator=options.accel,
            pointers=options.pointers,
            timeout=options.timeout,
            keep=options.keep,
            qemu_arguments=options.passed_on,
        )
    )


_VERBS: dict[str, Callable[[argparse.Namespace], IntEnum]] = {
    "startup": _startup,
    "io": _startup,
    "build": _build,
    "import": _import,
    "show": _show,
    "graph": _graph,
    "report": _report,
    "paths": _paths,
    "diff": _diff,
    "baseline": _baseline,
    "doctor": _doctor,
    "bisect": _bisect,
    "comment": _comment,
    "ci": _ci,
}
