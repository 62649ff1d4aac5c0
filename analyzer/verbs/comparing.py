"""Verbs that compare, and those that bring comparisons into a CI."""

from __future__ import annotations

import argparse
from enum import IntEnum
from typing import TYPE_CHECKING

from analyzer.errors import ExitStatus

if TYPE_CHECKING:
    from analyzer.comparing import ComparisonTerms, OutputOptions


def diff(options: argparse.Namespace) -> ExitStatus:
    """The verb `diff`."""
    from analyzer.comparing import compare_sources, write_comparison
    from analyzer.inputs import open_graph

    output, terms = _output(options), _terms(options)
    old, new = open_graph(options.old), open_graph(options.new)
    verdict = compare_sources(old, new, terms)
    write_comparison(verdict, old, new, terms, output)
    return verdict.status


def baseline(options: argparse.Namespace) -> ExitStatus:
    """The verb `baseline`."""
    from analyzer.baselines.store import allow_list_in, check, find_recordings, match_baselines, update
    from analyzer.inputs import open_graph

    recordings = [open_graph(name) for name in options.recordings] or find_recordings()
    kept = match_baselines(options.folder, recordings)
    if options.what == "update":
        for line in update(kept):
            print(line)
        return ExitStatus.DONE
    options.allow = options.allow or allow_list_in(options.folder)
    return check(kept, options.folder, _terms(options), _output(options), all_of_it=not options.recordings)


def _terms(options: argparse.Namespace) -> ComparisonTerms:
    from analyzer.comparing import read_comparison_terms
    from analyzer.policy.allow_list import DEFAULT_FAIL_ON, parse_fail_on

    fail_on = DEFAULT_FAIL_ON if options.fail_on is None else parse_fail_on(options.fail_on)
    return read_comparison_terms(
        fail_on, options.allow, tuple(options.names), options.kernel, options.hits or "hits" in fail_on
    )


def _output(options: argparse.Namespace) -> OutputOptions:
    from analyzer.comparing import OutputOptions, output_format

    return OutputOptions(
        output_format(options.format, options.output), options.output, options.colour, options.full
    )


def comment(options: argparse.Namespace) -> ExitStatus:
    """The verb `comment`."""
    from analyzer.comment import comment

    return comment(options.file, options.update_only, options.name)


def ci(options: argparse.Namespace) -> ExitStatus:
    """The verb `ci`."""
    from analyzer.ci.templates import template, write_template

    if options.output is None:
        print(template(options.what), end="")
    else:
        write_template(options.what, options.output)
        print(options.output)
    return ExitStatus.DONE


def bisect(options: argparse.Namespace) -> IntEnum:
    """The verb `bisect`."""
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
