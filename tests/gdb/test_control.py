"""gdb as a child: answers by token, errors in its own words, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analyzer.adapters.gdb import Gdb, GdbError, mi_string
from analyzer.errors import AnalyzerError
from gdbscripts import plan as plans
from gdbscripts.json_lines import to_line
from tests.conftest import need_tool
from tests.gdb.conftest import PROGRAMS
from tests.support.definitions import read_recording
from tests.support.notation import header


@pytest.fixture
def gdb():
    need_tool("gdb")
    with Gdb() as started:
        yield started


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def wait_gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_the_handshake_tells_versions(gdb):
    assert gdb.facts.version[0].isdigit()
    assert gdb.facts.python.startswith("3.")


def test_errors_come_in_gdbs_own_words(gdb):
    with pytest.raises(GdbError, match="No symbol table is loaded"):
        gdb.command("-data-evaluate-expression nonsense")


def test_commands_cost_no_waiting(gdb):
    """pygdbmi's own controller waits 0.2 s of silence for each answer: 100 answers would take 20 s."""
    started = time.monotonic()
    for _ in range(100):
        gdb.command("-gdb-version")
    assert time.monotonic() - started < 5


def test_recording_without_a_plan_is_refused(gdb):
    with pytest.raises(GdbError, match="call -chain-plan FILE first"):
        gdb.command("-chain-where")


def test_an_answer_that_does_not_come_is_an_error(gdb, build):
    with pytest.raises(GdbError, match=r"did not answer -interpreter-exec within 0 s"):
        gdb.console("shell sleep 1", timeout=0.2)


def test_a_program_that_runs_can_be_stopped_and_looked_at(gdb, build, tmp_path):
    recording = tmp_path / "recording.jsonl"
    recording.write_text(to_line(header()))
    step = plans.PlannedMilestone("tick", "A tick", True, ["tick"], limit=2)
    plans.save(plans.RecordingPlan(str(recording), [step], []), str(tmp_path / "plan"))
    gdb.command(f"-file-exec-and-symbols {mi_string(str(build(PROGRAMS / 'spin.c')))}")
    gdb.command(f"-chain-plan {mi_string(str(tmp_path / 'plan'))}")
    gdb.command("-exec-run")
    assert gdb.wait_stopped(0.5) is None
    assert gdb.interrupt() is not None
    assert gdb.command("-chain-where") == {"threads": "2"}
    gdb.command('-chain-end incomplete "stopped by a test"')
    result = read_recording(recording)
    where = [stop for stop in result.stops if stop.reason == "where"]
    assert [stop.frames[-1].function.name for stop in where][0] == "main"
    assert any(frame.function.name == "idle" for frame in where[1].frames)
    assert result.notes == ("tick: no more than 2 stops recorded",)


def test_leaving_ends_a_running_program(build):
    with Gdb(build(PROGRAMS / "spin.c")) as gdb:
        gdb.command("-exec-run")
        gdb.wait_stopped(0.3)
        pid = gdb.program_pid
        assert alive(pid)
    assert wait_gone(pid)


@pytest.mark.parametrize("victim", ["analyzer", "gdb"])
def test_killing_the_analyzer_or_gdb_ends_everything(victim, build):
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from analyzer.adapters.gdb import Gdb\n"
        f"gdb = Gdb(Path({str(build(PROGRAMS / 'spin.c'))!r}))\n"
        "gdb.command('-exec-run')\n"
        "gdb.wait_stopped(0.3)\n"
        "print(gdb._process.pid, gdb.program_pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    gdb_pid, program_pid = map(int, child.stdout.readline().split())
    try:
        assert alive(gdb_pid)
        assert alive(program_pid)
        os.kill(child.pid if victim == "analyzer" else gdb_pid, signal.SIGKILL)
        assert wait_gone(gdb_pid)
        assert wait_gone(program_pid)
    finally:
        child.kill()
        child.communicate()


def fake_gdb(folder: Path, text: str) -> str:
    path = folder / "gdb"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def answering(folder: Path, source: str, hello: str) -> str:
    """A gdb that answers `source` and `-chain-hello` with the given MI records and all else with ^done."""
    return fake_gdb(
        folder,
        "while read line; do token=${line%%[!0-9]*}; case $line in\n"
        f"*source*) printf '{source}\\n' $token;;\n"
        f"*chain-hello*) printf '{hello}\\n' $token;;\n"
        "*gdb-exit*) exit;;\n"
        "*) printf '%s^done\\n' $token;; esac; done\n",
    )


@pytest.mark.parametrize(
    ("source", "hello", "complaint"),
    [
        ('%s^error,msg="Python scripting is not supported in this copy of GDB."', "%s^done", "without Python"),
        (
            r'~"AttributeError: module gdb has no attribute MICommand"\n%s^done',
            '%s^error,msg="Undefined MI command: chain-hello"',
            "too old: gdb 12 or later",
        ),
        ("%s^done", '%s^done,schema="99",gdb="1",python="3"', "have schema 99, this program has 5"),
    ],
)
def test_a_gdb_that_will_not_do_is_named(source, hello, complaint, tmp_path):
    with Gdb(gdb=answering(tmp_path, source, hello)) as gdb, pytest.raises(AnalyzerError, match=complaint):
        gdb.command("-gdb-version")


def test_a_gdb_that_dies_is_named(tmp_path):
    with (
        Gdb(gdb=fake_gdb(tmp_path, "exit 1\n")) as gdb,
        pytest.raises(AnalyzerError, match="could not be started"),
    ):
        gdb.command("-gdb-version")


def test_a_missing_gdb_has_a_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with Gdb() as gdb, pytest.raises(AnalyzerError) as caught:
        gdb.command("-gdb-version")
    assert "apt install gdb" in caught.value.hint
