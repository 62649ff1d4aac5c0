"""Downloads a file over HTTP, resumes an interrupted download, and checks its sha256."""

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
from analyzer.build.provenance import read_json, write_json
from analyzer.build.releases import Tarball
from analyzer.errors import AnalyzerError
from analyzer.files import without_links

_CHUNK_SIZE = 1 << 18
_LARGEST = 1 << 32  # bytes; a tarball of QEMU has a thirtieth of it
_ATTEMPTS = 4  # each resumes the one before
STALL_TIMEOUT = 30.0  # seconds without a byte


class _NotFoundError(Exception):
    """The server answers 404 or 410: it has no such file."""


@dataclass(frozen=True)
class DownloadedFile:
    """A file in the cache. `sha256` is that of its content; `verified` says against what it was checked."""

    path: Path
    sha256: str
    verified: str
    checksum_known: bool  # the sha256 was known before the download


def fetch(
    tarballs: Sequence[Tarball], cache: Cache, reporter: Reporter, stall_timeout: float = STALL_TIMEOUT
) -> DownloadedFile:
    """The first of `tarballs` that is in the cache or on its server.

    `stall_timeout` is in seconds without a byte. A file with another sha256 than expected is renamed to
    `NAME.rejected`.
    Raises AnalyzerError, with the next step, when no server has one of them, a download fails, or the sha256
    differs.
    """
    cache.downloads.mkdir(parents=True, exist_ok=True)
    for tarball in tarballs:
        with cache.lock(tarball.name, reporter):
            cached = cache.downloads / tarball.name
            if cached.exists():
                sha256 = sha256_of(cached)
                if tarball.sha256 and not tarball.pinned and sha256 != tarball.sha256:
                    raise checksum_error(cached, tarball.sha256, sha256, f"analyze build --prune {tarball.name}")
                return _accept_if_verified(cached, sha256, tarball)
    for tarball in tarballs:
        part = cache.downloads / f"{tarball.name}.part"
        with cache.lock(tarball.name, reporter):
            try:
                _download(tarball, part, reporter, stall_timeout)
            except _NotFoundError:
                continue
            return _accept_if_verified(part, sha256_of(part), tarball)
    names = " or ".join(tarball.name for tarball in tarballs)
    raise AnalyzerError(
        f"{tarballs[0].url.rpartition('/')[0]} has no {names}.",
        "Check the version. For a file of yours: analyze build --source FILE; for another server: --mirror URL.",
    )


def sha256_of(path: Path) -> str:
    """The sha256 of the content of a file, hexadecimal."""
    with path.open("rb") as file:
        checksum = hashlib.sha256()
        while block := file.read(_CHUNK_SIZE):
            checksum.update(block)
    return checksum.hexdigest()


def checksum_error(path: Path, expected: str, found: str, hint: str = "") -> AnalyzerError:
    """The error for a file whose sha256 differs; `hint` is what to do when `expected` is right."""
    return AnalyzerError(
        f"{path.name} has another sha256 than expected:\n  expected sha256 {expected}\n  found    sha256 {found}",
        f"The file: {path}. If the expected sum is right: {hint or 'download it again, or with --mirror URL'}.",
    )


def _accept_if_verified(path: Path, sha256: str, tarball: Tarball) -> DownloadedFile:
    """Rename `path` to the name of `tarball`; when the sha256 differs, to `NAME.rejected`, and AnalyzerError."""
    if tarball.sha256 and sha256 != tarball.sha256:
        rejected = path.with_name(f"{tarball.name}.rejected")
        path.replace(rejected)
        raise checksum_error(rejected, tarball.sha256, sha256)
    complete = path.with_name(tarball.name)
    path.replace(complete)
    return DownloadedFile(complete, sha256, tarball.verified, bool(tarball.sha256))


def _download(tarball: Tarball, part: Path, reporter: Reporter, stall_timeout: float) -> None:
    """Download the rest of `tarball` into `part`, in up to four attempts.

    Raises _NotFoundError, AnalyzerError when the server cannot be reached, OSError when the disk is full.
    """
    for attempt in range(_ATTEMPTS):
        size_before = _size(part)
        try:
            _download_rest(tarball, part, reporter, stall_timeout)
            return
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise _NotFoundError from None
            reason = f"{error.code} {error.reason}"
            if error.code == 416:  # Range Not Satisfiable: the partial file is of another file
                part.unlink(missing_ok=True)
                continue
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an invalid URL or header
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                part.unlink(missing_ok=True)
                raise
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        if _size(part) == size_before and attempt:
            break
    raise AnalyzerError(
        f"{tarball.url} cannot be downloaded: {reason}.",
        f"Try again (the download resumes), use --mirror URL, or store the file as {part.with_name(tarball.name)}",
    )


def _download_rest(tarball: Tarball, part: Path, reporter: Reporter, stall_timeout: float) -> None:
    """Append to `part` with one HTTP request; start again when the file on the server has changed (RFC 9110)."""
    validator_file = part.with_name(part.name + ".json")  # URL, and ETag or Last-Modified, of the partial file
    known = read_json(validator_file) or {}
    size = _size(part) if known.get("url") == tarball.url else 0
    request = urllib.request.Request(tarball.url, headers={"User-Agent": TOOL, "Accept-Encoding": "identity"})
    if size and known.get("version"):
        request.add_header("Range", f"bytes={size}-")
        request.add_header("If-Range", known["version"])
    with urllib.request.urlopen(request, timeout=stall_timeout) as response:
        headers = response.headers
        resumed = response.status == 206 and headers.get("Content-Range", "").startswith(f"bytes {size}-")
        size = size if resumed else 0
        length = headers.get("Content-Length")
        total = size + int(length) if length else 0
        # a weak validator does not guarantee the same bytes
        version = next((v for v in (headers.get("ETag"), headers.get("Last-Modified")) if v and v[:2] != "W/"), "")
        write_json(validator_file, {"url": tarball.url, "version": version})
        with open(part, "ab" if resumed else "wb", opener=without_links) as file:
            while block := response.read1(_CHUNK_SIZE):  # read1 returns what has arrived: a stall loses nothing
                file.write(block)
                size += len(block)
                if size > _LARGEST:
                    raise AnalyzerError(
                        f"{tarball.url} has more than {_LARGEST} bytes: it is no tarball of QEMU.",
                        "Check the URL, or get the file from a source you trust.",
                    )
                reporter.progress(f"Downloading {tarball.name}", size, total, "B")
    if total and size < total:
        raise ConnectionError(f"the connection ended after {size} of {total} bytes")
    validator_file.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
