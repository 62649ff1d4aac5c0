"""Debug information names any file; only lines of source code below the source roots are recorded."""

from __future__ import annotations

import os
import threading

import pytest

from analyzer.adapters.source_excerpts import source_excerpts, source_roots_of
from analyzer.commands.record_and_report import check_before_recording
from analyzer.errors import UsageError
from analyzer.recording.request import RecordingOptions
from gdbscripts.records import NoteRecord, SourceRecord
from gdbscripts.source_files import MAX_SIZE, source_line

SECRET = "root:secret"
TEXT = "".join(f"line {number}\n" for number in range(1, 21))


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    (folder / "hw").mkdir(parents=True)
    (folder / "hw" / "x.c").write_text(TEXT)
    return folder


def read(file, *roots, lines=(10,)):
    """The records of an excerpt, taken in a thread: a blocked reader fails the test instead of stopping it."""
    records = []
    thread = threading.Thread(
        target=lambda: records.extend(source_excerpts({str(file): lines}, roots)), daemon=True
    )
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), f"reading {file} never ends"
    return records


def assert_left_out(records):
    [note] = records
    assert isinstance(note, NoteRecord)
    assert "--source-root DIR" in note.text
    assert SECRET not in note.text


def test_lines_below_a_root_are_read(tree):
    [record] = read(tree / "hw" / "x.c", tree)
    assert record == SourceRecord(str(tree / "hw" / "x.c"), 7, [f"line {number}" for number in range(7, 14)])


def test_a_build_folder_that_was_deleted_is_no_part_of_the_path(tree):
    assert isinstance(read(f"{tree}/build/../hw/x.c", tree)[0], SourceRecord)


@pytest.mark.threat(
    "Debug information names a file of the host as source code",
    source="the program",
    defence="only regular files with the suffix of source code, below the "
    "source root, opened without following links out of it, are read",
)
@pytest.mark.parametrize("name", ["shadow", "shadow.c"])
def test_a_file_outside_the_roots_is_left_out_and_a_note_names_the_option(name, tree, tmp_path):
    (tmp_path / name).write_text(SECRET * 10)
    assert_left_out(read(tmp_path / name, tree, lines=[1]))
    assert_left_out(read(f"{tree}/../{name}", tree, lines=[1]))


def test_a_folder_whose_name_begins_like_a_root_is_outside(tree, tmp_path):
    (tmp_path / "tree2").mkdir()
    (tmp_path / "tree2" / "x.c").write_text(SECRET)
    assert_left_out(read(tmp_path / "tree2" / "x.c", tree, lines=[1]))


def test_a_file_that_is_no_source_code_is_left_out(tree):
    (tree / ".env").write_text(SECRET)
    (tree / "key.pem").write_text(SECRET)
    assert_left_out(read(tree / ".env", tree, lines=[1]))
    assert_left_out(read(tree / "key.pem", tree, lines=[1]))


@pytest.mark.threat("Debug information names a file of the host as source code")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_the_tree_is_not_followed(kind, tree, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret.c").write_text(SECRET)
    if kind == "file":
        (tree / "x.c").symlink_to(tmp_path / "out" / "secret.c")
        named = tree / "x.c"
    else:
        (tree / "linked").symlink_to(tmp_path / "out")
        named = tree / "linked" / "secret.c"
    assert_left_out(read(named, tree, lines=[1]))


def test_a_link_within_the_tree_and_a_linked_root_are_followed(tree, tmp_path):
    (tree / "same.c").symlink_to("hw/x.c")
    (tmp_path / "link").symlink_to(tree)
    assert isinstance(read(tree / "same.c", tree)[0], SourceRecord)
    assert isinstance(read(tmp_path / "link" / "hw" / "x.c", tmp_path / "link")[0], SourceRecord)


def test_a_folder_that_becomes_a_link_while_it_is_read_is_not_followed(tree, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.c").write_text(SECRET)
    real = os.path.realpath

    def swap(path, **options):
        resolved = real(path, **options)
        if str(path).endswith("x.c") and not (tree / "hw").is_symlink():
            (tree / "hw").rename(tree / "old")
            (tree / "hw").symlink_to(tmp_path / "out")
        return resolved

    monkeypatch.setattr(os.path, "realpath", swap)
    assert_left_out(read(tree / "hw" / "x.c", tree, lines=[1]))


def test_a_fifo_does_not_block_and_a_large_file_is_left_out(tree):
    os.mkfifo(tree / "fifo.c")
    assert_left_out(read(tree / "fifo.c", tree))
    with (tree / "large.c").open("wb") as file:
        file.truncate(MAX_SIZE + 1)
    assert_left_out(read(tree / "large.c", tree))


def test_a_device_is_not_read():
    assert_left_out(read("/dev/zero", "/dev"))
    assert source_line("/dev/zero", 1) == ""


@pytest.mark.parametrize("name", ["hw/x.c", "", "a\0b.c", "/proc/self/fd/0/x.c"])
def test_a_name_that_is_no_absolute_path_of_a_file_gives_no_lines(name, tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert not any(isinstance(record, SourceRecord) for record in read(name, tree))


def test_a_file_that_is_missing_gives_neither_lines_nor_a_note(tree):
    assert read(tree / "missing.c", tree) == []


def test_gdb_reads_lines_of_source_code_only(tree, tmp_path):
    assert source_line(str(tree / "hw" / "x.c"), 3) == "line 3"
    assert source_line(str(tree / "hw" / "x.c"), 99) == source_line(str(tree / "hw" / "x.c"), 0) == ""
    (tmp_path / "shadow").write_text(SECRET)
    os.mkfifo(tmp_path / "fifo.c")
    assert source_line(str(tmp_path / "shadow"), 1) == source_line(str(tmp_path / "fifo.c"), 1) == ""


def qemu_tree(folder):
    folder.mkdir(parents=True)
    for name in ("VERSION", "configure", "qemu-options.hx"):
        (folder / name).touch()
    return folder


def program(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "qemu-system-x86_64").touch()
    return folder / "qemu-system-x86_64"


@pytest.mark.parametrize("build", ["build", "build/x86_64-softmmu", "."])
def test_the_root_of_a_build_in_the_tree_is_the_tree(build, tmp_path):
    tree = qemu_tree(tmp_path / "qemu")
    assert source_roots_of(program(tree / build)) == (tree,)


def test_a_build_outside_the_tree_has_the_tree_that_it_was_configured_from(tmp_path):
    tree = qemu_tree(tmp_path / "qemu")
    made = program(tmp_path / "out")
    (tmp_path / "out" / "config-host.mak").write_text(f"# made by configure\nSRC_PATH={tree}\n")
    assert source_roots_of(made) == (tmp_path / "out", tree)


def test_a_configuration_that_names_no_qemu_tree_names_no_root(tmp_path):
    made = program(tmp_path / "out")
    (tmp_path / "home").mkdir()
    (tmp_path / "out" / "config-host.mak").write_text(f"SRC_PATH={tmp_path / 'home'}\n")
    assert source_roots_of(made) == ()
    (tmp_path / "out" / "config-host.mak").unlink()
    os.mkfifo(tmp_path / "out" / "config-host.mak")
    assert source_roots_of(made) == ()


def test_a_program_in_no_tree_has_no_root(tmp_path):
    assert source_roots_of(program(tmp_path / "usr" / "bin")) == ()


def test_a_source_root_that_is_no_folder_is_a_usage_error_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match=r"--source-root .*missing is no folder"):
        check_before_recording(RecordingOptions(source_roots=(tmp_path / "missing",)))
