"""Returns a built QEMU, from the cache or built now. A build is complete when its `build.json` exists."""

from __future__ import annotations

import errno
import os
import platform
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analyzer import TOOL
from analyzer.adapters.elf import build_id_of
from analyzer.adapters.process import CommandTimeoutError
from analyzer.build.cache import Cache, remove
from analyzer.build.configure_and_make import CompiledProgram, compile_tree, user_supplied_programs
from analyzer.build.host_packages import check_requirements
from analyzer.build.plan import BuildPlan, make_plan
from analyzer.build.progress import Reporter
from analyzer.build.provenance import PROVENANCE_FILE, UNFINISHED_FILE, read_json, write_json
from analyzer.build.releases import UNVERIFIED
from analyzer.build.request import BuildRequest, BuildSettings
from analyzer.build.sources import SourceTree, prepare_source
from analyzer.errors import AnalyzerError


@dataclass(frozen=True)
class BuiltQemu:
    """A complete build. `provenance` is the content of `build.json` in `folder`; `fresh`: it was built now."""

    folder: Path
    program: Path
    provenance: dict[str, Any]
    fresh: bool

    @property
    def name(self) -> str:
        """The name of the build in the cache."""
        return self.folder.name


def build_or_fetch(request: BuildRequest, settings: BuildSettings, cache: Cache, reporter: Reporter) -> BuiltQemu:
    """Build the requested QEMU, or return it from the cache; the cache needs no network.

    AnalyzerError, with the next step, when the source is not available or the build fails; MissingPackagesError
    when the host lacks a package.
    """
    try:
        with cache.shared_lock():
            return _build_or_fetch(request, settings, cache, reporter)
    except CommandTimeoutError as error:
        raise AnalyzerError(f"{error}.", "Try again.") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise AnalyzerError(
                f"The disk is full: a build takes about 1.5 GB in {cache.folder}.",
                "Free some space (analyze build --prune), or set XDG_CACHE_HOME to another disk.",
            ) from None
        raise AnalyzerError(
            f"{error.strerror or error}: {error.filename or cache.folder}.",
            f"The cache is {cache.folder}; another place: XDG_CACHE_HOME.",
        ) from None


def _build_or_fetch(request: BuildRequest, settings: BuildSettings, cache: Cache, reporter: Reporter) -> BuiltQemu:
    check_requirements([], user_supplied=user_supplied_programs(settings))  # before anything is downloaded
    source = prepare_source(request, cache, reporter)
    plan = make_plan(source, settings, cache, reporter)
    folder = cache.builds / plan.name
    if built := finished_build(folder):
        return _with_current_source(built, source)
    with cache.lock(plan.name, reporter):
        if built := finished_build(folder):  # by the process we waited for
            return _with_current_source(built, source)
        return _build(plan, folder, cache, reporter)


def finished_build(folder: Path) -> BuiltQemu | None:
    """The build in `folder`; None unless its program has the build-id and size that `build.json` states."""
    provenance = read_json(folder / PROVENANCE_FILE)
    if provenance is None:
        return None
    program = folder / str(provenance.get("program", ""))
    try:
        facts = (build_id_of(program), program.stat().st_size, os.access(program, os.X_OK))
    except AnalyzerError:
        return None
    complete = facts == (provenance.get("build_id"), provenance.get("size"), True)
    return BuiltQemu(folder, program, provenance, fresh=False) if complete else None


def _with_current_source(built: BuiltQemu, source: SourceTree) -> BuiltQemu:
    """`built` with the current name and verification of its source, also in `build.json`.

    The same content may have been committed since, or downloaded again with a checksum.
    """
    current = {"source": source.name, "verified": source.verified}
    if source.verified.startswith(UNVERIFIED) or current.items() <= built.provenance.items():
        return built
    provenance = {**built.provenance, **current}
    write_json(built.folder / PROVENANCE_FILE, provenance)
    return replace(built, provenance=provenance)


def _build(plan: BuildPlan, folder: Path, cache: Cache, reporter: Reporter) -> BuiltQemu:
    (folder / PROVENANCE_FILE).unlink(missing_ok=True)  # of a program that is incomplete
    unfinished = {"source": plan.source.name, "source sha256": plan.source.sha256}
    earlier_seconds = float((read_json(folder / UNFINISHED_FILE) or {}).get("seconds", 0.0))
    began = time.monotonic()
    write_json(folder / UNFINISHED_FILE, unfinished)
    try:
        compiled = compile_tree(plan, folder / "build", cache, reporter)
        seconds = time.monotonic() - began + (earlier_seconds if compiled.resumed else 0.0)
        provenance = _provenance(plan, compiled, folder, cache, seconds)
    except (AnalyzerError, OSError):
        remove(folder)  # the same build would fail again
        raise
    except BaseException:  # after an interruption the next build resumes
        write_json(folder / UNFINISHED_FILE, {**unfinished, "seconds": earlier_seconds + time.monotonic() - began})
        raise
    write_json(folder / PROVENANCE_FILE, provenance)
    (folder / UNFINISHED_FILE).unlink()
    reporter.say(f"Built QEMU {plan.source.label} in {seconds:.0f} s{', resumed' if compiled.resumed else ''}")
    return BuiltQemu(folder, compiled.program, provenance, fresh=True)


def _provenance(
    plan: BuildPlan, compiled: CompiledProgram, folder: Path, cache: Cache, seconds: float
) -> dict[str, Any]:
    """The content of `build.json`. Only `seconds` and `log` differ between two builds of the same plan."""
    return {
        "source": plan.source.name,
        "source sha256": plan.source.sha256,
        "verified": plan.source.verified,
        "version": plan.source.label,
        "profile": plan.settings.profile.value,
        "target": plan.settings.target,
        "configure": plan.configure_line,
        "compiler": plan.compiler,
        "flags": " ".join(plan.flags) or "configure's own",
        "python packages": " ".join(compiled.packages) or "none",
        "built by": f"{TOOL} on {platform.machine()}",
        "build_id": build_id_of(compiled.program),
        "size": compiled.program.stat().st_size,
        "program": str(compiled.program.relative_to(folder)),
        "seconds": round(seconds),
        "log": str(cache.logs / f"{plan.name}.log"),
    }
