"""A program cannot bring code of its own into gdb."""

from __future__ import annotations

import subprocess

import pytest

from analyzer.adapters.gdb import Gdb
from tests.conftest import need_tool

SOURCE = r"""
__asm__(".pushsection .debug_gdb_scripts, \"MS\",@progbits,1\n"
        ".byte 4\n.ascii \"inlined\\n\"\n.ascii \"open('ran-inlined', 'w')\\n\"\n.byte 0\n.popsection\n");
int main(void) { return 0; }
"""
TRAPS = {"program-gdb.py": "open('ran-beside', 'w')\n", ".gdbinit": "shell touch ran-init\n"}


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "program.c").write_text(SOURCE)
    for name, text in TRAPS.items():
        (tmp_path / name).write_text(text)
    subprocess.run(["gcc", "-g", "-o", "program", "program.c"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "program"


def ran(program):
    return {path.name for path in program.parent.glob("ran-*")}


@pytest.mark.threat(
    "A program runs code in gdb when it is opened",
    source="the program, the files beside it, the current folder",
    defence="gdb is started without init files, and with auto-load off",
)
def test_nothing_that_a_program_brings_runs_in_gdb(program):
    with Gdb(program) as gdb:
        assert gdb.facts
        gdb.console("break main")
        gdb.command("-exec-run")
        assert gdb.wait_stopped(30)
    assert not ran(program)


def test_it_runs_in_a_gdb_that_trusts_it(program):
    command = [need_tool("gdb"), "-batch", "-iex", "set auto-load safe-path /", str(program)]
    subprocess.run(command, check=True, capture_output=True)
    assert {"ran-beside", "ran-inlined"} <= ran(program)
