"""Options for QEMU's `configure`, chosen from what its own `--help` offers."""

from __future__ import annotations

import hashlib
import platform
import re
import shlex
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from analyzer.adapters.process import CommandContext, CommandError, run
from analyzer.build.cache import Cache
from analyzer.build.compiler_flags import (
    cached_old_c_flags,
    compiler_command,
    compiler_digest,
    compiler_version,
    profile_flags,
)
from analyzer.build.host_packages import failure_remedy
from analyzer.build.progress import Reporter
from analyzer.build.provenance import read_json, write_json
from analyzer.build.python2 import prepare_python2, python2_path
from analyzer.build.python_and_meson import TreeFiles, python_option, python_packages, tool_options
from analyzer.build.python_environment import environment_folder
from analyzer.build.request import BuildSettings, Profile
from analyzer.build.sources import SourceTree
from analyzer.errors import AnalyzerError
from analyzer.toml import load_toml

_LONG_OPTION = re.compile(r"(?<![\w-])--([a-z][A-Za-z0-9-]*)")
_FEATURE = re.compile(r"^  ([a-z][a-z0-9-]*)(?:  |$)", re.MULTILINE)
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # names of host machines that differ from QEMU's


def choose_options(offered: set[str], settings: BuildSettings, configure: str = "") -> list[str]:
    """The options, in a fixed order. Left out is what is neither `offered` nor in the text of `configure`."""
    known = offered | {
        e["name"]
        for e in _configure_options()["enable"]
        if e.get("undocumented") and f"--{e['name']})" in configure
    }
    native = settings.target.startswith(_host_machine())
    chosen = [f"--target-list={settings.target}"]
    for entry in _configure_options()["enable"]:
        fits = entry.get("profile", settings.profile.value) == settings.profile.value
        fits = fits and {entry["name"], entry.get("after", entry["name"])} <= known
        if fits and (native or not entry.get("native")):
            chosen.append(entry["option"])
    disabled = list(_configure_options()["disable"]["programs"])
    if "without-default-features" not in offered:
        disabled += _configure_options()["disable"]["features"]
    return chosen + [f"--disable-{name}" for name in disabled if _can_be_disabled(name, offered)]


def offered_names(help_text: str) -> set[str]:
    """Long options without their dashes, and features, be they listed bare or as `--enable-X`, `--disable-X`."""
    options = set(_LONG_OPTION.findall(help_text))
    features = set(_FEATURE.findall(help_text))
    bare = {
        re.sub(r"^(?:enable|disable)-", "", name) for name in options if name.startswith(("enable-", "disable-"))
    }
    return options | features | bare


def _can_be_disabled(name: str, offered: set[str]) -> bool:
    """A few old options exist only as `--enable-X`, and `--disable-X` is unknown to that configure."""
    return f"disable-{name}" in offered or (name in offered and f"enable-{name}" not in offered)


def _host_machine() -> str:
    machine = platform.machine()
    return _MACHINES.get(machine, machine)


@cache
def _configure_options() -> dict[str, Any]:
    return load_toml("analyzer.build", "configure_options.toml")


@dataclass(frozen=True)
class BuildPlan:
    """`options` are configure's, ours and the user's; `packages` the private environment's."""

    source: SourceTree
    tree: TreeFiles
    settings: BuildSettings
    options: tuple[str, ...]
    flags: tuple[str, ...]
    packages: tuple[str, ...]
    compiler: str
    configure_line: str  # configure's, as one would type it, with $CACHE and $TOOLS for folders of this host
    name: str  # of the build in the cache


def make_plan(source: SourceTree, settings: BuildSettings, cache: Cache, reporter: Reporter) -> BuildPlan:
    """Decide how to build. AnalyzerError when the tree's configure does not answer or there is no compiler."""
    tree = TreeFiles.read(source.tree)
    compiler = compiler_command(settings)
    version = compiler_version(compiler)
    offered = offered_names(_cached_help(source, tree, cache, reporter))
    packages = python_packages(tree)
    flags = list(profile_flags(settings.profile))
    if settings.profile is Profile.DEBUG and "enable-debug" not in offered:
        flags += ["-O0", "-g"]
    if not tree.uses_meson:
        flags += cached_old_c_flags(compiler, version, cache, reporter)
    options = choose_options(offered, settings, tree.configure)
    if flags:
        options.append(f"--extra-cflags={' '.join(flags)}")
    options.append("--extra-ldflags=-Wl,--build-id")  # not every compiler asks for one by itself
    tools = environment_folder(cache, packages)
    options += tool_options(tree, offered, tools, python2_path(cache))
    options += settings.arguments
    # which Python runs meson changes nothing in the program, nor does where the cache is
    configure_line = cache.with_cache_placeholder(
        shlex.join(["configure", *options]).replace(str(tools), "$TOOLS")
    )
    key = _key(
        source.sha256, configure_line, version, compiler_digest(compiler), settings.profile.value, *packages
    )
    return BuildPlan(
        source, tree, settings, tuple(options), tuple(flags), packages, version, configure_line,
        name=f"{source.label}-{settings.profile.value}-{key[:8]}",
    )  # fmt: skip


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def _cached_help(source: SourceTree, tree: TreeFiles, cache: Cache, reporter: Reporter) -> str:
    """What the tree's `configure --help` prints; kept beside the tree. Old ones print it and end with status 1."""
    help_file = source.tree.parent / "help.json"
    text = str((read_json(help_file) or {}).get("help", ""))
    if not text:
        text = _run_configure_help(source, tree, cache, reporter)
        write_json(help_file, {"help": text})
    return text


def _run_configure_help(source: SourceTree, tree: TreeFiles, cache: Cache, reporter: Reporter) -> str:
    log = cache.logs / f"{source.label}-help.log"
    if tree.needs_python2:
        prepare_python2(cache, log, reporter)
    command = ["sh", str(source.tree / "configure"), "--help", *python_option(tree, python2_path(cache))]
    with tempfile.TemporaryDirectory(prefix="callchain-") as folder:  # it leaves files behind
        try:
            text = run(command, Path(folder), CommandContext(log))
        except CommandError as error:
            text = error.output
    if "target-list" not in offered_names(text):
        last_lines = " / ".join(text.strip().splitlines()[-3:]) or "nothing"
        raise AnalyzerError(
            f"The tree's configure --help offers no --target-list. It said: {last_lines}",
            f"{failure_remedy(text)}\n  All of it: {log}".lstrip(),
        )
    return text
