"""Checks what a build needs on the host, names the packages to install, and finds remedies for failed builds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzer.adapters.process import NO_LOG, SYSTEM_PATH, capture
from analyzer.errors import AnalyzerError
from analyzer.toml import load_toml

_INSTALL_COMMANDS = {"apt": "apt-get install", "dnf": "dnf install", "pacman": "pacman -S"}
_ERROR_LINE = re.compile(
    r"error|required|not found|not present|missing|undefined|multiple definition", re.IGNORECASE
)
_LAST_LINES = 10
_KINDS = ("program", "library", "header")
_MANAGERS = {"apt-get": "apt", "dnf": "dnf", "pacman": "pacman"}


@dataclass(frozen=True)
class HostRequirement:
    """One entry of host_packages.toml, which describes the fields.

    `kind` is program, library or header; `packages` maps a package manager to names separated by spaces.
    """

    name: str
    kind: str
    why: str
    trees: str  # "all", "make", "meson", "package"
    unless: tuple[str, ...]
    packages: dict[str, str]


class MissingPackagesError(AnalyzerError):
    """The host lacks programs, libraries or headers.

    `command` installs them, as a list of arguments; () when the host has none of apt, dnf and pacman.
    """

    def __init__(self, requirements: Sequence[HostRequirement], manager: str | None) -> None:
        names = ", ".join(f"{requirement.name} ({requirement.why})" for requirement in requirements)
        super().__init__(f"Missing to build QEMU: {names}.", f"Install it: {_install_commands(requirements)}")
        self.command = tuple(_install_command(manager, requirements).split()) if manager else ()


def check_requirements(kinds: Iterable[str], tree: Path | None = None, user_supplied: Iterable[str] = ()) -> None:
    """Check the requirements of host_packages.toml for all trees and for those of `kinds` (make, meson, package).

    `tree` is the unpacked tree, which may contain a required library itself; None before there is one.
    `user_supplied` are names of programs that need not be installed.
    Raises MissingPackagesError with all that is missing.
    """
    tree_kinds = ["all", *kinds]
    missing = [
        requirement
        for requirement in _requirements()
        if requirement.trees in tree_kinds
        and requirement.name not in user_supplied
        and not _tree_provides(tree, requirement)
        and not _is_installed(requirement)
    ]
    if missing:
        raise MissingPackagesError(missing, package_manager())


def _tree_provides(tree: Path | None, requirement: HostRequirement) -> bool:
    """Whether the tree contains what is required, as older trees contain the device tree library."""
    return tree is not None and any((tree / path).exists() for path in requirement.unless)


def package_manager() -> str | None:
    """`apt`, `dnf` or `pacman`, the first that this host has; None without one."""
    return next((name for program, name in _MANAGERS.items() if shutil.which(program, path=SYSTEM_PATH)), None)


def failure_remedy(text: str) -> str:
    """The remedy of failure_remedies.toml for a failed step with the output `text`; "" when none matches.

    Only lines with an error and the last ten are searched, since configure also prints results of other checks.
    """
    lines = text.splitlines()
    text = "\n".join([*filter(_ERROR_LINE.search, lines), *lines[-_LAST_LINES:]])
    for entry in load_toml("analyzer.build", "failure_remedies.toml")["failure"]:
        if re.search(entry["pattern"], text, re.IGNORECASE):
            if "remedy" in entry:
                return str(entry["remedy"])
            requirement = next(
                requirement for requirement in _requirements() if requirement.name == entry["missing"]
            )
            return f"{requirement.name} is missing ({requirement.why}): {_install_commands([requirement])}"
    return ""


def _install_commands(requirements: Sequence[HostRequirement]) -> str:
    """One installation command for each package manager, that of the host first."""
    managers = sorted(_INSTALL_COMMANDS, key=lambda manager: manager != package_manager())
    return "; or ".join(_install_command(manager, requirements) for manager in managers)


def _install_command(manager: str, requirements: Sequence[HostRequirement]) -> str:
    return (
        f"{_INSTALL_COMMANDS[manager]} {' '.join(requirement.packages[manager] for requirement in requirements)}"
    )


def _is_installed(requirement: HostRequirement) -> bool:
    """Whether the host has it: by PATH, pkg-config or the C compiler, in the environment of a build."""
    if requirement.kind == "program":
        return shutil.which(requirement.name, path=SYSTEM_PATH) is not None
    check_command = {
        "library": ["pkg-config", "--exists", requirement.name],
        "header": ["cc", "-fsyntax-only", "-include", requirement.name, "-x", "c", "/dev/null"],
    }[requirement.kind]
    if shutil.which(check_command[0], path=SYSTEM_PATH) is None:
        return True  # pkg-config or cc is missing, which is a requirement of its own: report that first
    return capture(check_command, environment=NO_LOG.environment()).succeeded


@cache
def _requirements() -> tuple[HostRequirement, ...]:
    return tuple(
        HostRequirement(
            name=next(entry[kind] for kind in _KINDS if kind in entry),
            kind=next(kind for kind in _KINDS if kind in entry),
            why=entry["why"],
            trees=entry.get("trees", "all"),
            unless=tuple(entry.get("unless", ())),
            packages={manager: entry[manager] for manager in _INSTALL_COMMANDS},
        )
        for entry in load_toml("analyzer.build", "host_packages.toml")["requirement"]
    )
