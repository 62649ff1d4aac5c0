"""Which Python and which meson a tree needs: read from the tree, provided in the cache."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyzer.build.cache import Cache, remove
from analyzer.build.certificate import read_facts, write_facts
from analyzer.build.needs import known_cure
from analyzer.build.process import CommandError, Workshop, run
from analyzer.build.tell import Tell
from analyzer.errors import AnalyzerError
from analyzer.toml import TOMLError, parse_toml

_NO_PYTHON_3 = re.compile(r"Python 3 or later is not yet supported|version_info\s*>=\s*\(\s*3\b")
_MESON_CHECK = re.compile(r"""version_ge "\$\(\$?meson --version\)" (\d+(?:\.\d+)+)|['"]meson>=(\d+(?:\.\d+)+)""")
_MESON_VERSION = re.compile(r"meson_version:\s*'>=\s*(\d+(?:\.\d+)+)")
# setuptools brings distutils, which mesons of before 2023 look for and Python since 3.12 lacks.
_ALWAYS = ("ninja", "setuptools")
_FOR_MKVENV = ("distlib", "tomli")  # its own imports where pip brings no copy of them
_WHOLE = "whole.json"
# How this user gets at packages: an index of a company, a mirror, a proxy. Where they go is for us to say.
_PIP_SETTINGS = (
    "INDEX_URL",
    "EXTRA_INDEX_URL",
    "FIND_LINKS",
    "NO_INDEX",
    "PROXY",
    "CERT",
    "CLIENT_CERT",
    "TRUSTED_HOST",
    "CONFIG_FILE",
    "DEFAULT_TIMEOUT",
    "TIMEOUT",
    "RETRIES",
)


@dataclass(frozen=True)
class Tree:
    """What decides about tools; texts are "" where the file is missing."""

    configure: str
    meson_build: str
    python_packages: str  # pythondeps.toml
    brings_meson: bool
    makes_venv: bool  # configure makes a virtual environment and puts meson there

    @classmethod
    def read(cls, folder: Path) -> Tree:
        """Look at an unpacked tree."""

        def text(name: str) -> str:
            file = folder / name
            return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

        return cls(
            text("configure"),
            text("meson.build"),
            text("pythondeps.toml"),
            (folder / "meson" / "meson.py").is_file(),
            (folder / "python" / "scripts" / "mkvenv.py").is_file(),
        )

    @property
    def uses_meson(self) -> bool:
        """Built by ninja; older trees are built by make alone."""
        return bool(self.meson_build)

    @property
    def needs_python2(self) -> bool:
        """Its configure refuses Python 3, and says so in its own text."""
        return bool(_NO_PYTHON_3.search(self.configure))


def python_packages(tree: Tree) -> tuple[str, ...]:
    """Requirements for the private environment, as pip reads them; () when the tree is built by make alone."""
    if not tree.uses_meson:
        return ()
    packages = list(_ALWAYS)
    if tree.makes_venv:
        packages += _FOR_MKVENV
    named = _named(tree.python_packages)
    if not tree.brings_meson and not any(re.match(r"meson\b", package) for package in named):
        packages.append(_meson_requirement(tree))
    return (*packages, *named)


def tool_options(tree: Tree, offered: set[str], folder: Path, python2: Path) -> list[str]:
    """What tells configure about our tools: the private environment `folder`, the private `python2`."""
    if not tree.uses_meson:
        return python_option(tree, python2)
    if "meson" in offered:
        return ["--meson=internal" if tree.brings_meson else f"--meson={folder}/bin/meson"]
    return [f"--python={folder}/bin/python3"]


def python_option(tree: Tree, python2: Path) -> list[str]:
    """Which Python an old tree is told of; some look for one before they print their help."""
    if tree.needs_python2:
        return [f"--python={python2}"]
    if tree.uses_meson or "python3" in tree.configure:
        return []
    return ["--python=/usr/bin/python3"]  # by itself it looks for `python`, which new systems do not have


def environment_folder(cache: Cache, packages: tuple[str, ...]) -> Path:
    """Where the environment with these packages is, or will be."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256("\n".join((python, sys.base_prefix, *packages)).encode()).hexdigest()[:12]
    return cache.tools / f"python{python}-{name}"


def provide_environment(cache: Cache, packages: tuple[str, ...], shop: Workshop, tell: Tell) -> tuple[str, ...]:
    """What is installed in the private environment, as `name==version`; it is made when it is not there.

    AnalyzerError when it cannot be made.
    """
    folder = environment_folder(cache, packages)
    with cache.lock(folder.name, tell):
        installed = installed_in(folder)
        if not installed:
            tell.say(f"Making a private Python environment with {', '.join(packages)}")
            try:
                installed = _make_environment(folder, packages, shop, tell)
            except BaseException:
                remove(folder)
                raise
    return installed


def installed_in(folder: Path) -> tuple[str, ...]:
    """The packages of a whole environment that is still where it was made: it knows its own path. Else ()."""
    facts = read_facts(folder / _WHOLE) or {}
    return tuple(facts.get("installed", ())) if facts.get("folder") == str(folder.resolve()) else ()


def _make_environment(folder: Path, packages: tuple[str, ...], shop: Workshop, tell: Tell) -> tuple[str, ...]:
    remove(folder)
    venv.create(folder, with_pip=False, symlinks=True)
    python = str(folder / "bin" / "python3")
    began = time.monotonic()

    def tick(_line: str) -> None:
        tell.progress("Installing Python packages", round(time.monotonic() - began), 0, "s")

    try:
        run([python, "-m", "ensurepip", "--default-pip"], folder, shop, tick)
    except CommandError as error:
        raise AnalyzerError(
            f"No virtual environment can be made in {folder}: {_last_line(error.output)}",
            known_cure(error.output) or "On Debian and Ubuntu: apt-get install python3-venv",
        ) from None
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    try:
        run([*pip, "install", *packages], folder, shop, tick, _pip_settings())
        installed = tuple(run([*pip, "freeze", "--all"], folder, shop).split())
    except CommandError as error:
        raise AnalyzerError(
            f"pip could not install {', '.join(packages)}: {_last_line(error.output)}",
            f"Is the package index reachable? All that was said: {shop.log}",
        ) from None
    write_facts(folder / _WHOLE, {"folder": str(folder.resolve()), "installed": list(installed)})
    return installed


def _meson_requirement(tree: Tree) -> str:
    """The series the release was made with: a much newer meson may refuse an old tree."""
    if match := _MESON_CHECK.search(tree.configure):
        version = match[1] or match[2]
    elif match := _MESON_VERSION.search(tree.meson_build):
        version = match[1]
    else:
        return "meson"
    return f"meson~={version if version.count('.') > 1 else version + '.0'}"


def _named(text: str) -> list[str]:
    """Requirements of the group that a build needs in a pythondeps.toml."""
    try:
        group = parse_toml(text).get("meson", {})
    except TOMLError:
        return []
    return [_requirement(name, facts) for name, facts in group.items() if isinstance(facts, dict)]


def _requirement(name: str, facts: dict[str, Any]) -> str:
    if "installed" in facts:
        return f"{name}=={facts['installed']}"
    return f"{name}{facts.get('accepted', '')}"


def _pip_settings() -> dict[str, str]:
    names = [f"PIP_{name}" for name in _PIP_SETTINGS]
    return {**{name: os.environ[name] for name in names if name in os.environ}, "PIP_USER": "0"}


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"
