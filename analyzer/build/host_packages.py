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

_INSTALL = {"apt": "apt-get install", "dnf": "dnf install", "pacman": "pacman -S"}
_COMPLAINT = re.compile(
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

    def __init__(self, needs: Sequence[HostRequirement], manager: str | None) -> None:
        names = ", ".join(f"{need.name} ({need.why})" for need in needs)
        super().__init__(f"Missing to build QEMU: {names}.", f"Install it: {_ways_to_install(needs)}")
        self.command = tuple(_install(manager, needs).split()) if manager else ()


def check_requirements(kinds: Iterable[str], tree: Path | None = None, given: Iterable[str] = ()) -> None:
    """MissingPackagesError with all that trees of these kinds lack here; before there is a `tree`, what all need.

    `given` are programs that the user brings along.
    """
    request = ["all", *kinds]
    lacking = [
        need
        for need in _needs()
        if need.trees in request and need.name not in given and not _brings(tree, need) and not _have(need)
    ]
    if lacking:
        raise MissingPackagesError(lacking, package_manager())


def _brings(tree: Path | None, need: HostRequirement) -> bool:
    return tree is not None and any((tree / path).exists() for path in need.unless)


def package_manager() -> str | None:
    """`apt`, `dnf` or `pacman`, whichever this host has."""
    return next((name for program, name in _MANAGERS.items() if shutil.which(program, path=SYSTEM_PATH)), None)


def known_cure(text: str) -> str:
    """What helps against the failure that `text` tells of; "" when it is not known.

    Only lines that complain and the last ones count: configure also tells of all it did not look for.
    """
    lines = text.splitlines()
    text = "\n".join([*filter(_COMPLAINT.search, lines), *lines[-_LAST_LINES:]])
    for entry in load_toml("analyzer.build", "cures.toml")["cure"]:
        if re.search(entry["pattern"], text, re.IGNORECASE):
            if "cure" in entry:
                return str(entry["cure"])
            need = next(need for need in _needs() if need.name == entry["needs"])
            return f"{need.name} is missing ({need.why}): {_ways_to_install([need])}"
    return ""


def _ways_to_install(needs: Sequence[HostRequirement]) -> str:
    """For each package manager, the host's own first."""
    managers = sorted(_INSTALL, key=lambda manager: manager != package_manager())
    return "; or ".join(_install(manager, needs) for manager in managers)


def _install(manager: str, needs: Sequence[HostRequirement]) -> str:
    return f"{_INSTALL[manager]} {' '.join(need.packages[manager] for need in needs)}"


def _have(need: HostRequirement) -> bool:
    if need.kind == "program":
        return shutil.which(need.name, path=SYSTEM_PATH) is not None
    trial = {
        "library": ["pkg-config", "--exists", need.name],
        "header": ["cc", "-fsyntax-only", "-include", need.name, "-x", "c", "/dev/null"],
    }[need.kind]
    if shutil.which(trial[0], path=SYSTEM_PATH) is None:
        return True  # what is asked is missing itself, and that is said; the rest when it is here
    # as the build will find it, whatever the user's shell has first in PATH
    return capture(trial, environment=NO_LOG.environment()).succeeded


@cache
def _needs() -> tuple[HostRequirement, ...]:
    return tuple(
        HostRequirement(
            name=next(entry[kind] for kind in _KINDS if kind in entry),
            kind=next(kind for kind in _KINDS if kind in entry),
            why=entry["why"],
            trees=entry.get("trees", "all"),
            unless=tuple(entry.get("unless", ())),
            packages={manager: entry[manager] for manager in _INSTALL},
        )
        for entry in load_toml("analyzer.build", "host_packages.toml")["need"]
    )
