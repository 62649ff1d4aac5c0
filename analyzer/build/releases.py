"""File name, URL and sha256 of official release tarballs; releases.toml holds the known ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from analyzer.build.request import Release
from analyzer.errors import AnalyzerError
from analyzer.toml import load_toml

UNVERIFIED = "no"
_SUFFIXES = (".tar.xz", ".tar.bz2")


@dataclass(frozen=True)
class Tarball:
    """A tarball to download. `sha256` is "" when unknown; `verified` says where it comes from."""

    name: str
    url: str
    sha256: str
    verified: str
    pinned: bool = False  # the sha256 is that of releases.toml


def release_tarballs(release: Release) -> list[Tarball]:
    """The tarball of a release; when its compression is unknown, all candidates, the likeliest first.

    AnalyzerError when no sha256 is known and --unverified is not given.
    """
    url = (release.mirror or _release_data()["url"]).rstrip("/")
    names = [f"qemu-{release.version}{suffix}" for suffix in _SUFFIXES]
    pinned = (
        {}
        if release.sha256
        else {name: sha256 for name, sha256 in _release_data()["files"].items() if name in names}
    )
    if release.sha256:
        known = dict.fromkeys(names, release.sha256)
        verified = "against the sha256 the user gave"
    elif pinned:
        known, verified = pinned, "against the pinned sha256"
    elif release.unverified:
        known, verified = dict.fromkeys(names, ""), f"{UNVERIFIED}: --unverified"
    else:
        raise AnalyzerError(
            f"No sha256 is known for QEMU {release.version} (known: {', '.join(pinned_versions())}).",
            f"Give it: analyze build {release.version} --sha256 SUM, or --unverified to build it unchecked; "
            "pass the path it prints to analyze startup --qemu.",
        )
    return [Tarball(name, f"{url}/{name}", sha256, verified, name in pinned) for name, sha256 in known.items()]


def pinned_versions() -> list[str]:
    """The versions whose sha256 is in releases.toml, oldest first."""
    versions = (name.removeprefix("qemu-").partition(".tar")[0] for name in _release_data()["files"])
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


@cache
def _release_data() -> dict[str, Any]:
    return load_toml("analyzer.build", "releases.toml")
