"""What to build, and with which settings, as values parsed from the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from analyzer.errors import UsageError

OLDEST_RELEASE = (1, 6)  # the version of the reference backtrace; older ones are untested
_RELEASE = re.compile(r"(?:qemu-)?v?(\d+)\.(\d+)(?:\.(\d+))?(-rc\d+)?")
_PACKAGE = re.compile(r"(?P<origin>debian|ubuntu|distribution)(?::(?P<version>[\w.+~:-]+))?")


@dataclass(frozen=True)
class Release:
    """An official release tarball.

    `sha256` is that of --sha256, "" for the known one. `unverified`: build it although none is known.
    `mirror`: URL of a folder, "" for the official server.
    """

    version: str
    sha256: str = ""
    unverified: bool = False
    mirror: str = ""


@dataclass(frozen=True)
class SourcePackage:
    """A source package of a distribution.

    `version` is its beginning, "" for the newest. `update`: search again although a package is in the cache.
    `origin` is Debian or Ubuntu, "" for that of the host.
    """

    version: str = ""
    update: bool = False
    origin: str = ""


@dataclass(frozen=True)
class LocalSource:
    """A source tree or tarball of the user's; `sha256` is that of --sha256 for a tarball, or ""."""

    path: Path
    sha256: str = ""


BuildRequest = Release | SourcePackage | LocalSource


class Profile(Enum):
    """`DEBUG`: not optimised, every call has a frame. `RELEASE`: optimised, as distributions build it."""

    DEBUG = "debug"
    RELEASE = "release"


@dataclass(frozen=True)
class BuildSettings:
    """How to build: `target` as in --target-list, `arguments` for configure, `jobs` as in make -j."""

    profile: Profile = Profile.DEBUG
    target: str = "x86_64-softmmu"
    arguments: tuple[str, ...] = ()
    jobs: int = field(default=1, compare=False)  # does not change the result

    @property
    def program(self) -> str:
        """The file name of the emulator."""
        return "qemu-system-" + self.target.removesuffix("-softmmu")


def parse_build_request(
    text: str, *, sha256: str = "", unverified: bool = False, mirror: str = "", update: bool = False
) -> BuildRequest:
    """Parse `1.6.0`, `v10.0`, `debian:7.2` or `distribution`; the other arguments are those of the options.

    UsageError for another text, a version before 1.6, or options that do not apply.
    """
    if package := _PACKAGE.fullmatch(text):
        if sha256 or unverified or mirror:
            raise UsageError(
                f"apt verifies {text}: --sha256, --unverified and --mirror do not apply.", "They are for releases."
            )
        origin = package["origin"].capitalize()
        return SourcePackage(package["version"] or "", update, "" if origin == "Distribution" else origin)
    if update:
        raise UsageError("--update is for source packages: a release does not change.", "Omit it.")
    if mirror and not re.match(r"https?://[^/\s]+", mirror):
        raise UsageError(
            f"{mirror} is not an http or https URL.", "Give the URL of a folder: --mirror http://server/qemu"
        )
    release = _RELEASE.fullmatch(text)
    if not release:
        raise UsageError(
            f"{text} is neither a QEMU release nor a source package.",
            "For example: 1.6.0 or debian:7.2. For your own tree: --source DIR.",
        )
    major, minor, patch, candidate = release.groups()
    if (int(major), int(minor)) < OLDEST_RELEASE:
        raise UsageError(
            f"QEMU {text} is older than 1.6.0, the oldest this tool knows.", "Try: analyze build 1.6.0"
        )
    return Release(f"{major}.{minor}.{patch or 0}{candidate or ''}", sha256, unverified, mirror)


def parse_target(text: str) -> str:
    """The target for --target-list: `aarch64-softmmu` for `aarch64`. UsageError for no system emulator."""
    target = text if text.endswith("-softmmu") else f"{text}-softmmu"
    if not re.fullmatch(r"[a-z0-9_]+-softmmu", target):
        raise UsageError(f"{text} is not a system emulator.", "For example: --target aarch64.")
    return target
