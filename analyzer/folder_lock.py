"""Locks an output folder for one run, and says who holds the lock. The kernel releases it at any death."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.files import check_own_folder
from analyzer.text import visible

_LOCK_FILE = "recording.lock"
_LARGEST = 1 << 16  # bytes read of a lock file
_READER_SECONDS = 0.5  # a reader holds a shared lock for a moment
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True)
class LockHolder:
    """The process that writes into a folder: its id, its command line, and its start in local time.

    `pid` is 0 where the lock file does not say.
    """

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        """As in "process 17 (analyze startup), since 2024-05-01 12:00:00"."""
        return f"process {self.pid} ({visible(self.command)}), since {self.since}" if self.pid else "a process"


@contextmanager
def locked_folder(folder: Path, mode: int = 0o777) -> Iterator[None]:
    """Create `folder`, and hold its lock during the block; afterwards an empty folder is removed.

    `mode` has the permissions of a new folder, which the umask does not change unless it is 0o777, the default.

    AnalyzerError when another run holds the lock, and says which; when the folder cannot be written to; or when
    another user made it in a place where everybody may write.
    """
    check_own_folder(folder)
    if folder.exists() and not folder.is_dir():
        raise AnalyzerError(f"{folder} is a file, not a folder.", "Choose another folder with --out.")
    try:
        _make(folder, mode)
        lock = _lock(folder / _LOCK_FILE)
    except OSError as error:
        raise AnalyzerError(
            f"{folder} cannot be written to: {error.strerror}.", "Choose another folder with --out."
        ) from None
    if lock is None:
        raise _locked_error(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / _LOCK_FILE).unlink()
        os.close(lock)
        with suppress(OSError):
            folder.rmdir()


def _make(folder: Path, mode: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        return
    if mode != 0o777:
        folder.chmod(mode)


def check_not_locked(folder: Path) -> None:
    """Raise AnalyzerError, which says who records, when a run holds the lock of `folder`."""
    if holder_of(folder) is not None:
        raise _locked_error(folder)


def holder_of(folder: Path) -> LockHolder | None:
    """Who holds the lock of `folder`; None when nobody does, or the folder cannot be read."""
    try:
        lock = os.open(folder / _LOCK_FILE, os.O_RDONLY | _FLAGS)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(os.read(lock, _LARGEST))
    except OSError:
        return None
    finally:
        os.close(lock)
    return None


def _locked_error(folder: Path) -> AnalyzerError:
    holder = holder_of(folder) or LockHolder(0, "", "")
    return AnalyzerError(
        f"{folder} is in use: {holder} records into it.", "Wait for its end, or choose another folder with --out."
    )


def _holder(content: bytes) -> LockHolder:
    try:
        return LockHolder(**json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return LockHolder(0, "", "")


def _lock(path: Path) -> int | None:
    """The descriptor that holds the lock; None when another process holds it. OSError for no regular file."""
    deadline = time.monotonic() + _READER_SECONDS
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o644)
        try:
            if _is_locked_now(lock, path):
                _name_holder(lock)
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)


def _is_locked_now(lock: int, path: Path) -> bool:
    """Try to lock the file; False when it is locked, or was removed by the run that ended just now."""
    status = os.fstat(lock)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise OSError(0, f"{_LOCK_FILE} is not a regular file with one name")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(path.lstat(), status)
    except (BlockingIOError, FileNotFoundError):
        return False


def _name_holder(lock: int) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = LockHolder(os.getpid(), shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:1000], since)
    os.ftruncate(lock, 0)
    os.write(lock, json.dumps(asdict(holder)).encode("ascii"))
