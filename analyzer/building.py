"""`analyze build`: what the user asked for, built or found, and the cache shown and cleared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from analyzer.console import Console, amount
from analyzer.errors import AnalyzerError, UsageError


@dataclass(frozen=True)
class BuildOptions:
    """What the user asked for, as typed; `arguments` are for configure."""

    what: str
    source: Path | None
    profile: str
    target: str
    sha256: str
    unverified: bool
    mirror: str
    update: bool
    jobs: int
    arguments: tuple[str, ...]


def build_as_asked(options: BuildOptions) -> BuiltQemu:
    """UsageError when the options contradict each other, AnalyzerError when the build cannot be had."""
    return build(_wanted(options), _recipe(options))


def build_by_name(what: str, jobs: int) -> BuiltQemu:
    """With the default profile, for `--version`."""
    return build(parse_build_request(what), BuildSettings(jobs=jobs))


def build(wanted: BuildRequest, recipe: BuildSettings) -> BuiltQemu:
    """Build, or find in the cache. Everything is told on standard error; standard output is for the path."""
    console = Console(sys.stderr)
    try:
        return build_or_fetch(wanted, recipe, Cache.default(), console)
    except MissingPackagesError as missing:
        if not _installed(missing, console):
            raise
    return build_or_fetch(wanted, recipe, Cache.default(), console)


def list_cache() -> None:
    """One line for each thing in the cache, with its size."""
    there = cache_entries(Cache.default())
    console = Console()
    for entry in there:
        console.say(_line(entry))
    total = sum(entry.size for entry in there)
    console.say(f"{len(there)} entries, {amount(total, 'B')}, in {Cache.default().folder}")


def prune_cache(names: Sequence[str]) -> None:
    """Remove, and say what was removed."""
    console = Console()
    removed = prune(Cache.default(), names)
    with Cache.default().nobody_builds() as alone:
        if not alone:
            console.say("A build is running: what it may use was left.")
    for entry in removed:
        console.say("removed " + _line(entry))
    console.say(f"{amount(sum(entry.size for entry in removed), 'B')} freed")


def _wanted(options: BuildOptions) -> BuildRequest:
    if {"--help", "-h"} & set(options.arguments):
        raise UsageError("configure's --help builds nothing.", "Ask the tree itself: sh configure --help")
    if options.source is not None:
        if options.unverified or options.mirror or options.update:
            raise UsageError(
                "--source takes neither --mirror nor --unverified nor --update.", "They are for downloads."
            )
        if options.sha256 and options.source.is_dir():
            raise UsageError(
                "--sha256 is for a tarball.", "A folder's content is recorded with a digest of its own."
            )
        return LocalSource(options.source, options.sha256)
    return parse_build_request(options.what, options.sha256, options.unverified, options.mirror, options.update)


def _recipe(options: BuildOptions) -> BuildSettings:
    return BuildSettings(Profile(options.profile), parse_target(options.target), options.arguments, options.jobs)


def _installed(missing: MissingPackagesError, console: Console) -> bool:
    """Ask a person at a terminal whether to install what is missing, and do so; False when that was not wanted."""
    if not (missing.command and sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    command = _as_root(missing.command)
    console.say(f"{missing.message} Install it now with `{' '.join(command)}`? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise AnalyzerError("Nothing was installed, and nothing built.", missing.hint)
    return subprocess.run(command, check=False, stdout=sys.stderr).returncode == 0  # our own output is the path


def _as_root(command: Sequence[str]) -> list[str]:
    return list(command) if os.geteuid() == 0 else ["sudo", *command]


def _line(entry: CacheEntry) -> str:
    unused = "" if entry.needed else "  (not needed)"
    return f"{entry.kind:9}{amount(entry.size, 'B'):>9}  {entry.name:34} {entry.about}{unused}".rstrip()
