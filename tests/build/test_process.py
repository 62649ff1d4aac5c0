"""Programs of a build: their environment is ours, and whatever they started ends with us."""

from __future__ import annotations

import os
import time

import pytest

from analyzer.adapters.process import (
    CommandContext,
    CommandError,
    CommandTimeoutError,
    capture,
    run,
    run_in_shell,
    run_on_terminal,
)
from tests.build.test_new_tree import at_work_in


def test_what_is_left_of_an_interrupted_program_is_ended(tmp_path):
    """ninja gives each of its jobs a process group of its own, and a job may ignore the signal."""

    def interrupt(_line):
        raise KeyboardInterrupt

    script = "trap '' INT; (sleep 300; sleep 300) & timeout 300 sleep 300 & echo started; wait"
    with pytest.raises(KeyboardInterrupt):
        run(["bash", "-c", script], tmp_path, CommandContext(tmp_path.parent / "log"), interrupt)
    deadline = time.monotonic() + 5
    while at_work_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not at_work_in(tmp_path)


def test_the_environment_is_ours(tmp_path, monkeypatch):
    for name in ("CFLAGS", "MAKEFLAGS", "PYTHONHOME", "LD_PRELOAD_NOT", "CC"):
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    said = run(["env"], tmp_path, CommandContext(tmp_path / "log", "/first"))
    assert "of the user" not in said
    assert "https_proxy=http://proxy.example" in said.splitlines()
    assert any(line.startswith("PATH=/first:/usr/local/sbin:") for line in said.splitlines())


def test_a_failure_carries_what_was_said_and_the_log_has_it_too(tmp_path):
    with pytest.raises(CommandError) as error:
        run(["sh", "-c", "echo out; echo err >&2; exit 7"], tmp_path, CommandContext(tmp_path / "log"))
    assert (error.value.status, error.value.output) == (7, "out\nerr\n")
    assert (tmp_path / "log").read_text().endswith("out\nerr\n")


def test_output_without_end_does_not_fill_the_memory(tmp_path):
    said = run(["seq", "100000"], tmp_path, CommandContext(tmp_path / "log"))
    assert len(said.splitlines()) == 5000
    assert said.endswith("100000\n")
    assert os.path.getsize(tmp_path / "log") > 500_000


def test_a_captured_program_returns_its_status_and_both_streams_apart(tmp_path):
    done = capture(["sh", "-c", "pwd; echo $NAME >&2; exit 3"], tmp_path, {"NAME": "value"})
    assert (done.status, done.stdout, done.stderr) == (3, f"{tmp_path}\n", "value\n")
    assert not done.succeeded


def test_captured_bytes_that_are_no_text_can_be_written_back_as_they_were(tmp_path):
    assert os.fsencode(capture(["printf", r"a\377\r\n"]).stdout) == b"a\xff\r\n"


def test_a_captured_program_that_takes_too_long_is_named_in_the_error():
    with pytest.raises(CommandTimeoutError, match=r"sleep did not end within 0 s"):
        capture(["sleep", "60"], timeout=0.1)


def test_output_of_a_program_for_the_user_goes_to_standard_error(capfd):
    assert run_in_shell("echo from the shell; exit 5") == 5
    assert run_in_shell("no-such-command-here 2>/dev/null") == 127
    assert run_on_terminal(["echo", "from the program"]) == 0
    out, err = capfd.readouterr()
    assert (out, err) == ("", "from the shell\nfrom the program\n")
