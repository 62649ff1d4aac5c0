"""Lists the entries of the cache, and removes those that nothing needs or that the user names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.symbol_index import FOLDER_NAME as _SYMBOL_INDEXES
from analyzer.build.cache import Cache, remove
from analyzer.build.provenance import PROVENANCE_FILE, UNFINISHED_FILE, read_json
from analyzer.build.python_environment import installed_packages
from analyzer.errors import UsageError

_UNFINISHED_SUFFIXES = (".part", ".part.json", ".rejected")
_IN_PROGRESS = "in progress"
_VERSION_0_1_FOLDER = "qemu-distribution"
_POINTERS = "pointers"  # of analyzer.recording.pointer_cache
_REST = {
    _SYMBOL_INDEXES: "symbols of recorded programs, for gdb",
    _POINTERS: "who set the function pointers of recorded programs",
    _VERSION_0_1_FOLDER: "made by version 0.1.0",
}


@dataclass(frozen=True)
class CacheEntry:
    """One entry of the cache.

    `kind` is build, source, download, tools or rest. `size` is in bytes on disk. `paths` are what to remove.
    """

    kind: str
    name: str
    size: int
    description: str
    paths: tuple[Path, ...]
    needed: bool  # False: `prune` without names removes it


def cache_entries(cache: Cache) -> list[CacheEntry]:
    """All entries of the cache: builds, sources, downloads, tools, the rest."""
    builds = list(_builds(cache))
    used = {_build_facts(entry.paths[0]).get("source sha256", "")[:16] for entry in builds}
    return [*builds, *_sources(cache, used), *_downloads(cache), *_tools(cache), *_rest(cache)]


def prune(cache: Cache, names: Sequence[str]) -> list[CacheEntry]:
    """Remove entries and return those that were removed.

    `names` are names of entries, kinds, or `all`; without names every entry that nothing needs is removed. What a
    running build may use is kept. UsageError for an unknown name.
    """
    entries = cache_entries(cache)
    known = {entry.name for entry in entries} | {entry.kind for entry in entries} | _KINDS
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{', '.join(map(repr, unknown))} is not in the cache.", "See analyze build --list.")
    chosen = [e for e in entries if {"all", e.name, e.kind} & set(names) or (not names and not e.needed)]
    with cache.exclusive_lock() as exclusive:
        # a running build may use any source and any tool: keep all of them
        removable = [entry for entry in chosen if exclusive or entry.kind == "build"]
        return [entry for entry in removable if _remove(entry, cache)]


_KINDS = {"all", "build", "source", "download", "tools", "rest"}


def _remove(entry: CacheEntry, cache: Cache) -> bool:
    try:
        with cache.lock(entry.name, None):
            for path in entry.paths:
                remove(path)
    except BlockingIOError:
        return False
    return True


def _builds(cache: Cache) -> Iterator[CacheEntry]:
    for folder in _children(cache.builds):
        facts = read_json(folder / PROVENANCE_FILE)
        in_progress = _is_in_progress(folder.name, cache)
        description = (
            f"{facts['source']}, {facts.get('target')}, {facts.get('seconds')} s" if facts else "unfinished"
        )
        log = cache.logs / f"{folder.name}.log"
        yield CacheEntry(
            "build", folder.name, disk_usage(folder), _IN_PROGRESS if in_progress else description, (folder, log),
            needed=in_progress or facts is not None,
        )  # fmt: skip


def _build_facts(build: Path) -> dict[str, str]:
    return read_json(build / PROVENANCE_FILE) or read_json(build / UNFINISHED_FILE) or {}


def _is_in_progress(name: str, cache: Cache) -> bool:
    try:
        return cache.is_locked(name)
    except PermissionError:  # the cache of another user, which is only listed
        return False


def _sources(cache: Cache, used: set[str]) -> Iterator[CacheEntry]:
    for folder in _children(cache.sources):
        if folder.is_dir():
            facts = read_json(folder / "source.json")
            description = f"{facts['name']}, QEMU {facts['label']}" if facts else "unfinished"
            yield CacheEntry(
                "source", folder.name, disk_usage(folder), description, (folder,), needed=folder.name in used
            )


def _downloads(cache: Cache) -> Iterator[CacheEntry]:
    for path in _children(cache.downloads):
        if path.name != "packages.json":
            unfinished = path.name.endswith(_UNFINISHED_SUFFIXES)
            description = "unfinished or rejected" if unfinished else ""
            yield CacheEntry("download", path.name, disk_usage(path), description, (path,), needed=not unfinished)


def _tools(cache: Cache) -> Iterator[CacheEntry]:
    for path in _children(cache.tools):
        unfinished = path.name.startswith((".making", "python3")) and not installed_packages(path)
        description = "unfinished" if unfinished else ""
        yield CacheEntry("tools", path.name, disk_usage(path), description, (path,), needed=not unfinished)


def _rest(cache: Cache) -> Iterator[CacheEntry]:
    for name, needed in (
        ("apt", True),
        ("logs", True),
        (_SYMBOL_INDEXES, True),
        (_POINTERS, True),
        (_VERSION_0_1_FOLDER, False),
    ):
        if (cache.folder / name).exists():
            description = _REST.get(name, "")
            yield CacheEntry(
                "rest", name, disk_usage(cache.folder / name), description, (cache.folder / name,), needed
            )


def disk_usage(path: Path) -> int:
    """Bytes on disk of a file, or of all files below a folder."""
    if not path.is_dir():
        return path.lstat().st_blocks * 512 if path.exists() else 0
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(FileNotFoundError):  # a running build removes files
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118 - there are many
    return total


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
