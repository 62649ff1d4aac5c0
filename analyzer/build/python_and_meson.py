"""Which Python and which meson a tree needs, read from the tree. Pure but for reading it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyzer.toml import TOMLError, parse_toml

_NO_PYTHON_3 = re.compile(r"Python 3 or later is not yet supported|< \(2,\s*\d\) or sys\.version_info >= \(3")
_MESON_CHECK = re.compile(r"""version_ge "\$\(\$?meson --version\)" (\d+(?:\.\d+)+)|['"]meson>=(\d+(?:\.\d+)+)""")
_MESON_VERSION = re.compile(r"meson_version:\s*'>=\s*(\d+(?:\.\d+)+)")
# setuptools brings distutils, which mesons of before 2023 look for and Python since 3.12 lacks.
_ALWAYS_INSTALLED = ("ninja", "setuptools")
_MKVENV_IMPORTS = ("distlib", "tomli")  # its own imports where pip brings no copy of them


@dataclass(frozen=True)
class TreeFiles:
    """What decides about tools; texts are "" where the file is missing."""

    configure: str
    meson_build: str
    python_packages: str  # pythondeps.toml
    has_meson: bool
    makes_venv: bool  # configure makes a virtual environment and puts meson there

    @classmethod
    def read(cls, folder: Path) -> TreeFiles:
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


def python_packages(tree: TreeFiles) -> tuple[str, ...]:
    """Requirements for the private environment, as pip reads them; () when the tree is built by make alone."""
    if not tree.uses_meson:
        return ()
    packages = list(_ALWAYS_INSTALLED)
    if tree.makes_venv:
        packages += _MKVENV_IMPORTS
    listed = _listed_requirements(tree.python_packages)
    if not tree.has_meson and not any(re.match(r"meson\b", package) for package in listed):
        packages.append(_meson_requirement(tree))
    return (*packages, *listed)


def tool_options(tree: TreeFiles, offered: set[str], folder: Path, python2: Path) -> list[str]:
    """What tells configure about our tools: the private environment `folder`, the private `python2`."""
    if not tree.uses_meson:
        return python_option(tree, python2)
    if "meson" in offered:
        return ["--meson=internal" if tree.has_meson else f"--meson={folder}/bin/meson"]
    return [f"--python={folder}/bin/python3"]


def python_option(tree: TreeFiles, python2: Path) -> list[str]:
    """Which Python an old tree is told of; some look for one before they print their help."""
    if tree.needs_python2:
        return [f"--python={python2}"]
    if tree.uses_meson or "python3" in tree.configure:
        return []
    return ["--python=/usr/bin/python3"]  # by itself it looks for `python`, which new systems do not have


def _meson_requirement(tree: TreeFiles) -> str:
    """The series the release was made with: a much newer meson may refuse an old tree."""
    if match := _MESON_CHECK.search(tree.configure):
        version = match[1] or match[2]
    elif match := _MESON_VERSION.search(tree.meson_build):
        version = match[1]
    else:
        return "meson"
    return f"meson~={version if version.count('.') > 1 else version + '.0'}"


def _listed_requirements(text: str) -> list[str]:
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
