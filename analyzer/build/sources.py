"""Turns a build request into an unpacked source tree in the cache, with its origin and sha256."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from analyzer.adapters.bounded_files import read_bounded
from analyzer.adapters.process import CommandContext, CommandError, run
from analyzer.build import apt, download, local_tree
from analyzer.build.cache import Cache, remove
from analyzer.build.host_packages import check_requirements, failure_remedy
from analyzer.build.progress import Reporter
from analyzer.build.provenance import read_json, write_json
from analyzer.build.releases import release_tarballs
from analyzer.build.request import BuildRequest, LocalSource, Release, SourcePackage
from analyzer.build.unpack import unpack
from analyzer.errors import AnalyzerError

_SOURCE_FILE = "source.json"
_PACKAGE_ANSWERS = "packages.json"  # the source package and sha256 that answered each request
_PACKAGE = "qemu"


@dataclass(frozen=True)
class SourceTree:
    """An unpacked source tree.

    `name`: of the tarball, package or folder. `sha256`: of the tarball or of the folder's content, hexadecimal.
    `verified`: against what the sha256 was checked. `tree`: the folder with configure.
    """

    label: str  # the version in its file VERSION
    name: str
    sha256: str
    verified: str
    tree: Path


def prepare_source(request: BuildRequest, cache: Cache, reporter: Reporter) -> SourceTree:
    """Download, verify and unpack the requested source, or return it from the cache.

    AnalyzerError, with the next step, when it is not available, has another sha256 or is no source of QEMU.
    """
    match request:
        case Release():
            return _from_release(request, cache, reporter)
        case SourcePackage():
            return _from_package(request, cache, reporter)
        case LocalSource() if request.path.is_dir():
            return _from_folder(request.path, cache, reporter)
        case LocalSource():
            return _from_local_tarball(request, cache, reporter)


def _from_release(request: Release, cache: Cache, reporter: Reporter) -> SourceTree:
    downloaded = download.fetch(release_tarballs(request), cache, reporter)
    try:
        return _from_tarball(downloaded.path, downloaded.sha256, downloaded.verified, cache, reporter)
    except AnalyzerError:
        if not downloaded.checksum_known:  # an unverified file: download it again next time
            downloaded.path.unlink(missing_ok=True)
        raise


def _from_local_tarball(request: LocalSource, cache: Cache, reporter: Reporter) -> SourceTree:
    try:
        before = _file_state(request.path)
        sha256 = download.sha256_of(request.path)
    except OSError as error:
        raise AnalyzerError(
            f"{request.path} cannot be read: {error.strerror}.", "Give a folder or a tarball."
        ) from None
    if request.sha256 and sha256 != request.sha256:
        raise download.checksum_error(request.path, request.sha256, sha256)
    verified = "against the sha256 the user gave" if request.sha256 else "a file of the user's"
    source = _from_tarball(request.path, sha256, verified, cache, reporter)
    if _file_state(request.path) != before:
        remove(cache.sources / sha256[:16])
        raise AnalyzerError(
            f"{request.path} changed while it was unpacked.", "Try again when no program writes to it."
        )
    return source


def _file_state(path: Path) -> tuple[int, int]:
    """Time of change (ctime, ns) and inode: they differ after a write or a replacement."""
    facts = path.stat()
    return facts.st_ctime_ns, facts.st_ino


def _from_tarball(path: Path, sha256: str, verified: str, cache: Cache, reporter: Reporter) -> SourceTree:
    def unpack_into(folder: Path) -> Path:
        reporter.say(f"Unpacking {path.name}")
        return unpack(path, folder, reporter)

    return _cached_source(path.name, sha256, verified, unpack_into, cache, reporter)


def _from_folder(path: Path, cache: Cache, reporter: Reporter) -> SourceTree:
    tree = local_tree.find_sources(path.resolve(), cache)
    digest = local_tree.content_digest(tree, cache)

    def unpack_into(folder: Path) -> Path:
        reporter.say(f"Copying {path}")
        local_tree.copy_tree(tree, folder, digest, reporter)
        return folder

    return _cached_source(tree.folder.name, digest, tree.origin, unpack_into, cache, reporter)


def _from_package(request: SourcePackage, cache: Cache, reporter: Reporter) -> SourceTree:
    log = cache.logs / "apt.log"
    description = None if request.update else _downloaded_package(request, cache)
    if description is None:
        with cache.lock("apt", reporter):
            description = apt.fetch_source(_PACKAGE, request, cache, log, reporter)
        answer = {"file": description.name, "sha256": download.sha256_of(description)}
        write_json(cache.downloads / _PACKAGE_ANSWERS, {**_package_answers(cache), _request_key(request): answer})

    def unpack_into(folder: Path) -> Path:
        check_requirements(["package"])
        reporter.say(f"Unpacking {description.name} and applying the distribution's patches")
        run(["dpkg-source", "--extract", str(description), str(folder / "tree")], folder, CommandContext(log))
        return folder / "tree"

    return _cached_source(
        description.name, download.sha256_of(description), apt.VERIFIED_BY_APT, unpack_into, cache, reporter
    )


def _downloaded_package(request: SourcePackage, cache: Cache) -> Path | None:
    """The .dsc file that answered the same request before, None when it was deleted or has another sha256."""
    answer = _package_answers(cache).get(_request_key(request))
    path = cache.downloads / answer["file"] if answer else None
    return path if answer and path and path.is_file() and download.sha256_of(path) == answer["sha256"] else None


def _request_key(request: SourcePackage) -> str:
    """The key of a request in packages.json, as in `Debian 7.2`."""
    return f"{request.origin or 'distribution'} {request.version}".strip()


def _package_answers(cache: Cache) -> dict[str, dict[str, str]]:
    return read_json(cache.downloads / _PACKAGE_ANSWERS) or {}


def _cached_source(
    name: str, sha256: str, verified: str, unpack_into: Callable[[Path], Path], cache: Cache, reporter: Reporter
) -> SourceTree:
    """The tree with this sha256 from the cache, unpacked first when needed.

    `unpack_into` fills an empty folder and returns the top folder of the tree in it.
    """
    folder = cache.sources / sha256[:16]
    with cache.lock(f"source-{sha256[:16]}", reporter):
        facts = read_json(folder / _SOURCE_FILE)
        if facts is None or not (folder / facts["tree"] / "configure").is_file():
            with cache.replacing_folder(folder) as temporary:
                facts = _unpack_source(temporary, unpack_into, name, sha256, verified)
    # name and verification can differ from those at the time of unpacking
    return SourceTree(facts["label"], name, sha256, verified, folder / facts["tree"])


def _unpack_source(
    temporary: Path, unpack_into: Callable[[Path], Path], name: str, sha256: str, verified: str
) -> dict[str, str]:
    """Unpack into `temporary` and write source.json there; returns its content. AnalyzerError when that fails."""
    (temporary / "content").mkdir()
    try:
        tree = unpack_into(temporary / "content")
    except CommandError as error:
        raise AnalyzerError(
            f"{name} cannot be unpacked: {error.last_line}",
            failure_remedy(error.output) or "Check that it is complete.",
        ) from None
    if not (tree / "configure").is_file():
        raise AnalyzerError(
            f"{name} contains no configure: it is not a source tree of QEMU.",
            "Give a source tree or tarball of QEMU.",
        )
    source = SourceTree(_version_label(tree), name, sha256, verified, tree.relative_to(temporary))
    facts = {key: str(value) for key, value in asdict(source).items()}
    write_json(temporary / _SOURCE_FILE, facts)
    return facts


def _version_label(tree: Path) -> str:
    """The content of the file VERSION, made usable as a file name of at most 40 characters."""
    try:
        version = read_bounded(tree / "VERSION", 1000).strip()
    except OSError:
        version = ""
    return re.sub(r"[^\w.+-]", "-", version)[:40] or "unknown"
