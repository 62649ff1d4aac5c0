"""The one way to a built QEMU: from the cache, or made now. A build counts when its birth certificate is there."""

from __future__ import annotations

import errno
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyzer import TOOL
from analyzer.adapters.elf import build_id_of
from analyzer.build.cache import Cache, remove
from analyzer.build.certificate import BEGUN, CERTIFICATE, read_facts, write_facts
from analyzer.build.compile import compile_tree
from analyzer.build.plan import Plan, make_plan
from analyzer.build.sources import obtain
from analyzer.build.tell import Tell
from analyzer.build.wanted import Recipe, Wanted
from analyzer.errors import AnalyzerError


@dataclass(frozen=True)
class Built:
    """A finished build. `fresh` when it was made just now."""

    name: str
    program: Path
    certificate: dict[str, Any]
    fresh: bool


def provide(wanted: Wanted, recipe: Recipe, cache: Cache, tell: Tell) -> Built:
    """The emulator that was asked for. AnalyzerError with the next step when it cannot be had.

    The same question again is answered from the cache, without a network.
    """
    try:
        with cache.in_use():
            return _provide(wanted, recipe, cache, tell)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise AnalyzerError(
                f"The disk is full: a build takes about 1.5 GB in {cache.folder}.",
                "Free some space (analyze build --prune), or set XDG_CACHE_HOME to another disk.",
            ) from None
        raise


def _provide(wanted: Wanted, recipe: Recipe, cache: Cache, tell: Tell) -> Built:
    source = obtain(wanted, cache, tell)
    plan = make_plan(source, recipe, cache, tell)
    folder = cache.builds / plan.name
    if built := finished(folder):
        return built
    with cache.lock(plan.name, tell):
        if built := finished(folder):  # by the process we waited for
            return built
        return _build(plan, folder, cache, tell)


def finished(folder: Path) -> Built | None:
    """The build in `folder`, when it is whole and its program is the one the certificate tells of."""
    certificate = read_facts(folder / CERTIFICATE)
    if certificate is None:
        return None
    program = folder / str(certificate.get("program", ""))
    try:
        same = build_id_of(program) == certificate.get("build_id")
    except AnalyzerError:
        return None
    return Built(folder.name, program, certificate, fresh=False) if same else None


def _build(plan: Plan, folder: Path, cache: Cache, tell: Tell) -> Built:
    began = time.monotonic()
    (folder / CERTIFICATE).unlink(missing_ok=True)  # of a program that is not whole any more
    before = folder.exists()
    write_facts(folder / BEGUN, {"source": plan.source.name, "source sha256": plan.source.sha256})
    try:
        program = compile_tree(plan, folder / "build", cache, tell)
        certificate = _certificate(
            plan, program.relative_to(folder), build_id_of(program), cache, time.monotonic() - began
        )
    except (AnalyzerError, OSError):
        remove(folder)  # an interruption leaves it, to go on from there; a failure would only fail again
        raise
    write_facts(folder / CERTIFICATE, certificate)
    (folder / BEGUN).unlink()
    tell.say(f"Built QEMU {plan.source.label} in {time.monotonic() - began:.0f} s{', resumed' if before else ''}")
    return Built(plan.name, program, certificate, fresh=True)


def _certificate(plan: Plan, program: Path, build_id: str, cache: Cache, seconds: float) -> dict[str, Any]:
    """Where a program comes from. `seconds` and `log` differ from one build to the next, nothing else does."""
    return {
        "source": plan.source.name,
        "source sha256": plan.source.sha256,
        "verified": plan.source.verified,
        "version": plan.source.label,
        "profile": plan.recipe.profile.value,
        "target": plan.recipe.target,
        "configure": plan.line,
        "compiler": plan.compiler,
        "flags": " ".join(plan.flags) or "configure's own",
        "python packages": " ".join(plan.packages) or "none",
        "built by": f"{TOOL} on {platform.machine()}",
        "build_id": build_id,
        "program": str(program),
        "seconds": round(seconds),
        "log": str(cache.logs / f"{plan.name}.log"),
    }
