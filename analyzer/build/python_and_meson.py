"""Finds out from the files of a tree which Python and which meson it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyzer.toml import TOMLError, parse_toml

_NO_PYTHON_3 = re.compile(r"Python 3 or later is not yet supported|< \(2,\s*\d\) or sys\.version_info >= \(3")
_MESON_CHECK = re.compile(r"""version_ge "\$\(\$?meson --version\)" (\d+(?:\.\d+)+)|['"]meson>=(\d+(?:\.\d+)+)""")
_MESON_VERSION = re.compile(r"meson_version:\s*'>=\s*(\d+(?:\.\d+)+)")
# setuptools contains distutils, which meson before 2023 imports and Python since 3.12 lacks.
_ALWAYS_INSTALLED = ("ninja", "setuptools")
_MKVENV_IMPORTS = ("distlib", "tomli")  # what mkvenv.py imports when pip vendors no copy


@dataclass(frozen=True)
class TreeFiles:
    """The texts of the files of a tree that decide about its tools; "" for a file that is missing."""

    configure: str
    meson_build: str
    python_packages: str  # pythondeps.toml
    has_meson: bool  # meson/meson.py is in the tree
    makes_venv: bool  # configure creates a virtual environment for meson

    @classmethod
    def read(cls, folder: Path) -> TreeFiles:
        """Read the files of the unpacked tree in `folder`."""

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
        """Whether meson and ninja build the tree; make alone builds older ones."""
        return bool(self.meson_build)

    @property
    def needs_python2(self) -> bool:
        """Whether the text of configure refuses Python 3."""
        return bool(_NO_PYTHON_3.search(self.configure))


def python_packages(tree: TreeFiles) -> tuple[str, ...]:
    """The requirements of the private environment, as pip takes them; () when make alone builds the tree."""
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
    """The configure options that select our tools.

    `offered`: names in configure's help. `folder`: the private environment. `python2`: the Python 2.7 to use.
    """
    if not tree.uses_meson:
        return python_option(tree, python2)
    if "meson" in offered:
        return ["--meson=internal" if tree.has_meson else f"--meson={folder}/bin/meson"]
    return [f"--python={folder}/bin/python3"]


def python_option(tree: TreeFiles, python2: Path) -> list[str]:
    """The --python option for an old tree; [] for others. Some trees need it even for `configure --help`."""
    if tree.needs_python2:
        return [f"--python={python2}"]
    if tree.uses_meson or "python3" in tree.configure:
        return []
    return ["--python=/usr/bin/python3"]  # its default is `python`, which new systems lack


def _meson_requirement(tree: TreeFiles) -> str:
    """The requirement for meson: the series that the tree names, since a newer meson can refuse an old tree."""
    if match := _MESON_CHECK.search(tree.configure):
        version = match[1] or match[2]
    elif match := _MESON_VERSION.search(tree.meson_build):
        version = match[1]
    else:
        return "meson"
    return f"meson~={version if version.count('.') > 1 else version + '.0'}"


def _listed_requirements(text: str) -> list[str]:
    """The requirements in the table [meson] of a pythondeps.toml; `text` is its content."""
    try:
        group = parse_toml(text).get("meson", {})
    except TOMLError:
        return []
    return [_requirement(name, facts) for name, facts in group.items() if isinstance(facts, dict)]


def _requirement(name: str, facts: dict[str, Any]) -> str:
    if "installed" in facts:
        return f"{name}=={facts['installed']}"
    return f"{name}{facts.get('accepted', '')}"
