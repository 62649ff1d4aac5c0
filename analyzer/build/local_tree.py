"""Finds the source files of the user's tree, computes their digest and copies them. The tree is only read."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.adapters.git import git_output
from analyzer.build.cache import Cache
from analyzer.build.progress import Reporter
from analyzer.build.provenance import read_json, write_json
from analyzer.errors import AnalyzerError

_BUILD_FOLDER_FILES = ("config-host.mak", "build.ninja")  # a folder with one of these is a build folder
_BUILD_LEFTOVERS = (*_BUILD_FOLDER_FILES, "config.log")
_MAX_CACHED_DIGESTS = 100  # entries of trees.json
_OBJECT_SUFFIXES = (".o", ".a", ".so", ".pyc", ".d")


@dataclass(frozen=True)
class LocalTree:
    """The source files of a tree: paths relative to `folder`, sorted.

    `commit` is a full hash, "" when `folder` is no git checkout. `uncommitted` says what is in no commit, as the
    end of a sentence, or "".
    """

    folder: Path
    files: tuple[str, ...]
    commit: str = ""
    uncommitted: str = ""

    @property
    def origin(self) -> str:
        """The origin of the sources, for the build provenance."""
        return f"git commit {self.commit}{self.uncommitted}" if self.commit else "a folder of the user's"


def find_sources(folder: Path, cache: Cache) -> LocalTree:
    """Find the source files in `folder`.

    In a git checkout: what git tracks or does not ignore, submodules included, and downloaded subprojects.
    Elsewhere: all files that are not left by a build. Files of the cache are never included.
    AnalyzerError when there is no configure, a file cannot be read, or a link leads out of the tree.
    """
    if not (folder / "configure").is_file():
        raise AnalyzerError(
            f"{folder} has no configure: it is not a source tree of QEMU.", "Give the top folder of the tree."
        )
    commit, top = git_output(folder, "rev-parse", "HEAD"), git_output(folder, "rev-parse", "--show-toplevel")
    if commit is None or top is None or Path(top.removesuffix("\n")).resolve() != folder.resolve():
        return LocalTree(folder, _source_files(folder, _all_files(folder), cache))
    names = set(_checkout_files(folder))
    subprojects = set(_downloaded_subprojects(folder, names))
    # the options override the user's configuration; when git fails, the tree counts as changed
    changes = git_output(folder, "status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
    uncommitted = ", with changes that are in no commit" if changes != "" else ""
    uncommitted += ", with subprojects that were downloaded" if subprojects else ""
    return LocalTree(folder, _source_files(folder, names | subprojects, cache), commit.strip(), uncommitted)


def metadata_digest(tree: LocalTree) -> str:
    """A sha256 over names, sizes, times (ctime included), inodes and modes; it reads no contents."""
    digest = hashlib.sha256(os.fsencode(tree.folder.resolve()))
    for name in tree.files:
        status = os.lstat(f"{tree.folder}/{name}")
        status_text = (
            f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {status.st_mode}"
        )
        digest.update(os.fsencode(f"{name}\0{status_text}\n"))
    return digest.hexdigest()


def content_digest(tree: LocalTree, cache: Cache) -> str:
    """The sha256 over names, executable bits and contents, hexadecimal.

    Cached in trees.json by `metadata_digest`, so that contents are read again only after a change.
    """
    digest = metadata_digest(tree)
    cache_file = cache.sources / "trees.json"
    known = read_json(cache_file) or {}
    if digest not in known:
        known[digest] = _content_digest(tree)
        write_json(cache_file, dict(list(known.items())[-_MAX_CACHED_DIGESTS:]))
    return str(known[digest])


def copy_tree(tree: LocalTree, target: Path, digest: str, reporter: Reporter) -> None:
    """Copy the source files into `target`, with their times, because make compares them.

    AnalyzerError when the copy has another digest than `digest`: the tree changed during the copy.
    """
    for count, name in enumerate(tree.files):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.folder / name, target / name, follow_symlinks=False)
        if count % 500 == 0:
            reporter.progress("Copying the tree", count, len(tree.files), "files")
    if _content_digest(replace(tree, folder=target)) != digest:
        raise AnalyzerError(f"{tree.folder} changed while it was copied.", "Try again when nothing writes there.")


def _content_digest(tree: LocalTree) -> str:
    checksum = hashlib.sha256()
    for name in tree.files:
        path = tree.folder / name
        content = os.readlink(os.fsencode(path)) if path.is_symlink() else path.read_bytes()
        executable = "x" if not path.is_symlink() and path.stat().st_mode & stat.S_IXUSR else "-"
        checksum.update(os.fsencode(f"{name}\0{executable}\0{hashlib.sha256(content).hexdigest()}\n"))
    return checksum.hexdigest()


def _source_files(folder: Path, names: Iterable[str], cache: Cache) -> tuple[str, ...]:
    """The regular files and links among `names`, sorted. AnalyzerError for a link that leads out of the tree."""
    top, cache_prefix = str(folder), f"{cache.folder}/"
    linked: dict[str, bool] = {"": False}

    def through_a_link(below: str) -> bool:
        if below not in linked:
            linked[below] = os.path.islink(f"{top}/{below}") or through_a_link(os.path.dirname(below))
        return linked[below]

    def is_source(name: str) -> bool:
        path = f"{top}/{name}"
        try:
            mode = os.lstat(path).st_mode
        except OSError:  # deleted, or its folder is a file now
            return False
        if through_a_link(os.path.dirname(name)) or path.startswith(cache_prefix):
            return False
        return _stays_inside(Path(path), folder) if stat.S_ISLNK(mode) else stat.S_ISREG(mode)

    return tuple(sorted(name for name in set(names) if is_source(name)))


def _stays_inside(link: Path, folder: Path) -> bool:
    """Whether a link leads to a place in `folder`; False for a build folder elsewhere, else AnalyzerError."""
    if link.resolve().is_relative_to(folder.resolve()):
        return True
    if any((link / name).exists() for name in _BUILD_FOLDER_FILES):
        return False  # a build folder elsewhere
    raise AnalyzerError(
        f"{link} is a link that leads out of the tree: its target is not copied.",
        "Replace the link by its target, or remove it.",
    )


def _all_files(folder: Path, below: str = "") -> Iterator[str]:
    """Files and links below a folder that is no checkout, without the output of builds."""

    def refuse(error: OSError) -> None:
        raise AnalyzerError(f"{error.filename} cannot be read: {error.strerror}.", "Make the whole tree readable.")

    for current, folders, files in os.walk(folder / below, onerror=refuse):
        if Path(current) != folder and any(name in files for name in _BUILD_FOLDER_FILES):
            folders.clear()
            continue
        links = [name for name in folders if Path(current, name).is_symlink()]
        folders[:] = [name for name in folders if name != ".git"]
        for name in (*files, *links):
            if name not in _BUILD_LEFTOVERS and not name.endswith(_OBJECT_SUFFIXES):
                yield os.path.relpath(os.path.join(current, name), folder)


def _checkout_files(folder: Path, below: str = "") -> Iterator[str]:
    """Files that git tracks or does not ignore, in `folder`, its submodules and repositories inside it."""
    current = folder / below
    listed = [*_git_files(current, "--cached"), *_git_files(current, "--others", "--exclude-standard")]
    for name in dict.fromkeys(listed):
        path = f"{current}/{name}"
        if os.path.islink(path) or not os.path.isdir(path):
            yield f"{below}/{name}" if below else name
        elif os.path.exists(f"{path}/.git"):
            yield from _checkout_files(folder, os.path.relpath(path, folder))
        else:  # a submodule without .git, or an empty folder
            yield from _all_files(folder, os.path.relpath(path, folder))


def _downloaded_subprojects(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Files of the subprojects that git ignores: meson has downloaded them, and the build needs them."""
    there = {Path(name).parts[1] for name in names if name.startswith("subprojects/")}
    for part in sorted((folder / "subprojects").glob("*/")):
        if part.is_dir() and not part.is_symlink() and part.name not in {*there, "packagecache"}:
            yield from _all_files(folder, f"subprojects/{part.name}")


def _git_files(folder: Path, *arguments: str) -> list[str]:
    """The paths that `git ls-files` prints, relative to `folder`; [] when git fails."""
    return (git_output(folder, "ls-files", "-z", *arguments) or "").split("\0")[:-1]
