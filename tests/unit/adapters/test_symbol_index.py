"""The symbol indexes in the cache: which are offered to gdb, and which are removed."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import pytest

from analyzer.adapters import symbol_index
from analyzer.adapters.symbol_index import SymbolFile, SymbolIndex, build_id_of

BUILD_ID = "0123456789abcdef"
NAME = f"{BUILD_ID}.gdb-index"


def program_with(build_id: str) -> bytes:
    """A 64-bit ELF file with two notes, the second of which is the build-id; "" for none."""
    other = struct.pack("<III4s8x", 4, 8, 1, b"GNU\0")
    note = struct.pack("<III4s", 4, len(build_id) // 2, 3, b"GNU\0") + bytes.fromhex(build_id)
    notes = other + (note if build_id else b"")
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    return header + struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(notes), len(notes), 4) + notes


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(symbol_index.OFF_VARIABLE, raising=False)
    monkeypatch.setattr(symbol_index, "_SMALLEST_PROGRAM", 0)
    return tmp_path / "cache" / "qemu-callchain"


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "qemu"
    file.write_bytes(program_with(BUILD_ID))
    return file


def files_of(program: Path, identity: str = "1") -> list[SymbolFile]:
    return [SymbolFile(BUILD_ID, str(program), identity)]


def opened(program: Path) -> SymbolIndex:
    index = SymbolIndex.of(program, "/bin/sh")
    assert index is not None
    return index


def written(program: Path, content: bytes = b"index", identity: str = "1") -> SymbolIndex:
    """The indexes of `program` after a run in which gdb wrote one."""
    index = opened(program)
    (index.folder / NAME).write_bytes(content)
    index.add_new(files_of(program, identity))
    return index


def test_the_build_id_is_read_from_the_notes(program, tmp_path):
    assert build_id_of(program) == BUILD_ID
    for content in (program_with(""), b"", b"\x7fELF\x02\x01", program_with(BUILD_ID)[:130], bytes(200)):
        (tmp_path / "other").write_bytes(content)
        assert build_id_of(tmp_path / "other") == ""


def test_an_index_that_gdb_wrote_is_there_in_the_next_run(program):
    folder = written(program).folder
    assert folder == opened(program).folder
    assert (folder / NAME).read_bytes() == b"index"
    assert opened(program).differing(files_of(program)) == []


def test_only_this_user_can_enter_the_folder(program):
    folder = opened(program).folder
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


@pytest.mark.threat(
    "A symbol index in the cache lies to gdb",
    source="other users of the host, damaged files",
    defence="only indexes whose digest is on a list in a folder of this user are used",
)
@pytest.mark.parametrize("damage", ["changed", "cut", "link", "hard link", "folder", "not listed"])
def test_an_index_that_is_not_as_it_was_written_is_removed(damage, program, tmp_path):
    file = written(program).folder / NAME
    if damage == "changed":
        file.write_bytes(b"inDex")
    elif damage == "cut":
        file.write_bytes(b"ind")
    elif damage == "link":
        (tmp_path / "elsewhere").write_bytes(b"index")
        file.unlink()
        file.symlink_to(tmp_path / "elsewhere")
    elif damage == "hard link":
        os.link(file, tmp_path / "second name")
    elif damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        (file.parent / "indexes.json").unlink()
    opened(program)
    assert not os.path.lexists(file)
    assert damage != "link" or (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema": 2}',
        '{"schema": 1, "indexes": 3}',
        '{"schema": 1, "indexes": {"a": 1}}',
        "[" * 9999,
    ],
)
def test_a_damaged_list_means_that_nothing_is_listed(text, program):
    folder = written(program).folder
    (folder / "indexes.json").write_text(text)
    assert opened(program).folder == folder
    assert not (folder / NAME).exists()


def test_a_list_that_is_a_link_or_a_fifo_is_not_read(program, tmp_path):
    folder = written(program).folder
    (folder / "indexes.json").rename(tmp_path / "list")
    (folder / "indexes.json").symlink_to(tmp_path / "list")
    opened(program)
    assert list(folder.iterdir()) == []
    os.mkfifo(folder / "indexes.json")
    opened(program)


@pytest.mark.threat("A symbol index in the cache lies to gdb")
def test_a_folder_that_others_may_enter_is_not_used(program, cache):
    folder = written(program).folder
    for made, mode in ((folder, 0o750), (folder.parent, 0o701), (cache, 0o777)):
        before = made.stat().st_mode & 0o777
        made.chmod(mode)
        assert SymbolIndex.of(program, "/bin/sh") is None
        made.chmod(before)
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(folder.with_name("moved"))
    assert SymbolIndex.of(program, "/bin/sh") is None


def test_indexes_are_turned_off_by_the_variable_and_for_a_small_program(program, monkeypatch, cache):
    monkeypatch.setattr(symbol_index, "_SMALLEST_PROGRAM", 1 << 20)
    assert SymbolIndex.of(program, "/bin/sh") is None
    monkeypatch.setattr(symbol_index, "_SMALLEST_PROGRAM", 0)
    monkeypatch.setenv(symbol_index.OFF_VARIABLE, "1")
    assert SymbolIndex.of(program, "/bin/sh") is None
    assert not cache.exists()


def test_another_gdb_has_indexes_of_its_own(program):
    folder = opened(program).folder
    other = SymbolIndex.of(program, "/bin/true")
    assert other is not None and other.folder != folder
    assert SymbolIndex.of(program, "/no/gdb") is None


def test_another_run_that_has_the_lock_costs_only_the_index(program):
    folder = opened(program).folder
    with symbol_index._locked(folder):
        assert SymbolIndex.of(program, "/bin/sh") is None


def test_an_index_of_another_debug_file_with_the_same_build_id_is_noticed(program):
    written(program, identity="1")
    index = opened(program)
    assert index.differing(files_of(program, "2")) == [str(program)]
    assert index.differing([SymbolFile(BUILD_ID, "vdso", "")]) == []
    index.discard()
    assert not index.folder.exists()


def test_an_index_of_a_file_that_gdb_has_forgotten_belongs_to_the_file_that_is_seen_next(program):
    index = opened(program)
    (index.folder / NAME).write_bytes(b"index")
    index.add_new(files_of(program, ""))  # it is in another mount namespace
    index = opened(program)
    assert (index.folder / NAME).exists()
    assert index.differing(files_of(program, "1")) == index.differing(files_of(program, "2")) == []
    index.add_new(files_of(program, "1"))
    assert opened(program).differing(files_of(program, "1")) == []
    assert opened(program).differing(files_of(program, "2")) == [str(program)]


def test_an_index_belongs_to_a_stripped_program_and_its_debug_file(program):
    index = opened(program)
    (index.folder / NAME).write_bytes(b"index")
    debug, stripped = SymbolFile(BUILD_ID, "qemu.dbg", "7"), SymbolFile(BUILD_ID, "qemu", "8")
    index.add_new([debug, stripped])
    index = opened(program)
    assert index.differing([debug, stripped]) == index.differing([stripped]) == []
    assert index.differing([SymbolFile(BUILD_ID, "other.dbg", "9"), stripped]) == ["other.dbg"]


def test_the_longest_unused_programs_are_removed(program, tmp_path, monkeypatch):
    monkeypatch.setattr(symbol_index, "_MOST_BYTES", 3000)
    now, folders = time.time(), []
    for number, (size, age) in enumerate([(1000, 10), (1000, 20), (1000, 30), (100, 91 * 24 * 3600), (1000, 0)]):
        program.write_bytes(program_with(f"{number:016x}"))
        index = opened(program)
        (index.folder / f"{number:016x}.gdb-index").write_bytes(bytes(size))
        index.add_new([SymbolFile(f"{number:016x}", "qemu", "1")])
        os.utime(index.folder, (now - age, now - age))
        folders.append(index.folder)
    opened(program).add_new([])
    (folders[-1] / "new.gdb-index").write_bytes(b"x")
    opened_again = SymbolIndex(folders[-1])
    (folders[-1] / "new.gdb-index").write_bytes(b"x")
    opened_again.add_new([])
    assert [folder.exists() for folder in folders] == [True, False, False, False, True]
