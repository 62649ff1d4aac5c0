"""Plans a build: options that `configure --help` offers, compiler flags, tools, and the name in the cache."""

from __future__ import annotations

import hashlib
import platform
import re
import shlex
from dataclasses import dataclass
from functools import cache
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
from analyzer.files import scratch_folder
from analyzer.toml import load_toml

_LONG_OPTION = re.compile(r"(?<![\w-])--([a-z][A-Za-z0-9-]*)")
_FEATURE = re.compile(r"^  ([a-z][a-z0-9-]*)(?:  |$)", re.MULTILINE)
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # names of host machines that differ from QEMU's


def choose_options(offered: set[str], settings: BuildSettings, configure: str = "") -> list[str]:
    """The options of configure_options.toml that this tree has, in a fixed order.

    `offered` are names from `offered_names`; `configure` is the text of the script, searched for options that its
    help does not list.
    """
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
    """The names in the output of `configure --help`: long options without `--`, and features.

    A feature X is listed as X, as `--enable-X` or as `--disable-X`.
    """
    options = set(_LONG_OPTION.findall(help_text))
    features = set(_FEATURE.findall(help_text))
    bare = {
        re.sub(r"^(?:enable|disable)-", "", name) for name in options if name.startswith(("enable-", "disable-"))
    }
    return options | features | bare


def _can_be_disabled(name: str, offered: set[str]) -> bool:
    """Whether configure accepts `--disable-NAME`: a few old options exist as `--enable-NAME` only."""
    return f"disable-{name}" in offered or (name in offered and f"enable-{name}" not in offered)


def _host_machine() -> str:
    machine = platform.machine()
    return _MACHINES.get(machine, machine)


@cache
def _configure_options() -> dict[str, Any]:
    return load_toml("analyzer.build", "configure_options.toml")


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """How to build a tree.

    `options`: all options for configure, those of the user last. `flags`: C compiler flags, also in `options`.
    `packages`: requirements of the private Python environment. `compiler`: first line of its --version.
    """

    source: SourceTree
    tree: TreeFiles
    settings: BuildSettings
    options: tuple[str, ...]
    flags: tuple[str, ...]
    packages: tuple[str, ...]
    compiler: str
    configure_line: str  # the configure command line, with $CACHE and $TOOLS for folders of this host
    name: str  # VERSION-PROFILE-KEY, the name of the build in the cache


def make_plan(source: SourceTree, settings: BuildSettings, cache: Cache, reporter: Reporter) -> BuildPlan:
    """Plan a build of `source`. Runs its `configure --help` and the compiler.

    AnalyzerError when configure prints no help, the compiler does not work, or Python 2.7 is needed and missing.
    """
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
    options.append("--extra-ldflags=-Wl,--build-id")  # not every compiler requests a build-id by default
    tools = environment_folder(cache, packages)
    options += tool_options(tree, offered, tools, python2_path(cache))
    options += settings.arguments
    # the paths of the private Python and of the cache do not change the program
    configure_line = cache.with_cache_placeholder(
        shlex.join(["configure", *options]).replace(str(tools), "$TOOLS")
    )
    key = _key(
        source.sha256, configure_line, version, compiler_digest(compiler), settings.profile.value, *packages
    )
    return BuildPlan(
        source=source,
        tree=tree,
        settings=settings,
        options=tuple(options),
        flags=tuple(flags),
        packages=packages,
        compiler=version,
        configure_line=configure_line,
        name=f"{source.label}-{settings.profile.value}-{key[:8]}",
    )


def _key(*parts: str) -> str:
    """A sha256 of all that decides about the program, hexadecimal."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def _cached_help(source: SourceTree, tree: TreeFiles, cache: Cache, reporter: Reporter) -> str:
    """The output of the tree's `configure --help`, stored beside the tree in help.json."""
    help_file = source.tree.parent / "help.json"
    text = str((read_json(help_file) or {}).get("help", ""))
    if not text:
        text = _run_configure_help(source, tree, cache, reporter)
        write_json(help_file, {"help": text})
    return text


def _run_configure_help(source: SourceTree, tree: TreeFiles, cache: Cache, reporter: Reporter) -> str:
    """Run `configure --help`; old releases print the help and exit with status 1. AnalyzerError without help."""
    log = cache.logs / f"{source.label}-help.log"
    if tree.needs_python2:
        prepare_python2(cache, log, reporter)
    command = ["sh", str(source.tree / "configure"), "--help", *python_option(tree, python2_path(cache))]
    with scratch_folder() as folder:  # configure leaves files behind
        try:
            text = run(command, folder, CommandContext(log))
        except CommandError as error:
            text = error.output
    if "target-list" not in offered_names(text):
        last_lines = " / ".join(text.strip().splitlines()[-3:]) or "nothing"
        raise AnalyzerError(
            f"configure --help of this tree lists no --target-list. Output: {last_lines}",
            f"{failure_remedy(text)}\n  The whole output: {log}".lstrip(),
        )
    return text
