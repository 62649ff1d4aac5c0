"""Fetches a file over HTTP: goes on where it stopped, and lets nothing through that its sum does not vouch for."""

from __future__ import annotations

import errno
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer import TOOL
from analyzer.build.cache import Cache
from analyzer.build.progress import Reporter
from analyzer.build.provenance import read_facts, write_facts
from analyzer.build.releases import Tarball
from analyzer.errors import AnalyzerError

_CHUNK = 1 << 18
_ATTEMPTS = 4  # each goes on where the one before was cut off
STALL = 30.0  # seconds without a byte


class _NotFoundError(Exception):
    """The server answered, and has no such file."""


@dataclass(frozen=True)
class DownloadedFile:
    """A file that is here. `sha256` is that of its content."""

    path: Path
    sha256: str
    verified: str
    vouched: bool  # somebody knew the sum before


def fetch(tarballs: Sequence[Tarball], cache: Cache, reporter: Reporter, stall: float = STALL) -> DownloadedFile:
    """The first of `tarballs` that is in the cache or can be had. AnalyzerError with the next step when none can.

    A file with a wrong sum is kept aside as `NAME.rejected` and never returned.
    """
    cache.downloads.mkdir(parents=True, exist_ok=True)
    for tarball in tarballs:
        with cache.lock(tarball.name, reporter):
            there = cache.downloads / tarball.name
            if there.exists():
                sha256 = digest(there)
                if tarball.sha256 and not tarball.pinned and sha256 != tarball.sha256:
                    raise wrong_sum(there, tarball.sha256, sha256, f"analyze build --prune {tarball.name}")
                return _checked(there, sha256, tarball)
    for tarball in tarballs:
        part = cache.downloads / f"{tarball.name}.part"
        with cache.lock(tarball.name, reporter):
            try:
                _fetch(tarball, part, reporter, stall)
            except _NotFoundError:
                continue
            return _checked(part, digest(part), tarball)
    names = " or ".join(tarball.name for tarball in tarballs)
    raise AnalyzerError(
        f"{tarballs[0].url.rpartition('/')[0]} has no {names}.",
        "Is there such a release? A file of yours: analyze build --source FILE; another server: --mirror URL.",
    )


def digest(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        summed = hashlib.sha256()
        while block := file.read(_CHUNK):
            summed.update(block)
    return summed.hexdigest()


def wrong_sum(path: Path, expected: str, found: str, otherwise: str = "") -> AnalyzerError:
    """The error that shows both sums; `otherwise` is what to do when the sum is right."""
    return AnalyzerError(
        f"{path.name} is not what it should be:\n  expected sha256 {expected}\n  found    sha256 {found}",
        f"It is here: {path}. If the sum is right: {otherwise or 'get the file again, maybe with --mirror URL'}.",
    )


def _checked(path: Path, sha256: str, tarball: Tarball) -> DownloadedFile:
    """The file under its name, when its sum is right; else it is kept aside, and both sums are told."""
    if tarball.sha256 and sha256 != tarball.sha256:
        aside = path.with_name(f"{tarball.name}.rejected")
        path.replace(aside)
        raise wrong_sum(aside, tarball.sha256, sha256)
    whole = path.with_name(tarball.name)
    path.replace(whole)
    return DownloadedFile(whole, sha256, tarball.verified, bool(tarball.sha256))


def _fetch(tarball: Tarball, part: Path, reporter: Reporter, stall: float) -> None:
    """Download into `part`. What is there already is not fetched again. AnalyzerError, _NotThereError;
    OSError when the disk is full."""
    for attempt in range(_ATTEMPTS):
        before = _size(part)
        try:
            _fetch_rest(tarball, part, reporter, stall)
            return
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise _NotFoundError from None
            reason = f"{error.code} {error.reason}"
            if error.code == 416:  # there is no such rest: what we have is not of this file
                part.unlink(missing_ok=True)
                continue
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: nonsense in URL or header
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                part.unlink(missing_ok=True)
                raise
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        if _size(part) == before and attempt:
            break
    raise AnalyzerError(
        f"{tarball.url} cannot be fetched: {reason}.",
        "Try again (it goes on where it stopped), use --mirror URL, or put the file here by other means: "
        f"{part.with_name(tarball.name)}",
    )


def _fetch_rest(tarball: Tarball, part: Path, reporter: Reporter, stall: float) -> None:
    meta = part.with_name(part.name + ".json")  # what the server said of the file when its beginning came
    known = read_facts(meta) or {}
    have = _size(part) if known.get("url") == tarball.url else 0
    request = urllib.request.Request(tarball.url, headers={"User-Agent": TOOL, "Accept-Encoding": "identity"})
    if have and known.get("version"):
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known["version"])
    with urllib.request.urlopen(request, timeout=stall) as response:
        headers = response.headers
        resumed = response.status == 206 and headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        length = headers.get("Content-Length")
        total = have + int(length) if length else 0
        # a weak validator does not vouch for the same bytes
        version = next((v for v in (headers.get("ETag"), headers.get("Last-Modified")) if v and v[:2] != "W/"), "")
        write_facts(meta, {"url": tarball.url, "version": version})
        with part.open("ab" if resumed else "wb") as file:
            while block := response.read1(_CHUNK):  # what has come, not a whole block: nothing of it is lost
                file.write(block)
                have += len(block)
                reporter.progress(f"Downloading {tarball.name}", have, total, "B")
    if total and have < total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")
    meta.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
