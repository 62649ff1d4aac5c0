"""The folders of the cache (downloads, sources, tools, builds), and locks between processes that use them."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from analyzer.build.progress import Reporter
from analyzer.errors import AnalyzerError
from analyzer.files import cache_folder, check_own_folder, without_links

_BUILDS_LOCK = "users"  # the lock that every running build holds
_UNSUPPORTED_CHARACTER = re.compile(r"[^\w/.,+@%=~^-]")


@dataclass(frozen=True)
class Cache:
    """The cache folder; everything in it can be downloaded or built again."""

    folder: Path

    @classmethod
    def default(cls) -> Cache:
        """`qemu-callchain` below $XDG_CACHE_HOME, else below ~/.cache.

        AnalyzerError when the path has characters that QEMU's configure or make cannot handle.
        """
        folder = cache_folder()
        if not folder.is_absolute() or _UNSUPPORTED_CHARACTER.search(str(folder)):
            raise AnalyzerError(
                f"QEMU cannot be built in {folder}: its configure and make need a path without spaces and colons.",
                "Set XDG_CACHE_HOME to another folder.",
            )
        return cls(folder)

    @property
    def downloads(self) -> Path:
        """Tarballs and source packages as they were downloaded."""
        return self.folder / "downloads"

    @property
    def sources(self) -> Path:
        """Unpacked trees, each with a `source.json` that states its origin."""
        return self.folder / "sources"

    @property
    def builds(self) -> Path:
        """Builds by name; one with a `build.json` is complete."""
        return self.folder / "builds"

    @property
    def tools(self) -> Path:
        """Private virtual environments and the private Python 2.7."""
        return self.folder / "tools"

    @property
    def logs(self) -> Path:
        """Output of configure, make, ninja, pip and apt."""
        return self.folder / "logs"

    def with_cache_placeholder(self, text: str) -> str:
        """`text` with the path of this folder replaced by `$CACHE`, so that it is the same on every host."""
        return text.replace(str(self.folder), "$CACHE")

    @contextmanager
    def lock(self, name: str, reporter: Reporter | None) -> Iterator[None]:
        """Hold the lock `name` during the block, after waiting for another process that holds it.

        `reporter` reports the wait; with None BlockingIOError is raised instead of waiting.
        """
        with self._lock_file(name) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if reporter is None:
                    raise
                reporter.say(f"Waiting for another process that builds {name}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_locked(self, name: str) -> bool:
        """Whether a process holds the lock `name`. PermissionError in the cache of another user."""
        if not (self._locks / name).exists():  # do not create the file
            return False
        with self._lock_file(name) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def shared_lock(self) -> Iterator[None]:
        """Hold a shared lock during the block, so that nothing that a build needs is pruned."""
        with self._lock_file(_BUILDS_LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def exclusive_lock(self) -> Iterator[bool]:
        """Yield True when no build is running, and prevent one during the block; yield False when one is."""
        with self._lock_file(_BUILDS_LOCK) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _lock_file(self, name: str) -> TextIO:
        check_own_folder(self.folder)
        self._locks.mkdir(parents=True, exist_ok=True)
        return open(self._locks / name, "a", encoding="utf-8", opener=without_links)

    @property
    def _locks(self) -> Path:
        return self.folder / "locks"

    @contextmanager
    def replacing_folder(self, folder: Path) -> Iterator[Path]:
        """Yield a temporary folder that replaces `folder` at the end of the block; an exception deletes it."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            if folder.exists():
                remove(folder)
            temporary.rename(folder)
        except BaseException:
            remove(temporary)
            raise


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content, whatever its permissions. OSError when that fails."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(0o700)
    for folder, folders, _ in os.walk(path):
        for name in folders:  # before os.walk enters them
            if not Path(folder, name).is_symlink():
                Path(folder, name).chmod(0o700)
    shutil.rmtree(path)
