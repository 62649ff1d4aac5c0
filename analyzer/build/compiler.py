"""The C compiler that configure will use: which one it is, and what old C needs with it."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from pathlib import Path

from analyzer.build.cache import Cache
from analyzer.build.certificate import read_facts, write_facts
from analyzer.build.flags import IDIOMS, compiles_with, old_c_flags
from analyzer.build.needs import known_cure
from analyzer.build.process import NO_LOG, SYSTEM_PATH
from analyzer.build.tell import Reporter
from analyzer.build.wanted import BuildSettings
from analyzer.errors import AnalyzerError, UsageError


def compiler_of(recipe: BuildSettings) -> list[str]:
    """The user's --cc, else the gcc of the user's --cross-prefix, else cc. UsageError when it is no command."""
    if prefix := _given(recipe, "cross-prefix"):
        return [f"{prefix}gcc"]
    given = _given(recipe, "cc")
    try:
        command = ["cc"] if given is None else shlex.split(given)
    except ValueError as error:
        raise UsageError(f"--cc={given}: {error}.", "Say for example -- --cc=gcc-12") from None
    if not command:
        raise UsageError("--cc= names no compiler.", "Say for example -- --cc=gcc-12")
    return command


def digest_of(compiler: list[str]) -> str:
    """The sha256 of the program or script that is the compiler; "" where it cannot be found. A wrapper may change
    and answer with the same version."""
    path = shutil.which(compiler[0], path=SYSTEM_PATH)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


def _given(recipe: BuildSettings, option: str) -> str | None:
    values = [a.partition("=")[2] for a in recipe.arguments if a.startswith(f"--{option}=")]
    return values[-1] if values else None


def version_of(compiler: list[str]) -> str:
    """The first line of `cc --version`. AnalyzerError when there is no such compiler."""
    try:
        done = subprocess.run(
            [*compiler, "--version"], capture_output=True, text=True, check=False, env=NO_LOG.environment()
        )
        lines = done.stdout.splitlines()
    except OSError:
        lines = []
    if lines:
        return lines[0]
    hint = (
        known_cure("cc does not exist")
        if compiler == ["cc"]
        else "Its whole path helps when it is in no system folder."
    )
    raise AnalyzerError(f"There is no C compiler {shlex.join(compiler)}.", hint)


def flags_for_old_c(compiler: list[str], version: str, cache: Cache, tell: Reporter) -> list[str]:
    """Probed once for each compiler, and again when what is probed has changed. AnalyzerError from the probe."""
    memo = cache.tools / "flags.json"
    known = read_facts(memo) or {}
    idioms = hashlib.sha256(repr(IDIOMS).encode()).hexdigest()
    key = f"{shlex.join(compiler)}: {version}: {digest_of(compiler)[:8]}: {idioms[:8]}"
    if key not in known:
        tell.say("Trying which flags old C needs with this compiler")
        known[key] = old_c_flags(compiles_with(compiler))
        write_facts(memo, known)
    return [str(flag) for flag in known[key]]
