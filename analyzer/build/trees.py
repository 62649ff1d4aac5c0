"""A tree that the user has: what of it is source, and a clean copy. The tree itself is only read."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analyzer.build.cache import Cache
from analyzer.build.certificate import read_facts, write_facts
from analyzer.build.tell import Tell
from analyzer.errors import AnalyzerError

_BUILT_HERE = (
    "config-host.mak",
    "config.log",
    "build.ninja",
)  # left behind by a configure that ran inside the tree
_NOT_SOURCE = (".o", ".a", ".so", ".pyc", ".d")


@dataclass(frozen=True)
class LocalTree:
    """A folder with sources. `commit` "" when it is no git checkout; `dirty` when it differs from its commit."""

    folder: Path
    files: tuple[str, ...]
    commit: str
    dirty: bool

    @property
    def origin(self) -> str:
        """What the birth certificate says of it."""
        if not self.commit:
            return "a folder of the user's"
        return f"git commit {self.commit}" + (", with changes that are in no commit" if self.dirty else "")


def look_at(folder: Path) -> LocalTree:
    """The sources in `folder`. AnalyzerError when it is no tree of QEMU."""
    if not (folder / "configure").is_file():
        raise AnalyzerError(
            f"{folder} has no configure: it is no source tree of QEMU.", "Give the top folder of the tree."
        )
    commit = _git(folder, "rev-parse", "HEAD")
    top = _git(folder, "rev-parse", "--show-toplevel")
    if commit is None or top is None or Path(top.strip()).resolve() != folder.resolve():
        return LocalTree(folder, tuple(sorted(_all_files(folder))), "", False)
    dirty = bool(_git(folder, "status", "--porcelain"))
    names = _git(folder, "ls-files", "-z", "--cached", "--recurse-submodules") or ""
    names += _git(folder, "ls-files", "-z", "--others", "--exclude-standard") or ""
    present = {name for name in names.split("\0") if name and os.path.lexists(folder / name)}
    return LocalTree(folder, tuple(sorted(present)), commit.strip(), dirty)


def digest_of(tree: LocalTree, cache: Cache) -> str:
    """The sha256 over names, rights and contents. Contents are read again only when a file changed."""
    stamp = hashlib.sha256(str(tree.folder.resolve()).encode())
    for name in tree.files:
        status = (tree.folder / name).lstat()
        stamp.update(
            f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_mode}\n".encode(errors="surrogateescape")
        )
    memo = cache.sources / "trees.json"
    known = read_facts(memo) or {}
    if stamp.hexdigest() not in known:
        known[stamp.hexdigest()] = _digest_contents(tree)
        write_facts(memo, known)
    return str(known[stamp.hexdigest()])


def copy(tree: LocalTree, target: Path, tell: Tell) -> None:
    """Copy the sources into `target`, times included, so that make does not find them newer than they are."""
    total = len(tree.files)
    for count, name in enumerate(tree.files):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.folder / name, target / name, follow_symlinks=False)
        if count % 500 == 0:
            tell.progress("Copying the tree", count, total, "files")


def _digest_contents(tree: LocalTree) -> str:
    summed = hashlib.sha256()
    for name in tree.files:
        path = tree.folder / name
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()  # noqa: PTH115
        runnable = "x" if not path.is_symlink() and os.access(path, os.X_OK) else "-"
        summed.update(
            f"{name}\0{runnable}\0{hashlib.sha256(content).hexdigest()}\n".encode(errors="surrogateescape")
        )
    return summed.hexdigest()


def _all_files(folder: Path) -> Iterator[str]:
    """Files below a folder that is no checkout, without what a build has left in it."""
    for here, folders, files in os.walk(folder):
        if Path(here) != folder and any(name in files for name in _BUILT_HERE):
            folders.clear()
            continue
        folders[:] = [name for name in folders if name != ".git"]
        for name in files:
            if name not in _BUILT_HERE and not name.endswith(_NOT_SOURCE):
                yield os.path.relpath(os.path.join(here, name), folder)  # noqa: PTH118 - many thousands of them


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails or is not there."""
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="surrogateescape", check=False, timeout=120
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
