"""`analyze build`: builds a QEMU or finds it in the cache, lists the cache, and removes entries from it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.process import run_on_terminal
from analyzer.build.build_or_fetch import BuiltQemu, build_or_fetch
from analyzer.build.cache import Cache
from analyzer.build.cache_entries import CacheEntry, cache_entries, prune
from analyzer.build.host_packages import MissingPackagesError
from analyzer.build.request import (
    BuildRequest,
    BuildSettings,
    LocalSource,
    Profile,
    parse_build_request,
    parse_target,
)
from analyzer.commands.parser import Parser, add_json_option, options_as, path, positive_int, refuse, sha256
from analyzer.console import Console, amount, print_json, print_line
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from reports.json.document import document

EXAMPLES = """\
  analyze build 1.6.0                   the official release, its sha256 verified
  analyze build debian:7.2              the distribution's source package
  analyze build --source ~/src/qemu     your own tree or tarball
  analyze build 10.0.0 --profile release -- --disable-tcg
  analyze build --list --json
  analyze build --prune                 remove what nothing needs"""
# History of the format of --list --json:
# 1  first
SCHEMA = 1


def add_options(parser: Parser) -> None:
    """Add the arguments of `build` to its parser: what to build and how, and the actions on the cache."""
    parser.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        help="release (1.6.0) or source package (debian[:VERSION], ubuntu[:VERSION], distribution) to build",
    )
    parser.add_argument(
        "--source",
        type=path,
        metavar="DIR|TARBALL",
        help="build this source tree or tarball; a tree is copied, not changed",
    )
    parser.add_argument(
        "--profile",
        choices=("debug", "release"),
        default="debug",
        help="debug: not optimised, every call has a frame; release: -O2 -g, as distributions build it "
        "(default: debug)",
    )
    parser.add_argument(
        "--target",
        default="x86_64",
        metavar="MACHINE",
        help="machine whose system emulator is built (default: x86_64)",
    )
    parser.add_argument(
        "--sha256",
        type=sha256,
        metavar="SUM",
        help="expected sha256 of the tarball (default: the known one of a release)",
    )
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="build a release whose sha256 is not known, and record that in build.json",
    )
    parser.add_argument(
        "--mirror",
        default="",
        metavar="URL",
        help="URL of a folder with the release tarballs (default: the official server)",
    )
    parser.add_argument(
        "--update", action="store_true", help="source package: search for a newer one than that in the cache"
    )
    parser.add_argument(
        "--jobs",
        type=positive_int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="compilers to run in parallel (default: the number of processors)",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the entries of the cache with their sizes on disk"
    )
    parser.add_argument(
        "--prune",
        nargs="*",
        metavar="NAME",
        help="remove entries from the cache: names or kinds of the list, or all "
        "(default: those that nothing needs)",
    )
    add_json_option(parser, "with --list: print JSON")
    parser.usage = (
        "analyze build (WHAT | --source DIR|TARBALL | --list | --prune [NAME…]) [options] [-- CONFIGURE ARGS…]"
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Build and print the path of the program; or list the cache; or prune it and print the removed entries.

    Progress and questions go to standard error. Returns DONE. UsageError unless exactly one action is requested,
    AnalyzerError when the source is not available or the build fails.
    """
    actions = (options.what is not None, options.source is not None, options.list, options.prune is not None)
    if sum(actions) != 1:
        refuse(
            "build",
            "build needs exactly one of: a release or source package, --source DIR|TARBALL, --list, --prune",
        )
    if options.json and not options.list:
        refuse("build", "--json is for --list")
    if options.json:
        print_json(cache_json())
    elif options.list:
        list_cache()
    elif options.prune is not None:
        prune_cache(options.prune)
    else:
        request = options_as(BuildOptions, options, sha256=options.sha256 or "", arguments=options.passed_on)
        print_line(build_from_options(request).program)
    return ExitStatus.DONE


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """The options of `build`, as given on the command line."""

    what: str | None = None
    source: Path | None = None
    profile: str = "debug"
    target: str = "x86_64"
    sha256: str = ""
    unverified: bool = False
    mirror: str = ""
    update: bool = False
    jobs: int = os.cpu_count() or 1
    arguments: tuple[str, ...] = ()  # for configure


def build_from_options(options: BuildOptions) -> BuiltQemu:
    """Build what the options describe, or return it from the cache.

    UsageError when options contradict each other, AnalyzerError when the build fails.
    """
    return build(_request(options), _settings(options))


def build_by_name(what: str, jobs: int) -> BuiltQemu:
    """Build a release or source package with the default profile, for --version of other verbs."""
    return build(parse_build_request(what), BuildSettings(jobs=jobs))


def build(request: BuildRequest, settings: BuildSettings) -> BuiltQemu:
    """Build, or find in the cache; on a terminal offer to install missing packages.

    Progress goes to standard error, because standard output is for the path. Errors as `build_or_fetch`.
    """
    console = Console(sys.stderr)
    try:
        return build_or_fetch(request, settings, Cache.default(), console)
    except MissingPackagesError as missing:
        if not _offer_to_install(missing, console):
            raise
    return build_or_fetch(request, settings, Cache.default(), console)


def list_cache() -> None:
    """Print one line for each entry of the cache, with its size, and the total."""
    entries = cache_entries(Cache.default())
    console = Console()
    for entry in entries:
        console.say(_entry_line(entry))
    total = sum(entry.size for entry in entries)
    console.say(f"{len(entries)} entries, {amount(total, 'B')}, in {Cache.default().folder}")


def cache_json() -> str:
    """What is in the cache as a JSON document: `folder`, and `entries`, each with `kind`, `name`, `size` in bytes,
    `description` and `needed`."""
    cache = Cache.default()
    entries = [
        {
            "kind": entry.kind,
            "name": entry.name,
            "size": entry.size,
            "description": entry.description,
            "needed": entry.needed,
        }
        for entry in cache_entries(cache)
    ]
    return document("cache", SCHEMA, folder=str(cache.folder), entries=entries)


def prune_cache(names: Sequence[str]) -> None:
    """Remove entries of the cache, as `cache_entries.prune`, and print which."""
    console = Console()
    removed = prune(Cache.default(), names)
    with Cache.default().exclusive_lock() as exclusive:
        if not exclusive:
            console.say("A build is running: what it may use is kept.")
    for entry in removed:
        console.say("removed " + _entry_line(entry))
    console.say(f"{amount(sum(entry.size for entry in removed), 'B')} freed")


def _request(options: BuildOptions) -> BuildRequest:
    if {"--help", "-h"} & set(options.arguments):
        raise UsageError("--help of configure builds nothing.", "Run it in the tree: sh configure --help")
    if options.source is not None:
        if options.unverified or options.mirror or options.update:
            raise UsageError(
                "--mirror, --unverified and --update do not apply to --source.", "They are for downloads."
            )
        if options.sha256 and options.source.is_dir():
            raise UsageError(
                "--sha256 is for a tarball.", "build.json records a digest of the content of a folder."
            )
        return LocalSource(options.source, options.sha256)
    return parse_build_request(
        options.what or "",
        sha256=options.sha256,
        unverified=options.unverified,
        mirror=options.mirror,
        update=options.update,
    )


def _settings(options: BuildOptions) -> BuildSettings:
    return BuildSettings(
        profile=Profile(options.profile),
        target=parse_target(options.target),
        arguments=options.arguments,
        jobs=options.jobs,
    )


def _offer_to_install(missing: MissingPackagesError, console: Console) -> bool:
    """On a terminal, ask whether to install the missing packages, and do; returns whether that succeeded.

    False without a terminal or package manager; AnalyzerError when the user declines.
    """
    if not (missing.command and sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    command = _as_root(missing.command)
    console.say(f"{missing.message} Install it now with `{' '.join(command)}`? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise AnalyzerError("Nothing was installed or built.", missing.hint)
    return run_on_terminal(command) == 0


def _as_root(command: Sequence[str]) -> list[str]:
    return list(command) if os.geteuid() == 0 else ["sudo", *command]


def _entry_line(entry: CacheEntry) -> str:
    unused = "" if entry.needed else "  (not needed)"
    return f"{entry.kind:9}{amount(entry.size, 'B'):>9}  {entry.name:34} {entry.description}{unused}".rstrip()
