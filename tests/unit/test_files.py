"""Files are new, links are not followed, scratch folders of killed runs go, an output folder has one run."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from analyzer.adapters.process import CommandContext, run
from analyzer.build.cache import Cache
from analyzer.build.provenance import write_json
from analyzer.commands.write_results import write_results
from analyzer.errors import AnalyzerError
from analyzer.files import check_own_folder, scratch_folder, write_text
from analyzer.folder_lock import holder_of, locked_folder
from analyzer.output_folder import check_free, keep_if_useful, prepare_folder
from gdbscripts.safe_files import append, create
from tests.conftest import need
from tests.support.inputs import FOLDER, write_inputs

HOLD = """
import sys, time
from pathlib import Path
from analyzer.folder_lock import locked_folder
from analyzer.files import scratch_folder
with locked_folder(Path(sys.argv[1])), scratch_folder() as scratch:
    print(scratch, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def secret(tmp_path):
    """A file of somebody else that a planted link points at; no test may change it."""
    path = tmp_path / "secret"
    path.write_text("secret")
    yield path
    assert path.read_text() == "secret"


@pytest.fixture
def holder(tmp_path, monkeypatch):
    """A process that holds the lock of `tmp_path/out` and has a scratch folder; with the path of that."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


@pytest.mark.threat(
    "A link in the output folder redirects what is written",
    source="other users of the host",
    defence="files are made new under a random name and renamed; links are replaced, not followed",
)
def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(tmp_path, secret):
    for name, write in (("a.html", write_text), ("b.json", lambda path, _: write_json(path, {"a": 1}))):
        (tmp_path / name).symlink_to(secret)
        (tmp_path / f"{name}.part").symlink_to(secret)
        write(tmp_path / name, "new")
        assert not (tmp_path / name).is_symlink()
        assert "secret" not in (tmp_path / name).read_text()


@pytest.mark.threat("A link in the output folder redirects what is written")
def test_every_file_of_an_output_folder_may_have_been_a_link(tmp_path, secret):
    out = write_inputs(tmp_path)[FOLDER]
    names = ("graph.json", "graph.svg", "backtraces.txt", "report.html")
    for name in names:
        (out / name).symlink_to(secret)
        (out / f"{name}.part").symlink_to(secret)
    write_results(out)
    assert not [name for name in names if (out / name).is_symlink()]


def test_a_recording_that_is_a_link_is_made_anew(tmp_path, secret):
    out = tmp_path / "out"
    out.mkdir()
    (out / "recording.jsonl").symlink_to(secret)
    prepare_folder(out, force=True)
    assert (out / "recording.jsonl").read_bytes() == b""
    assert not (out / "recording.jsonl").is_symlink()


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "FIFO"])
def test_a_recording_that_is_exchanged_during_the_run_is_not_written_to(kind, tmp_path, secret):
    recording = tmp_path / "recording.jsonl"
    create(str(recording)).close()
    recording.unlink()
    if kind == "symbolic link":
        recording.symlink_to(secret)
    elif kind == "hard link":
        recording.hardlink_to(secret)
    else:
        os.mkfifo(recording)
    with pytest.raises(OSError) as error:
        append(str(recording))
    assert error.value.errno in (errno.ELOOP, errno.EPERM, errno.ENXIO)


def test_a_device_is_kept_and_the_sentence_says_so(tmp_path):
    (tmp_path / "out.json").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "out.json", tmp_path / "fifo", Path("/dev/null")):
        with pytest.raises(AnalyzerError, match="is not a regular file; it is kept"):
            write_text(path, "text")
    assert Path("/dev/null").is_char_device()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_text(tmp_path / "a", "old")

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AnalyzerError, match="a cannot be written: No space left on device"):
        write_text(tmp_path / "a", "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a", "old")]


@pytest.mark.parametrize("name", ["-a", "a\nb", os.fsdecode(b"\xff"), "n" * 255])
def test_a_file_of_any_name_can_be_written(name, tmp_path):
    write_text(tmp_path / name, "text")
    assert os.listdir(tmp_path) == [name]


@pytest.mark.threat(
    "Another user prepares the output or cache folder",
    source="other users of the host",
    defence="a folder of another user in a world-writable place is refused",
)
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_somebody_else_made_where_everybody_may_write_is_refused(kind, tmp_path):
    need(os.geteuid() == 0, "root, to make a folder of somebody else")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    made = shared / "out"
    if kind == "folder":
        made.mkdir()
    else:
        made.symlink_to(tmp_path)
    os.lchown(made, 65534, 65534)
    with (
        pytest.raises(AnalyzerError, match=rf"out is a {kind} that another user \(uid 65534\) made"),
        locked_folder(made),
    ):
        pass
    shared.chmod(0o755)
    check_own_folder(made)  # nobody else can have chosen this name


def test_the_folder_of_the_user_who_called_sudo_is_no_trap(tmp_path, monkeypatch):
    need(os.geteuid() == 0, "root, to make a folder of somebody else")
    tmp_path.chmod(0o1777)
    (tmp_path / "out").mkdir()
    os.chown(tmp_path / "out", 1234, 1234)
    monkeypatch.setenv("SUDO_UID", "1234")
    check_own_folder(tmp_path / "out")
    monkeypatch.setenv("SUDO_UID", "1235")
    with pytest.raises(AnalyzerError, match="another user"):
        check_own_folder(tmp_path / "out")


def test_the_second_run_into_a_folder_is_told_who_records(holder, tmp_path):
    process, _ = holder
    for attempt in (lambda: check_free(tmp_path / "out", force=True), locked_folder(tmp_path / "out").__enter__):
        with pytest.raises(AnalyzerError) as error:
            attempt()
        assert f"out is in use: process {process.pid} (-c" in error.value.message
        assert ", since 20" in error.value.message
        assert error.value.exit_status == 3


def test_the_lock_of_a_killed_run_is_free_and_its_scratch_folder_goes(holder, tmp_path):
    process, scratch = holder
    with scratch_folder():
        assert scratch.is_dir()  # of a run that lives
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert scratch.is_dir()
    with locked_folder(tmp_path / "out"), scratch_folder() as own:
        assert not scratch.exists()
        assert own.stat().st_mode & 0o777 == 0o700
    assert not own.exists()
    assert not (tmp_path / "out").exists()


def test_scratch_folders_of_other_users_and_links_are_left_alone(tmp_path, monkeypatch, secret):
    need(os.geteuid() == 0, "root, to make a folder of somebody else")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "qemu-callchain-other").mkdir()
    os.chown(tmp_path / "qemu-callchain-other", 65534, 65534)
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "qemu-callchain-link").symlink_to(target)
    with scratch_folder():
        pass
    assert (tmp_path / "qemu-callchain-other").is_dir()
    assert target.is_dir()


def test_a_reader_does_not_keep_a_run_from_its_folder(tmp_path):
    with locked_folder(tmp_path / "out"):
        assert holder_of(tmp_path / "out").pid == os.getpid()
    assert holder_of(tmp_path / "out") is None
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "nonsense", "[1]", json.dumps({"pid": 1, "more": 2}), "[" * 5000])
def test_a_damaged_lock_file_locks_all_the_same(content, tmp_path):
    out = tmp_path / "out"
    with locked_folder(out):
        (out / "recording.lock").write_text(content)
        with pytest.raises(AnalyzerError, match="is in use: a process records into it"):
            check_free(out, force=True)


def test_a_lock_file_that_is_a_link_is_refused(tmp_path, secret):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "recording.lock").symlink_to(secret)
    with pytest.raises(AnalyzerError, match="cannot be written to"), locked_folder(tmp_path / "out"):
        pass


def test_a_useless_recording_leaves_no_folder(tmp_path):
    with locked_folder(tmp_path / "out"):
        prepare_folder(tmp_path / "out", force=False)
        assert not keep_if_useful(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_lock_or_a_log_of_a_build_that_is_a_link_is_not_followed(tmp_path, secret):
    cache = Cache(tmp_path / "cache")
    (tmp_path / "cache" / "locks").mkdir(parents=True)
    (tmp_path / "cache" / "locks" / "name").symlink_to(secret)
    (tmp_path / "log").symlink_to(secret)
    with pytest.raises(OSError) as error, cache.lock("name", None):
        pass
    assert error.value.errno == errno.ELOOP
    with pytest.raises(OSError) as error:
        run(["echo", "text"], tmp_path, CommandContext(tmp_path / "log"))
    assert error.value.errno == errno.ELOOP


@pytest.mark.threat("Another user prepares the output or cache folder")
def test_a_cache_that_somebody_else_made_where_everybody_may_write_is_refused(tmp_path):
    need(os.geteuid() == 0, "root, to make a folder of somebody else")
    tmp_path.chmod(0o1777)
    cache = Cache(tmp_path / "cache")
    cache.folder.mkdir()
    os.chown(cache.folder, 65534, 65534)
    with pytest.raises(AnalyzerError, match="another user"), cache.lock("name", None):
        pass


def test_runs_that_begin_at_one_time_do_not_remove_each_others_scratch_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = tempfile.mkdtemp
    removed = []

    def mkdtemp(**options):
        folder = made(**options)
        if not removed:  # another run removes it before it is locked
            removed.append(folder)
            Path(folder).rmdir()
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with scratch_folder() as folder:
        assert folder.is_dir()
        assert removed != [str(folder)]


def test_an_output_folder_that_is_a_file_is_named(tmp_path):
    file = tmp_path / "out"
    file.touch()
    with pytest.raises(AnalyzerError, match="is a file, not a folder"), locked_folder(file):
        pass
