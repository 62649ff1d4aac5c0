"""From what the user wants to an unpacked tree in the cache, whose origin and digest are known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from analyzer.adapters.process import CommandContext, CommandError, run
from analyzer.build import apt, download, local_tree
from analyzer.build.cache import Cache, remove
from analyzer.build.host_packages import check_requirements, known_cure
from analyzer.build.progress import Reporter
from analyzer.build.provenance import read_facts, write_facts
from analyzer.build.releases import tarballs
from analyzer.build.request import BuildRequest, LocalSource, Release, SourcePackage
from analyzer.build.unpack import unpack
from analyzer.errors import AnalyzerError

_FACTS = "source.json"
_ASKED = "packages.json"  # which file a question for a source package got, and its digest
_PACKAGE = "qemu"


@dataclass(frozen=True)
class SourceTree:
    """A tree. `name` is what it came as, `sha256` of its content, `verified` says against what."""

    label: str  # the version it says it has
    name: str
    sha256: str
    verified: str
    tree: Path


def obtain_source(request: BuildRequest, cache: Cache, reporter: Reporter) -> SourceTree:
    """The tree, fetched, checked and unpacked when the cache has none. AnalyzerError with the next step."""
    match request:
        case Release():
            return _from_release(request, cache, reporter)
        case SourcePackage():
            return _from_package(request, cache, reporter)
        case LocalSource() if request.path.is_dir():
            return _from_folder(request.path, cache, reporter)
        case LocalSource():
            return _from_users_tarball(request, cache, reporter)


def _from_release(request: Release, cache: Cache, reporter: Reporter) -> SourceTree:
    got = download.fetch(tarballs(request), cache, reporter)
    try:
        return _from_tarball(got.path, got.sha256, got.verified, cache, reporter)
    except AnalyzerError:
        if not got.vouched:  # whatever the server sent: the next try shall ask again
            got.path.unlink(missing_ok=True)
        raise


def _from_users_tarball(request: LocalSource, cache: Cache, reporter: Reporter) -> SourceTree:
    try:
        before = _moment(request.path)
        sha256 = download.digest(request.path)
    except OSError as error:
        raise AnalyzerError(
            f"{request.path} cannot be read: {error.strerror}.", "Give a folder or a tarball."
        ) from None
    if request.sha256 and sha256 != request.sha256:
        raise download.wrong_sum(request.path, request.sha256, sha256)
    verified = "against the sha256 the user gave" if request.sha256 else "a file of the user's"
    source = _from_tarball(request.path, sha256, verified, cache, reporter)
    if _moment(request.path) != before:
        remove(cache.sources / sha256[:16])
        raise AnalyzerError(
            f"{request.path} changed while it was unpacked.", "Try again when nothing writes there."
        )
    return source


def _moment(path: Path) -> tuple[int, int]:
    """Another one when somebody has written to the file, or put another in its place."""
    facts = path.stat()
    return facts.st_ctime_ns, facts.st_ino


def _from_tarball(path: Path, sha256: str, verified: str, cache: Cache, reporter: Reporter) -> SourceTree:
    def fill(folder: Path) -> Path:
        reporter.say(f"Unpacking {path.name}")
        return unpack(path, folder, reporter)

    return _provide(path.name, sha256, verified, fill, cache, reporter)


def _from_folder(path: Path, cache: Cache, reporter: Reporter) -> SourceTree:
    tree = local_tree.look_at(path.resolve(), cache)
    digest = local_tree.digest_of(tree, cache)

    def fill(folder: Path) -> Path:
        reporter.say(f"Copying {path}")
        local_tree.copy(tree, folder, digest, reporter)
        return folder

    return _provide(tree.folder.name, digest, tree.origin, fill, cache, reporter)


def _from_package(request: SourcePackage, cache: Cache, reporter: Reporter) -> SourceTree:
    log = cache.logs / "apt.log"
    description = None if request.update else _downloaded(request, cache)
    if description is None:
        with cache.lock("apt", reporter):
            description = apt.fetch_source(_PACKAGE, request, cache, log, reporter)
        answer = {"file": description.name, "sha256": download.digest(description)}
        write_facts(cache.downloads / _ASKED, {**_asked(cache), _question(request): answer})

    def fill(folder: Path) -> Path:
        check_requirements(["package"])
        reporter.say(f"Unpacking {description.name} and applying the distribution's patches")
        run(["dpkg-source", "--extract", str(description), str(folder / "tree")], folder, CommandContext(log))
        return folder / "tree"

    return _provide(description.name, download.digest(description), apt.VERIFIED, fill, cache, reporter)


def _downloaded(request: SourcePackage, cache: Cache) -> Path | None:
    """The source package that the same question got before, when it still is the file that apt vouched for."""
    answer = _asked(cache).get(_question(request))
    path = cache.downloads / answer["file"] if answer else None
    return path if answer and path and path.is_file() and download.digest(path) == answer["sha256"] else None


def _question(request: SourcePackage) -> str:
    return f"{request.origin or 'distribution'} {request.version}".strip()


def _asked(cache: Cache) -> dict[str, dict[str, str]]:
    return read_facts(cache.downloads / _ASKED) or {}


def _provide(
    name: str, sha256: str, verified: str, fill: Callable[[Path], Path], cache: Cache, reporter: Reporter
) -> SourceTree:
    """The unpacked tree of this digest; `fill` puts it into an empty folder and says where in there it is."""
    folder = cache.sources / sha256[:16]
    with cache.lock(f"source-{sha256[:16]}", reporter):
        facts = read_facts(folder / _FACTS)
        if facts is None or not (folder / facts["tree"] / "configure").is_file():
            with cache.made_whole(folder) as fresh:
                facts = _unpacked(fresh, fill, name, sha256, verified)
    # who vouches for it may differ from the time it was unpacked
    return SourceTree(facts["label"], name, sha256, verified, folder / facts["tree"])


def _unpacked(fresh: Path, fill: Callable[[Path], Path], name: str, sha256: str, verified: str) -> dict[str, str]:
    (fresh / "content").mkdir()
    try:
        tree = fill(fresh / "content")
    except CommandError as error:
        raise AnalyzerError(
            f"{name} cannot be unpacked: {error.last_line}",
            known_cure(error.output) or "Is it whole?",
        ) from None
    if not (tree / "configure").is_file():
        raise AnalyzerError(
            f"{name} holds no configure: it is no source of QEMU.", "Give a source tree or tarball of QEMU."
        )
    source = SourceTree(_label(tree), name, sha256, verified, tree.relative_to(fresh))
    facts = {key: str(value) for key, value in asdict(source).items()}
    write_facts(fresh / _FACTS, facts)
    return facts


def _label(tree: Path) -> str:
    """The version the tree says it has, fit for a file name."""
    try:
        version = (tree / "VERSION").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        version = ""
    return re.sub(r"[^\w.+-]", "-", version)[:40] or "unknown"
