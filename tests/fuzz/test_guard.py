"""The limits of fuzzing are real: what they forbid is noticed, also where the code under test hides it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from analyzer.errors import AnalyzerError
from tests.fuzz.guard import Violation, guarded
from tests.fuzz.targets import Target


def write_beside(folder):
    (folder.parent / "other").write_text("x")


def write_through_a_link(folder):
    (folder / "link").symlink_to(folder.parent)
    (folder / "link" / "other").write_text("x")


def write_with_os_open(folder):
    os.close(os.open(folder.parent / "other", os.O_WRONLY | os.O_CREAT))


def hide_it(folder):
    with suppress(BaseException):
        write_beside(folder)


def connect(folder):
    with socket.socket() as client:
        client.connect(("192.0.2.1", 80))


FORBIDDEN = {
    "a file beside the folder": write_beside,
    "a file through a link": write_through_a_link,
    "a file by its descriptor": write_with_os_open,
    "one that is hidden": hide_it,
    "a renamed file": lambda folder: (folder / "own").rename(folder.parent / "other"),
    "a removed file": lambda folder: (folder.parent / "kept").unlink(),
    "a file that is read": lambda folder: (folder.parent / "kept").read_text(),
    "a process": lambda _: subprocess.run([sys.executable, "-c", ""], check=False),
    "a shell": lambda _: os.system("true"),
    "a child": lambda _: os.fork() or os._exit(0),
    "another program": lambda _: os.execv("/bin/true", ["true"]),
    "a connection": connect,
}


@pytest.mark.threat(
    "An input changed at any place makes the analyzer crash, hang, write elsewhere or start a process"
)
@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_is_forbidden_is_noticed(case, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "own").write_text("x")
    (tmp_path / "kept").write_text("x")
    with pytest.raises(Violation), guarded(1, folder):
        FORBIDDEN[case](folder)
    assert not (tmp_path / "other").exists()
    assert (tmp_path / "kept").exists()


def test_an_endless_loop_ends(tmp_path):
    def endless():
        while True:
            pass

    with pytest.raises(Violation, match="cpu time"), guarded(1, tmp_path, factor=0.02):
        endless()


def test_memory_has_a_limit_that_depends_on_the_size_of_the_input(tmp_path):
    with pytest.raises(Violation, match="memory"), guarded(1, tmp_path):
        bytearray(600 << 20)
    with guarded(1 << 20, tmp_path):
        assert bytearray(600 << 20)


def test_what_is_allowed_goes_unnoticed(tmp_path):
    with guarded(1, tmp_path):
        (tmp_path / "file").write_text("x")
        (tmp_path / "file").rename(tmp_path / "other")
        assert (tmp_path / "other").read_text() == "x"


def raising(error):
    def check(data, folder):
        raise error

    return Target("name", check)


def test_an_error_of_the_analyzer_is_an_answer():
    assert raising(AnalyzerError("The file is damaged.")).run(b"") == "The file is damaged."


@pytest.mark.parametrize(
    "error", [AnalyzerError(""), AnalyzerError("damaged"), KeyError("x"), OSError(), RecursionError()], ids=repr
)
def test_any_other_error_is_a_finding(error):
    with pytest.raises((AssertionError, type(error))):
        raising(error).run(b"")
