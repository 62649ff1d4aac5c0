"""Verbs that read what was recorded or pasted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.errors import ExitStatus

if TYPE_CHECKING:
    from analyzer.model.recording import Recording


def import_(options: argparse.Namespace) -> ExitStatus:
    """The verb `import`."""
    from analyzer.importing import ImportOptions, import_file

    asked = ImportOptions(options.source, options.text_format, options.out, options.force, options.name)
    return import_file(asked)


def show(options: argparse.Namespace) -> ExitStatus:
    """The verb `show`."""
    from analyzer.inputs import open_recording

    recording = open_recording(options.recording)
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
    from analyzer.kvm.io_accesses import accesses_text
    from analyzer.kvm.ioctl_log import ioctl_log_text
    from reports.text.backtraces import backtraces
    from reports.text.pointers import pointers_text

    if options.accesses:
        return accesses_text(recording)
    if options.pointers:
        return pointers_text(recording)
    return ioctl_log_text(recording) if options.ioctls else backtraces(recording, options.function)


def graph(options: argparse.Namespace) -> ExitStatus:
    """The verb `graph`."""
    from analyzer.workflow import make_graph

    make_graph(options.recordings, options.output)
    print(options.output)
    return ExitStatus.DONE


def report(options: argparse.Namespace) -> ExitStatus:
    """The verb `report`."""
    from analyzer.workflow import make_report

    missing = make_report(options.sources, options.output)
    if missing:
        print(f"analyze: {missing}", file=sys.stderr)
    print(options.output)
    return ExitStatus.DONE


def paths(options: argparse.Namespace) -> ExitStatus:
    """The verb `paths`."""
    from analyzer.querying import (
        FORMATS,
        PathLimits,
        find_paths,
        make_query,
        notes,
        nothing_found,
        output_format,
        write_answer,
    )

    form = options.format or output_format(options.output)
    query = make_query(
        options.start, options.goal, options.via, options.not_via, options.kinds, options.only_kinds
    )
    found = find_paths(options.source, query, PathLimits(options.limit, options.shortest, options.recorded))
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
