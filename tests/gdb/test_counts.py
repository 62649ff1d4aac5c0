"""What one recording costs, in things that do not depend on the host: commands to gdb, processes, waits."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from analyzer.adapters.gdb import Gdb
from analyzer.cli import main
from tests.conftest import need, need_tool
from tests.gdb.conftest import PROGRAMS, directive


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A small program that answers as QEMU does and makes its calls on /dev/kvm."""
    for tool in ("gdb", "gcc", "dot"):
        need_tool(tool)
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    program, source = tmp_path_factory.mktemp("toy") / "qemu", PROGRAMS / "toy_qemu.c"
    flags = " ".join(directive(source, "flags")).split()
    subprocess.run(["gcc", "-g", "-O0", *flags, "-Wl,--build-id", "-o", program, source], check=True)
    return program


@pytest.fixture
def counted(monkeypatch):
    """Counts the commands to gdb, the processes started and the calls of time.sleep, by kind."""
    counts: dict[str, list[str]] = {"commands": [], "processes": [], "sleeps": []}
    send, start = Gdb._send, subprocess.Popen.__init__

    def counting_send(gdb, command):
        counts["commands"].append(command.partition(" ")[0])
        return send(gdb, command)

    def counting_start(process, arguments, *rest, **named):
        counts["processes"].append(os.path.basename(str(arguments[0])))
        start(process, arguments, *rest, **named)

    monkeypatch.setattr(Gdb, "_send", counting_send)
    monkeypatch.setattr(subprocess.Popen, "__init__", counting_start)
    monkeypatch.setattr(time, "sleep", lambda seconds: counts["sleeps"].append(str(seconds)))
    return counts


def test_a_default_start_needs_few_commands_and_processes_and_never_sleeps(toy, tmp_path, counted):
    off = ["--no-ioctls", "--no-kernel", "--no-pointers"]
    assert main(["startup", "--qemu", str(toy), "--out", str(tmp_path / "out"), *off]) == 0
    assert len(counted["commands"]) <= 12, counted["commands"]
    assert sorted(counted["processes"]) == ["dot", *["qemu"] * 5, "setpriv"], counted["processes"]
    assert counted["sleeps"] == []


def test_pointers_of_an_earlier_recording_cost_one_command_and_no_run(toy, tmp_path, counted, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CALLCHAIN_NO_POINTER_CACHE", raising=False)
    off = ["--no-ioctls", "--no-kernel", "--pointers"]
    assert main(["startup", "--qemu", str(toy), "--out", str(tmp_path / "first"), *off]) == 0
    runs = counted["commands"].count("-chain-round")
    counted["commands"].clear()
    assert main(["startup", "--qemu", str(toy), "--out", str(tmp_path / "second"), *off]) == 0
    assert runs > 0 and counted["commands"].count("-chain-round") == 0
    assert counted["commands"].count("-chain-known-pointers") == 1
