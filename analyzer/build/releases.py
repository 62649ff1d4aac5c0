"""Official releases: which file, which sum, from where."""

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
    """A file to have. `sha256` "" when nothing vouches for it; `verified` says who does."""

    name: str
    url: str
    sha256: str
    verified: str
    pinned: bool = False  # the sum is ours


def release_tarballs(release: Release) -> list[Tarball]:
    """The file of a release, or the files it may be, most likely first.

    AnalyzerError when no sum is known and the user did not say that this is all right.
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
            f"Give it: analyze build {release.version} --sha256 SUM, or --unverified to build whatever is sent; "
            "the path it prints is for analyze startup --qemu.",
        )
    return [Tarball(name, f"{url}/{name}", sha256, verified, name in pinned) for name, sha256 in known.items()]


def pinned_versions() -> list[str]:
    """Releases whose sum is known, oldest first."""
    versions = (name.removeprefix("qemu-").partition(".tar")[0] for name in _release_data()["files"])
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


@cache
def _release_data() -> dict[str, Any]:
    return load_toml("analyzer.build", "releases.toml")
