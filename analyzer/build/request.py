"""What a user may ask to be built, and how. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from analyzer.errors import UsageError

OLDEST_RELEASE = (1, 6)  # the reference document's; nothing older was looked into
_RELEASE = re.compile(r"(?:qemu-)?v?(\d+)\.(\d+)(?:\.(\d+))?(-rc\d+)?")
_PACKAGE = re.compile(r"(?P<origin>debian|ubuntu|distribution)(?::(?P<version>[\w.+~:-]+))?")


@dataclass(frozen=True)
class Release:
    """An official release tarball. `sha256` is what the user gave; `unverified` that none is to be had."""

    version: str
    sha256: str = ""
    unverified: bool = False
    mirror: str = ""


@dataclass(frozen=True)
class SourcePackage:
    """A distribution's source package; `version` "" is its newest. `update` looks for a newer one.

    `origin` is Debian or Ubuntu, "" for whichever this host is.
    """

    version: str = ""
    update: bool = False
    origin: str = ""


@dataclass(frozen=True)
class LocalSource:
    """A tree or a tarball that the user has."""

    path: Path
    sha256: str = ""


BuildRequest = Release | SourcePackage | LocalSource


class Profile(Enum):
    """`DEBUG` gives the most faithful chains, `RELEASE` is what distributions ship."""

    DEBUG = "debug"
    RELEASE = "release"


@dataclass(frozen=True)
class BuildSettings:
    """How to build. `arguments` go to `configure` after our own."""

    profile: Profile = Profile.DEBUG
    target: str = "x86_64-softmmu"
    arguments: tuple[str, ...] = ()
    jobs: int = field(default=1, compare=False)  # does not change the result

    @property
    def program(self) -> str:
        """The file name of the emulator."""
        return "qemu-system-" + self.target.removesuffix("-softmmu")


def parse_build_request(
    text: str, sha256: str = "", unverified: bool = False, mirror: str = "", update: bool = False
) -> BuildRequest:
    """`1.6.0`, `v10.0`, `debian:7.2`, `distribution`. UsageError for anything else, or options that do not fit."""
    if package := _PACKAGE.fullmatch(text):
        if sha256 or unverified or mirror:
            raise UsageError(
                f"{text} is checked by apt: no --sha256, --unverified or --mirror.", "They are for releases."
            )
        origin = package["origin"].capitalize()
        return SourcePackage(package["version"] or "", update, "" if origin == "Distribution" else origin)
    if update:
        raise UsageError("--update is for source packages: a release does not change.", "Leave it out.")
    if mirror and not re.match(r"https?://[^/\s]+", mirror):
        raise UsageError(f"{mirror} is no web address.", "A mirror is a folder: --mirror http://server/qemu")
    release = _RELEASE.fullmatch(text)
    if not release:
        raise UsageError(
            f"{text} is neither a release of QEMU nor a source package.",
            "Say for example 1.6.0 or debian:7.2; a tree of yours: --source DIR.",
        )
    major, minor, patch, candidate = release.groups()
    if (int(major), int(minor)) < OLDEST_RELEASE:
        raise UsageError(
            f"QEMU {text} is older than 1.6.0, the oldest this tool knows.", "Try: analyze build 1.6.0"
        )
    return Release(f"{major}.{minor}.{patch or 0}{candidate or ''}", sha256, unverified, mirror)


def parse_target(text: str) -> str:
    """`aarch64` or `aarch64-softmmu` as configure wants it. UsageError for what is no system emulator."""
    target = text if text.endswith("-softmmu") else f"{text}-softmmu"
    if not re.fullmatch(r"[a-z0-9_]+-softmmu", target):
        raise UsageError(f"{text} is no system emulator.", "Say for example --target aarch64.")
    return target
