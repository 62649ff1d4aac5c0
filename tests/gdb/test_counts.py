"""What one recording costs, in things that do not depend on the host: commands to gdb, processes, waits."""

from __future__ import annotations

import os
import subprocess
import time
import traceback

import pytest

from analyzer.adapters.gdb import Gdb
from analyzer.cli import main
from gdbscripts.plan import PlannedMilestone
from gdbscripts.records import BREAK
from tests.conftest import need, need_tool
from tests.gdb.conftest import PROGRAMS, directive

# gdb is told to end a second time when it has not yet, and asked whether the guest is held after some seconds
OF_A_SLOW_HOST = {"-gdb-exit", "-exec-interrupt", "-chain-run-state", "-exec-continue"}


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
    send, start, sleep = Gdb._send, subprocess.Popen.__init__, time.sleep

    def counting_send(gdb, command):
        counts["commands"].append(command.partition(" ")[0])
        return send(gdb, command)

    def counting_start(process, arguments, *rest, **named):
        counts["processes"].append(os.path.basename(str(arguments[0])))
        start(process, arguments, *rest, **named)

    def counting_sleep(seconds):
        callers = [frame.name for frame in traceback.extract_stack()]
        if "communicate" not in callers:  # it waits for a process that has closed its output
            counts["sleeps"].append(callers[-2])
        sleep(seconds)

    monkeypatch.setattr(Gdb, "_send", counting_send)
    monkeypatch.setattr(subprocess.Popen, "__init__", counting_start)
    monkeypatch.setattr(time, "sleep", counting_sleep)
    return counts


def test_a_default_start_needs_few_commands_and_processes_and_never_sleeps(toy, tmp_path, counted):
    off = ["--no-ioctls", "--no-kernel", "--no-pointers"]
    assert main(["startup", "--qemu", str(toy), "--out", str(tmp_path / "out"), *off]) == 0
    commands = [command for command in counted["commands"] if command not in OF_A_SLOW_HOST]
    assert len(commands) <= 9, commands
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


@pytest.mark.parametrize("options", ["-O0", "-O2"])
def test_a_hit_with_a_known_stack_costs_one_read_of_memory_and_few_bytes(build, record, tmp_path, options):
    each = PlannedMilestone(f"{BREAK}leaf", "leaf", False, ["leaf"], limit=0)
    recording = record(build(PROGRAMS / "many_hits.c", options), steps=[each])
    hits = [stop for stop in recording.stops if stop.function == "leaf"]
    assert [stop.count for stop in hits] == [1500, 1500]
    end = recording.end
    assert end.left_to_gdb == 0
    assert 3000 <= end.memory_reads <= 3010, "one for each hit, and a few at the first hits"
    assert end.addresses_resolved <= 12, "the pcs of two stacks of three frames and of what starts main"
    assert end.gdb_frames <= 20, "gdb shows the frames of new stacks only"
    [file] = tmp_path.rglob("recording.jsonl")
    repeats = [line for line in file.read_text().splitlines() if '"repeat"' in line]
    assert sum(map(len, repeats)) / 3000 < 2, "bytes for each hit"
    assert 0 < end.recorder_seconds < end.seconds


def test_an_ioctl_with_a_known_stack_costs_one_read_of_stack_memory_and_no_frame_of_gdb(build, record):
    recording = record(build(PROGRAMS / "signalled_ioctl.c"), ["main"], ioctl_log=True)
    assert len(recording.ioctl_log) == 40
    end = recording.end
    assert len({entry.stack for entry in recording.ioctl_log}) == 1
    assert end.gdb_frames <= 8, "gdb shows the frames of main, of pthread_create and of the first ioctl"
    assert 40 <= end.memory_reads <= 45, "one for each ioctl, one to check the first, and those of two stops"
    assert end.left_to_gdb == 0


@pytest.mark.parametrize("options", ["-O0", "-O2 -fno-optimize-sibling-calls"])
def test_gdb_shows_few_frames_of_stacks_that_are_new_but_have_known_calls(build, record, options):
    each = PlannedMilestone(f"{BREAK}leaf", "leaf", False, ["leaf"], limit=0)
    recording = record(build(PROGRAMS / "many_stacks.c", *options.split()), steps=[each])
    stacks = [stop.frames for stop in recording.stops if stop.function == "leaf"]
    end = recording.end
    assert len(stacks) == 128 and sum(map(len, stacks)) == 128 * 10
    assert end.left_to_gdb == 0
    assert end.gdb_frames <= 3 * len(stacks), "of 10 on each stack"
    assert end.memory_reads <= len(recording.stops) + 5
