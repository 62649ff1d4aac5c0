"""A build decided before it is made: options, flags, tools, and the key under which it is kept."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from analyzer.build.cache import Cache
from analyzer.build.certificate import read_facts, write_facts
from analyzer.build.compiler import compiler_of, digest_of, flags_for_old_c, version_of
from analyzer.build.environment import environment_folder
from analyzer.build.flags import profile_flags
from analyzer.build.needs import known_cure
from analyzer.build.options import choose_options, offered_names
from analyzer.build.process import CommandContext, CommandError, run
from analyzer.build.python2 import provide_python2, python2_path
from analyzer.build.sources import SourceTree
from analyzer.build.tell import Reporter
from analyzer.build.toolchain import TreeFiles, python_option, python_packages, tool_options
from analyzer.build.wanted import BuildSettings, Profile
from analyzer.errors import AnalyzerError


@dataclass(frozen=True)
class BuildPlan:
    """`options` are configure's, ours and the user's; `packages` the private environment's."""

    source: SourceTree
    tree: TreeFiles
    recipe: BuildSettings
    options: tuple[str, ...]
    flags: tuple[str, ...]
    packages: tuple[str, ...]
    compiler: str
    line: str  # configure's, as one would type it, with $CACHE and $TOOLS for folders of this host
    name: str  # of the build in the cache


def make_plan(source: SourceTree, recipe: BuildSettings, cache: Cache, tell: Reporter) -> BuildPlan:
    """Decide how to build. AnalyzerError when the tree's configure does not answer or there is no compiler."""
    tree = TreeFiles.read(source.tree)
    compiler = compiler_of(recipe)
    version = version_of(compiler)
    offered = offered_names(_help(source, tree, cache, tell))
    packages = python_packages(tree)
    flags = list(profile_flags(recipe.profile))
    if recipe.profile is Profile.DEBUG and "enable-debug" not in offered:
        flags += ["-O0", "-g"]
    if not tree.uses_meson:
        flags += flags_for_old_c(compiler, version, cache, tell)
    options = choose_options(offered, recipe, tree.configure)
    if flags:
        options.append(f"--extra-cflags={' '.join(flags)}")
    options.append("--extra-ldflags=-Wl,--build-id")  # not every compiler asks for one by itself
    tools = environment_folder(cache, packages)
    options += tool_options(tree, offered, tools, python2_path(cache))
    options += recipe.arguments
    # which Python runs meson changes nothing in the program, nor does where the cache is
    line = cache.neutral(shlex.join(["configure", *options]).replace(str(tools), "$TOOLS"))
    key = _key(source.sha256, line, version, digest_of(compiler), recipe.profile.value, *packages)
    return BuildPlan(
        source, tree, recipe, tuple(options), tuple(flags), packages, version, line,
        name=f"{source.label}-{recipe.profile.value}-{key[:8]}",
    )  # fmt: skip


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def _help(source: SourceTree, tree: TreeFiles, cache: Cache, tell: Reporter) -> str:
    """What the tree's `configure --help` prints; kept beside the tree. Old ones print it and end with status 1."""
    kept = source.tree.parent / "help.json"
    text = str((read_facts(kept) or {}).get("help", ""))
    if not text:
        text = _ask_for_help(source, tree, cache, tell)
        write_facts(kept, {"help": text})
    return text


def _ask_for_help(source: SourceTree, tree: TreeFiles, cache: Cache, tell: Reporter) -> str:
    log = cache.logs / f"{source.label}-help.log"
    if tree.needs_python2:
        provide_python2(cache, log, tell)
    command = ["sh", str(source.tree / "configure"), "--help", *python_option(tree, python2_path(cache))]
    with tempfile.TemporaryDirectory(prefix="callchain-") as folder:  # it leaves files behind
        try:
            text = run(command, Path(folder), CommandContext(log))
        except CommandError as error:
            text = error.output
    if "target-list" not in offered_names(text):
        last = " / ".join(text.strip().splitlines()[-3:]) or "nothing"
        raise AnalyzerError(
            f"The tree's configure --help offers no --target-list. It said: {last}",
            f"{known_cure(text)}\n  All of it: {log}".lstrip(),
        )
    return text
