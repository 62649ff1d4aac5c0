"""Writes files safely where others can write, too: new files, links never followed; and makes scratch folders.

Every file that this program writes for a user goes through here; `gdbscripts/safe_files.py` opens it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.text import expand_user
from gdbscripts.safe_files import create

_SCRATCH = "qemu-callchain-"  # of the names of scratch folders; they lie in TMPDIR
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def cache_folder() -> Path:
    """`qemu-callchain` below $XDG_CACHE_HOME, else below ~/.cache."""
    base = expand_user(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # the XDG Base Directory Specification: ignore a relative path
        base = expand_user("~/.cache")
    return base / "qemu-callchain"


def own_cache_folder(*names: str) -> Path:
    """A folder in the cache whose content this user alone can have written; it is made where it is missing.

    `names` are its name and those above it, without that of the cache. OSError when another user may change it.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _check_only_ours(folder, stat.S_IWOTH)
    for name in names:
        folder /= name
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_only_ours(folder, stat.S_IRWXG | stat.S_IRWXO)
    return folder


def _check_only_ours(folder: Path, forbidden: int) -> None:
    """OSError for a link, a folder of another user, or one with a permission of `forbidden`."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & forbidden:
        raise PermissionError(0, "another user may change it", str(folder))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically; lone surrogates are escaped.

    A new file of a random name is written beside `path` and renamed, so that a link of that name is replaced, not
    followed. AnalyzerError when that fails, and when `path` is a device, a FIFO or a socket.
    """
    write_pieces(path, (text,))


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """As `write_text`, for a text that comes in pieces and is never held as a whole."""
    try:
        replace_file(path, pieces)
    except OSError as error:
        raise AnalyzerError(
            f"{path} cannot be written: {error.strerror}.",
            "Check that its folder exists, is writable and has space left.",
        ) from None


def replace_file(path: Path, pieces: Iterable[str]) -> None:
    """As `write_pieces`, but raises OSError where the file cannot be written."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    part = f".{secrets.token_hex(8)}.part"
    try:
        _check_replaceable(path, folder)
        try:
            with create(part, folder) as file:
                file.writelines(pieces)
            os.replace(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise
    finally:
        os.close(folder)


def _check_replaceable(path: Path, folder: int) -> None:
    """AnalyzerError for what is neither a regular file nor a folder, such as /dev/null, also behind a link."""
    try:
        mode = os.stat(path.name, dir_fd=folder).st_mode
    except OSError:  # nothing there, or a link to nothing
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise AnalyzerError(
            f"{path} is not a regular file; it is kept.", "Name a file, or leave out -o to print the result."
        )


def without_links(path: str, flags: int) -> int:
    """An opener for `open`: raises OSError where `path` is a link, instead of following it."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def check_own_folder(folder: Path) -> None:
    """Raise AnalyzerError when somebody else made `folder`, or a link of this name, where everybody may write.

    In such a place, as /tmp, the name may have been made to get at what this program writes. Folders of root, and
    under sudo those of the user who called it, are not somebody else's.
    """
    try:
        made, above = folder.lstat(), folder.absolute().parent.stat()
    except OSError:
        return
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0 and (caller := os.environ.get("SUDO_UID", "")).isdecimal():
        trusted.add(int(caller))
    if above.st_mode & stat.S_IWOTH and made.st_uid not in trusted:
        what = "link" if stat.S_ISLNK(made.st_mode) else "folder"
        raise AnalyzerError(
            f"{folder} is a {what} that another user (uid {made.st_uid}) made where everybody may write; "
            "nothing is written into it.",
            "Choose another folder.",
        )


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder in TMPDIR that only this user can enter; it is removed at the end of the block.

    Scratch folders of killed runs are removed first: those of this user that no process has locked. The kernel
    releases a lock when its process dies.
    """
    _remove_unlocked(Path(tempfile.gettempdir()))
    folder, lock = _locked_scratch_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked_scratch_folder() -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH))
        try:
            lock = os.open(folder, _FOLDER)
        except FileNotFoundError:  # another run removed it before it was locked
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(folder.lstat(), os.fstat(lock)):
                return folder, lock
        os.close(lock)  # it was removed meanwhile


def _remove_unlocked(parent: Path) -> None:
    for folder in parent.glob(f"{_SCRATCH}*"):
        with suppress(OSError):  # somebody else removes it at the same time
            lock = os.open(folder, _FOLDER)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
            finally:
                os.close(lock)
