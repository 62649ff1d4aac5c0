"""Signals end a verb with the status that shells have; paths of any name work or are refused with a sentence."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer import cli
from analyzer.cli import main
from analyzer.folder_lock import locked_folder
from tests.conftest import ANALYZE
from tests.support.inputs import BACKTRACE, FOLDER, KINDS, write_inputs
from tests.unit.commands.test_cli import fake_qemu

WAIT_FOR_INPUT = """
import sys
from analyzer import cli
parse = cli.parse
cli.parse = lambda arguments: (print("ready", flush=True), parse(arguments))[1]
sys.exit(cli.main(["show", "-"]))
"""
NAMES = ["-a", "a\nb", os.fsdecode(b"\xffa"), " ", "a b", "--help"]


@pytest.fixture(autouse=True)
def handlers_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def waiting(ignored: str = "") -> subprocess.Popen[str]:
    """`analyze show -` that waits for its standard input, started by a shell that ignores signals."""
    command = ["sh", "-c", f'trap "" {ignored}; exec "$@"' if ignored else 'exec "$@"', "sh"]
    process = subprocess.Popen(
        [*command, sys.executable, "-c", WAIT_FOR_INPUT],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_verb_with_the_status_of_shells(number, status, monkeypatch, capsys):
    def interrupted(_arguments):
        os.kill(os.getpid(), number)
        raise AssertionError("the signal does not interrupt")

    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run with SIGINT ignored
    monkeypatch.setattr(cli, "parse", interrupted)
    assert main(["show", "x"]) == status
    assert capsys.readouterr().err == f"\nanalyze: interrupted by {number.name}\n"


def test_an_ignored_signal_stays_ignored():
    for number in (signal.SIGHUP, signal.SIGTERM):
        with waiting(number.name.removeprefix("SIG")) as process:
            process.send_signal(number)
            _, said = process.communicate("#0  f () at a.c:1\n", timeout=30)
        assert "interrupted" not in said
        assert process.returncode == 0, said


def test_a_closed_terminal_gives_129_and_not_differs():
    """The last message cannot be written to a terminal that is gone: that must not become status 1."""
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT_FOR_INPUT],
        stdin=subprocess.PIPE, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    with process:
        os.close(terminal)
        assert os.read(ours, 5) == b"ready"
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 129


def test_a_pipe_that_is_closed_ends_a_verb_quietly_with_its_own_status(tmp_path):
    path = write_inputs(tmp_path)[FOLDER]
    for arguments in (["show", path], ["graph", path], ["ci", "github"], ["--help"]):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([ANALYZE, *arguments], stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
        os.close(write)
        assert (done.returncode, done.stderr) == (0, b""), arguments


def test_a_full_disk_under_standard_output_is_a_sentence_and_no_traceback():
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    for arguments in (["ci", "github"], ["--version"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [ANALYZE, *arguments],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
                env=environment,
            )
        assert done.returncode == 3, done
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_verb_that_reads_takes_a_path_of_any_name(name, kind, tmp_path, monkeypatch, capfd):
    path = write_inputs(tmp_path)[kind]
    path.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    there, out = f"./{name}", f"./{name}.out"
    verbs = [
        ["show", there], ["graph", there], ["graph", there, "-o", f"{out}.json"],
        ["report", there, "-o", f"{out}.html"],
        ["paths", there, "--from", "main", "--to", "goal"], ["diff", there, there, "-o", f"{out}.txt"],
        ["diff", there, there, "--format", "html", "-o", f"{out}.diff.html"], ["diff", there, there],
        ["baseline", "check", out, there], ["graph", there, "-o", f"{out}.svg"],
    ]  # fmt: skip
    if kind == BACKTRACE:
        verbs.append(["import", there, "-o", f"{out}.folder"])
    for arguments in verbs:
        status = main(arguments)
        said = capfd.readouterr().err
        assert "Traceback" not in said and "internal error" not in said, (arguments, said)
        assert status == 0 or said, arguments
        if arguments[0] not in ("show", "baseline"):
            assert status == 0, (arguments, said)
    written = {os.path.basename(path) for path in os.listdir(tmp_path)}
    assert {f"{name}.out.json", f"{name}.out.html", f"{name}.out.txt", f"{name}.out.diff.html"} <= written


def test_a_path_that_begins_with_a_dash_is_refused_with_the_way_to_write_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x").touch()
    for arguments in (["show", "-x"], ["diff", "-x", "-y"], ["graph", "a", "-o", "-x.json"]):
        assert main(arguments) == 2
        assert "A path that begins with - is written as ./-NAME." in capsys.readouterr().err, arguments


@pytest.mark.parametrize("name", ["-q", "q\nq", os.fsdecode(b"q\xff")])
def test_a_program_of_any_name_is_run_and_no_other(name, tmp_path, monkeypatch, capsys):
    fake_qemu(tmp_path, '-DMACHINES="pc   Standard PC"').rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert main(["startup", "--qemu", f"./{name}", "--accel", "tcg"]) == 3
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "has no debug information" in said


def test_a_reader_of_a_folder_says_that_a_run_still_records_into_it(tmp_path, capsys):
    path = write_inputs(tmp_path)[FOLDER]
    with locked_folder(path):
        assert main(["show", str(path)]) == 0
    said = capsys.readouterr().err
    assert f"{path} is not complete: process {os.getpid()} (" in said
    assert "still records into it" in said
    assert main(["show", str(path)]) == 0
    assert capsys.readouterr().err == ""
