"""What a build needs of the host, how to install it, and what is known to help when a build fails."""

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
    """`kind` is program, library (as pkg-config knows it) or header; packages by package manager."""

    name: str
    kind: str
    why: str
    trees: str  # "all", "make", "meson", "package"
    unless: tuple[str, ...]
    packages: dict[str, str]


class MissingPackagesError(AnalyzerError):
    """The host lacks something. `command` installs it, as a list; () when no package manager is known here."""

    def __init__(self, requirements: Sequence[HostRequirement], manager: str | None) -> None:
        names = ", ".join(f"{requirement.name} ({requirement.why})" for requirement in requirements)
        super().__init__(f"Missing to build QEMU: {names}.", f"Install it: {_install_commands(requirements)}")
        self.command = tuple(_install_command(manager, requirements).split()) if manager else ()


def check_requirements(kinds: Iterable[str], tree: Path | None = None, user_supplied: Iterable[str] = ()) -> None:
    """MissingPackagesError with all that trees of these kinds lack here; before there is a `tree`, what all need.

    `user_supplied` are programs that the user brings along.
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
    return tree is not None and any((tree / path).exists() for path in requirement.unless)


def package_manager() -> str | None:
    """`apt`, `dnf` or `pacman`, whichever this host has."""
    return next((name for program, name in _MANAGERS.items() if shutil.which(program, path=SYSTEM_PATH)), None)


def failure_remedy(text: str) -> str:
    """What helps against the failure that `text` tells of; "" when it is not known.

    Only lines that complain and the last ones count: configure also tells of all it did not look for.
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
    """For each package manager, the host's own first."""
    managers = sorted(_INSTALL_COMMANDS, key=lambda manager: manager != package_manager())
    return "; or ".join(_install_command(manager, requirements) for manager in managers)


def _install_command(manager: str, requirements: Sequence[HostRequirement]) -> str:
    return (
        f"{_INSTALL_COMMANDS[manager]} {' '.join(requirement.packages[manager] for requirement in requirements)}"
    )


def _is_installed(requirement: HostRequirement) -> bool:
    if requirement.kind == "program":
        return shutil.which(requirement.name, path=SYSTEM_PATH) is not None
    check_command = {
        "library": ["pkg-config", "--exists", requirement.name],
        "header": ["cc", "-fsyntax-only", "-include", requirement.name, "-x", "c", "/dev/null"],
    }[requirement.kind]
    if shutil.which(check_command[0], path=SYSTEM_PATH) is None:
        return True  # what is asked is missing itself, and that is said; the rest when it is here
    # as the build will find it, whatever the user's shell has first in PATH
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
