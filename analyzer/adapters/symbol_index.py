"""The symbol indexes that gdb writes of a program and its libraries, kept in the cache for later runs.

With the index of a program gdb reads its symbols in a fraction of the time ("Index Files Speed Up GDB" of gdb's
manual). gdb names an index after the build-id and believes its content. So each program has a folder that only
this user can enter, with a list of the indexes: the digest of each, and the debug file it was made of. What is
not on the list, or differs from it, is removed before gdb starts to read.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from analyzer.adapters.bounded_files import read_bounded
from analyzer.files import own_cache_folder, replace_file
from analyzer.strict_json import parse_json

FOLDER_NAME = "gdb-index"  # in the cache
OFF_VARIABLE = "CALLCHAIN_NO_SYMBOL_INDEX"  # of the environment; any value but "" turns the indexes off
_LIST = "indexes.json"
_LIST_SCHEMA = 1
_LARGEST_LIST = 1 << 20  # bytes
_SUFFIX = ".gdb-index"
_SMALLEST_PROGRAM = 4 << 20  # bytes; gdb reads the symbols of a smaller one at once
_LARGEST_INDEX = 1 << 30  # bytes
_MOST_BYTES = 256 << 20  # of the indexes of all programs; a QEMU has 8 MiB with its libraries
_UNUSED_SECONDS = 90 * 24 * 3600.0
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BUILD_ID_NOTE = 3  # NT_GNU_BUILD_ID of elf.h
_NOTES = 4  # PT_NOTE


@dataclass(frozen=True)
class SymbolFile:
    """A file that gdb reads symbols from. `identity` tells the file from another with the same build-id.

    A program and its separate debug file have the same build-id.
    """

    build_id: str
    path: str
    identity: str  # "" for a file that does not exist, such as the vDSO


@dataclass(frozen=True)
class _Index:
    """What the list says about an index: digest of its content, and the identities of the files it belongs to.

    There are none for an alternate debug file of dwz, which gdb does not list, and for a library that gdb had
    already forgotten.
    """

    sha256: str
    files: tuple[str, ...]


class SymbolIndex:
    """The indexes of one program, in a folder of its own that gdb reads and adds to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed = dict(_verified(folder))

    @classmethod
    def of(cls, program: Path, gdb: str) -> SymbolIndex | None:
        """The verified indexes of `program` for the gdb at the path `gdb`.

        None when they are turned off, the program is small or has no build-id, or the cache is not safe to use:
        gdb then reads the symbols themselves. Raises nothing.
        """
        if os.environ.get(OFF_VARIABLE):
            return None
        try:
            if program.stat().st_size < _SMALLEST_PROGRAM or not (build_id := build_id_of(program)):
                return None
            status = Path(gdb).stat()
            version = hashlib.sha256(f"{os.path.realpath(gdb)} {status.st_size} {status.st_mtime_ns}".encode())
            folder = own_cache_folder(FOLDER_NAME, f"{build_id}-{version.hexdigest()[:8]}")
            with _locked(folder):
                return cls(folder)
        except (OSError, ValueError):
            return None

    def differing(self, files: Sequence[SymbolFile]) -> list[str]:
        """The paths of those `files` whose index was made of another file with the same build-id."""
        indexes = ((file, self._listed.get(file.build_id + _SUFFIX)) for file in files if file.identity)
        return [file.path for file, index in indexes if index and index.files and file.identity not in index.files]

    def discard(self) -> None:
        """Remove all indexes of this program. Raises nothing."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def add_new(self, files: Sequence[SymbolFile]) -> None:
        """List what gdb has written since; remove the indexes of other programs that are old or too many.

        `files` are those that gdb had read when it ended. Raises nothing: what is not listed is written again.
        """
        identities: dict[str, set[str]] = {}
        for file in filter(lambda file: file.identity, files):
            identities.setdefault(file.build_id + _SUFFIX, set()).add(file.identity)
        with suppress(OSError, ValueError), _locked(self.folder):
            listed = {**_read_list(self.folder), **self._listed}
            new = [path for path in _indexes(self.folder) if path.name not in listed]
            for path in new:
                listed[path.name] = _Index(_digest(path), ())
            unknown = [name for name, index in listed.items() if not index.files and name in identities]
            for name in unknown:
                listed[name] = replace(listed[name], files=tuple(sorted(identities[name])))
            if new or unknown:
                text = {"schema": _LIST_SCHEMA, "indexes": {name: asdict(i) for name, i in listed.items()}}
                replace_file(self.folder / _LIST, json.dumps(text, indent=1, sort_keys=True))
                _remove_old(self.folder)
            os.utime(self.folder)


def build_id_of(program: Path) -> str:
    """The build-id of a 64-bit little-endian ELF file in hexadecimal, from its note segments; "" without one.

    elf(5) has the layouts. The adapter `elf` reads more, and takes longer to import than gdb to start.
    OSError when the file cannot be read.
    """
    with program.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
            return ""
        length_of_file = os.fstat(file.fileno()).st_size
        offset, (size, count) = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<HH", header, 54)
        if offset > length_of_file:  # it is damaged
            return ""
        file.seek(offset)
        table = file.read(size * count)
        for start in range(0, len(table) - 55, max(size, 56)):
            kind, begin, length = struct.unpack_from("<I4xQ16xQ", table, start)
            if kind == _NOTES and begin <= length_of_file:
                file.seek(begin)
                if build_id := _build_id_note(file.read(min(length, 1 << 16))):
                    return build_id
    return ""


def _build_id_note(notes: bytes) -> str:
    while len(notes) >= 12:
        name_size, size, kind = struct.unpack_from("<III", notes)
        content = 12 + (name_size + 3 & ~3)
        if kind == _BUILD_ID_NOTE and notes[12 : 12 + name_size] == b"GNU\0":
            return notes[content : content + size].hex()
        notes = notes[content + (size + 3 & ~3) :]
    return ""


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder during the block. BlockingIOError when another run holds it."""
    descriptor = os.open(folder, _OPEN_FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _verified(folder: Path) -> Iterator[tuple[str, _Index]]:
    """Name and entry of each index that is as the list says; every other file of the folder is removed."""
    listed = {} if (folder / _LIST).is_symlink() else _read_list(folder)
    for path in sorted(folder.iterdir()):
        if path.name == _LIST and not path.is_symlink():
            continue
        index = listed.get(path.name)
        if index is not None and _digest(path) == index.sha256:
            yield path.name, index
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _indexes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIX))


def _read_list(folder: Path) -> Mapping[str, _Index]:
    """The list of the indexes by file name; empty when it is missing or damaged."""
    try:
        data = parse_json(read_bounded(folder / _LIST, _LARGEST_LIST, "strict"))
        if data["schema"] != _LIST_SCHEMA:
            return {}
        entries = data["indexes"].items()
        return {str(name): _Index(str(entry["sha256"]), tuple(entry["files"])) for name, entry in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _digest(path: Path) -> str:
    """The digest of a regular file of ours; "" for anything else, which no list has."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        status = os.fstat(descriptor)
        own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
        if not own or status.st_size > _LARGEST_INDEX:
            return ""
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return hashlib.sha256(file.read()).hexdigest()
    finally:
        os.close(descriptor)


def _remove_old(own: Path) -> None:
    """Remove folders of other programs: unused for long, and the longest unused while all have too many bytes."""
    used = {folder: folder.lstat().st_mtime for folder in own.parent.iterdir()}
    newest_first = sorted(used, key=lambda folder: (folder == own, used[folder]), reverse=True)
    total = 0
    for folder in newest_first:
        total += sum(path.lstat().st_size for path in folder.iterdir())
        unused = time.time() - used[folder] > _UNUSED_SECONDS
        if folder != own and (unused or total > _MOST_BYTES):
            shutil.rmtree(folder, ignore_errors=True)
