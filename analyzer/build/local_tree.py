"""A tree that the user has: what of it is source, and a clean copy. The tree itself is only read."""

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

_BUILD_FOLDER_FILES = ("config-host.mak", "build.ninja")  # a build lies where one of these does
_BUILD_LEFTOVERS = (*_BUILD_FOLDER_FILES, "config.log")
_MAX_CACHED_DIGESTS = 100  # digests of trees
_OBJECT_SUFFIXES = (".o", ".a", ".so", ".pyc", ".d")


@dataclass(frozen=True)
class LocalTree:
    """A folder with sources. `commit` "" when it is no git checkout; `uncommitted`: what is in no commit."""

    folder: Path
    files: tuple[str, ...]
    commit: str = ""
    uncommitted: str = ""

    @property
    def origin(self) -> str:
        """What the birth certificate says of it."""
        return f"git commit {self.commit}{self.uncommitted}" if self.commit else "a folder of the user's"


def find_sources(folder: Path, cache: Cache) -> LocalTree:
    """The sources in `folder`. AnalyzerError when it is no tree of QEMU, or part of it cannot be had."""
    if not (folder / "configure").is_file():
        raise AnalyzerError(
            f"{folder} has no configure: it is no source tree of QEMU.", "Give the top folder of the tree."
        )
    commit, top = git_output(folder, "rev-parse", "HEAD"), git_output(folder, "rev-parse", "--show-toplevel")
    if commit is None or top is None or Path(top.removesuffix("\n")).resolve() != folder.resolve():
        return LocalTree(folder, _source_files(folder, _all_files(folder), cache))
    names = set(_checkout_files(folder))
    subprojects = set(_downloaded_subprojects(folder, names))
    # whatever the user's configuration hides; and a git that cannot tell has not said that it is clean
    changes = git_output(folder, "status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
    uncommitted = ", with changes that are in no commit" if changes != "" else ""
    uncommitted += ", with subprojects that were downloaded" if subprojects else ""
    return LocalTree(folder, _source_files(folder, names | subprojects, cache), commit.strip(), uncommitted)


def metadata_digest(tree: LocalTree) -> str:
    """Changes when a file does, whatever is done to its times; costs no reading of contents."""
    digest = hashlib.sha256(os.fsencode(tree.folder.resolve()))
    for name in tree.files:
        status = os.lstat(f"{tree.folder}/{name}")
        status_text = (
            f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {status.st_mode}"
        )
        digest.update(os.fsencode(f"{name}\0{status_text}\n"))
    return digest.hexdigest()


def content_digest(tree: LocalTree, cache: Cache) -> str:
    """The sha256 over names, rights and contents. Contents are read again only when a file changed."""
    digest = metadata_digest(tree)
    cache_file = cache.sources / "trees.json"
    known = read_json(cache_file) or {}
    if digest not in known:
        known[digest] = _content_digest(tree)
        write_json(cache_file, dict(list(known.items())[-_MAX_CACHED_DIGESTS:]))
    return str(known[digest])


def copy_tree(tree: LocalTree, target: Path, digest: str, reporter: Reporter) -> None:
    """Copy the sources into `target`, times included, so that make does not find them newer than they are.

    AnalyzerError when what was copied has not the `digest`: somebody wrote there meanwhile.
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
    """Files and links, sorted. AnalyzerError for a link that leads out of the tree, where nothing is copied."""
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
        except OSError:  # deleted, or a file stands where its folder was
            return False
        if through_a_link(os.path.dirname(name)) or path.startswith(cache_prefix):
            return False
        return _stays_inside(Path(path), folder) if stat.S_ISLNK(mode) else stat.S_ISREG(mode)

    return tuple(sorted(name for name in set(names) if is_source(name)))


def _stays_inside(link: Path, folder: Path) -> bool:
    if link.resolve().is_relative_to(folder.resolve()):
        return True
    if any((link / name).exists() for name in _BUILD_FOLDER_FILES):
        return False  # a build folder elsewhere
    raise AnalyzerError(
        f"{link} is a link that leads out of the tree: what lies there is not copied.",
        "Put the content in its place, or remove the link.",
    )


def _all_files(folder: Path, below: str = "") -> Iterator[str]:
    """Files and links below a folder that is no checkout, without what a build has left in it."""

    def refuse(error: OSError) -> None:
        raise AnalyzerError(
            f"{error.filename} cannot be read: {error.strerror}.", "All of the tree must be readable."
        )

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
    """What git knows, and what it does not ignore; submodules and repositories inside, where they are there."""
    current = folder / below
    listed = [*_git_files(current, "--cached"), *_git_files(current, "--others", "--exclude-standard")]
    for name in dict.fromkeys(listed):
        path = f"{current}/{name}"
        if os.path.islink(path) or not os.path.isdir(path):
            yield f"{below}/{name}" if below else name
        elif os.path.exists(f"{path}/.git"):
            yield from _checkout_files(folder, os.path.relpath(path, folder))
        else:  # a submodule that was put there by other means, or an empty folder
            yield from _all_files(folder, os.path.relpath(path, folder))


def _downloaded_subprojects(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Subprojects of which git names nothing: meson downloaded them, git ignores them, the build needs them."""
    there = {Path(name).parts[1] for name in names if name.startswith("subprojects/")}
    for part in sorted((folder / "subprojects").glob("*/")):
        if part.is_dir() and not part.is_symlink() and part.name not in {*there, "packagecache"}:
            yield from _all_files(folder, f"subprojects/{part.name}")


def _git_files(folder: Path, *arguments: str) -> list[str]:
    return (git_output(folder, "ls-files", "-z", *arguments) or "").split("\0")[:-1]
