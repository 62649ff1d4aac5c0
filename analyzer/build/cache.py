"""Where downloads, sources, tools and builds are kept, and who may work on which of them."""

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
from analyzer.text import expand_user

_BUILDS_LOCK = "users"  # the lock that everybody who builds shares
_UNSUPPORTED_CHARACTER = re.compile(r"[^\w/.,+@%=~^-]")


@dataclass(frozen=True)
class Cache:
    """A folder of ours; everything in it can be made again."""

    folder: Path

    @classmethod
    def default(cls) -> Cache:
        """Below $XDG_CACHE_HOME, else ~/.cache. AnalyzerError for a place where nothing can be built."""
        base = expand_user(os.environ.get("XDG_CACHE_HOME", ""))
        if not base.is_absolute():  # the standard says: such a value is to be ignored
            base = expand_user("~/.cache")
        folder = base / "qemu-callchain"
        if not folder.is_absolute() or _UNSUPPORTED_CHARACTER.search(str(folder)):
            raise AnalyzerError(
                f"QEMU cannot be built in {folder}: its configure and make want a path without spaces and colons.",
                "Set XDG_CACHE_HOME to another folder.",
            )
        return cls(folder)

    @property
    def downloads(self) -> Path:
        """Tarballs and source packages as they came."""
        return self.folder / "downloads"

    @property
    def sources(self) -> Path:
        """Unpacked trees, each with a `source.json` that says where it is from."""
        return self.folder / "sources"

    @property
    def builds(self) -> Path:
        """Builds; one with a `build.json` is finished."""
        return self.folder / "builds"

    @property
    def tools(self) -> Path:
        """Private virtual environments and the private Python 2.7."""
        return self.folder / "tools"

    @property
    def logs(self) -> Path:
        """What configure and make said."""
        return self.folder / "logs"

    def with_cache_placeholder(self, text: str) -> str:
        """`text` with this folder replaced by `$CACHE`: the same on every host."""
        return text.replace(str(self.folder), "$CACHE")

    @contextmanager
    def lock(self, name: str, reporter: Reporter | None) -> Iterator[None]:
        """Only one process at a time works on `name`. Without `tell` BlockingIOError instead of waiting."""
        with self._lock_file(name) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if reporter is None:
                    raise
                reporter.say(f"Waiting for another process that makes {name}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_locked(self, name: str) -> bool:
        """Whether a process works on `name` now. PermissionError in a cache of somebody else."""
        if not (self._locks / name).exists():  # looking leaves nothing behind
            return False
        with self._lock_file(name) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def shared_lock(self) -> Iterator[None]:
        """While somebody builds, the sources and tools stay."""
        with self._lock_file(_BUILDS_LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def exclusive_lock(self) -> Iterator[bool]:
        """True when nobody builds, and nobody begins to while the block runs; False when somebody does."""
        with self._lock_file(_BUILDS_LOCK) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _lock_file(self, name: str) -> TextIO:
        self._locks.mkdir(parents=True, exist_ok=True)
        return (self._locks / name).open("a", encoding="utf-8")

    @property
    def _locks(self) -> Path:
        return self.folder / "locks"

    @contextmanager
    def replacing_folder(self, folder: Path) -> Iterator[Path]:
        """A fresh folder that becomes `folder` when the block ends well, and nothing when it does not."""
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
    """Remove a file, or a folder whatever the rights in it. OSError when it cannot be."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(0o700)
    for folder, folders, _ in os.walk(path):
        for name in folders:  # before they are entered
            if not Path(folder, name).is_symlink():
                Path(folder, name).chmod(0o700)
    shutil.rmtree(path)
