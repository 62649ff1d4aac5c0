"""Guests that QEMU holds or pauses: the recording ends at once and names the option."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import time
from pathlib import Path

import pytest

from analyzer.adapters.gdb import Gdb
from analyzer.adapters.qemu import examine
from analyzer.output_folder import prepare_folder
from analyzer.recording import program, session
from analyzer.recording.guest import choose_guest
from analyzer.recording.reader import read_recording
from analyzer.recording.request import RecordingOptions, RecordingRequest
from analyzer.recording.scenarios import load_scenario
from tests.qemu.conftest import command, startup
from tests.support.pages import page_texts

TIMEOUT = "150"  # of a run that must end long before
QUICK = 90.0  # seconds; a few on an idle machine


def image(path: Path, code: str) -> Path:
    """A firmware that starts with `code`, in hexadecimal, at the reset vector's jump."""
    start = bytes.fromhex(code)
    jump = b"\xe9" + (-0xFFF3 & 0xFFFF).to_bytes(2, "little")
    path.write_bytes(start.ljust(0xFFF0, b"\xff") + jump.ljust(16, b"\xff"))
    return path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-S"], "The guest is held by -S. Leave out -S"),
        (["-gdb", "tcp:127.0.0.1:0", "-S"], "waits for a gdb that connects to -gdb tcp:127.0.0.1:0"),
        (
            ["-incoming", "defer"],
            "waits for an incoming migration (-incoming defer). Leave out -incoming",
        ),
        (["-incoming", "tcp:127.0.0.1:0"], "waits for an incoming migration (-incoming tcp:127.0.0.1:0)"),
        (["-incoming", "exec:sleep 60"], "waits for an incoming migration (-incoming exec:sleep 60)"),
    ],
)
def test_a_held_guest_ends_the_recording_at_once(qemu, tmp_path, arguments, sentence):
    began = time.monotonic()
    result = startup(qemu, tmp_path / "out", "--timeout", TIMEOUT, "--no-pointers", qemu_arguments=arguments)
    assert time.monotonic() - began < QUICK
    assert result.status == 4, result.out + result.err
    assert sentence in result.out
    recording = result.recording
    assert {"init-vcpu", "vcpu-thread", "create-vcpu"} <= recording.reached
    assert {milestone.name for milestone in recording.not_reached} == {"kvm-cpu-exec", "kvm-run"}
    assert len({stop.thread for stop in recording.stops if stop.reason == "where"}) >= 2
    assert f"The recording is incomplete: {recording.end.reason}." in result.out
    assert sentence in page_texts(tmp_path / "out" / "report.html")


def test_a_qemu_that_waits_for_its_configuration_is_named_so(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", "--timeout", TIMEOUT, qemu_arguments=["--preconfig"])
    assert result.status == 4
    assert "QEMU waits for its configuration (--preconfig). Leave out --preconfig" in result.out
    assert "kvm-init" in result.recording.reached


def test_the_pointers_of_a_held_guest_are_explained_in_a_few_seconds(qemu, tmp_path):
    began = time.monotonic()
    result = startup(qemu, tmp_path / "out", "--timeout", TIMEOUT, qemu_arguments=["-S"])
    assert time.monotonic() - began < QUICK
    assert {pointer.outcome for pointer in result.recording.pointers.values()} == {"explained"}


@pytest.mark.parametrize(
    ("code", "arguments", "sentence"),
    [
        ("b0fee664f4", ["-no-shutdown"], "the guest has shut down, and -no-shutdown keeps QEMU"),
        ("b001ba0505eef4", ["-no-shutdown", "-device", "pvpanic"], "the guest reports a panic"),
        ("b00fba4304eeebfe", ["-device", "ib700", "-watchdog-action", "pause"], "its watchdog timer has expired"),
    ],
)
def test_a_guest_that_qemu_pauses_ends_the_recording_at_once(qemu, tmp_path, code, arguments, sentence):
    bios = image(tmp_path / "bios.bin", code)
    began = time.monotonic()
    result = startup(
        qemu,
        tmp_path / "out",
        "--timeout",
        TIMEOUT,
        "--no-pointers",
        qemu_arguments=[*arguments, "-bios", str(bios)],
    )
    assert time.monotonic() - began < QUICK
    assert result.status == 4, result.out + result.err
    assert sentence in result.out
    assert result.recording.not_reached == []


def test_a_disk_guest_that_qemu_pauses_is_complete_and_the_state_is_noted(qemu, tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes.fromhex("b0fee664f4").ljust(510, b"\0") + b"\x55\xaa")
    began = time.monotonic()
    result = startup(
        qemu,
        tmp_path / "out",
        "--guest",
        str(disk),
        "--linger",
        "90",
        "--no-pointers",
        qemu_arguments=["-no-shutdown"],
    )
    assert time.monotonic() - began < QUICK
    assert result.status == 0, result.out + result.err
    assert "Note: The guest has shut down, and -no-shutdown keeps QEMU (run state shutdown)." in result.out


def test_a_guest_that_shuts_down_as_usual_is_not_paused(qemu, tmp_path):
    """QEMU sets the run state `shutdown` on its way out too."""
    bios = image(tmp_path / "bios.bin", "b0fee664f4")
    result = startup(qemu, tmp_path / "out", "--no-pointers", qemu_arguments=["-bios", str(bios)])
    assert result.status == 0, result.out + result.err
    assert "run state" not in result.out


def test_somebody_who_continues_the_guest_is_waited_for(qemu, tmp_path):
    address = tmp_path / "qmp"
    line = command(
        qemu, tmp_path / "out", "--wait-for-cont", "--no-pointers",
        qemu_arguments=["-S", "-qmp", f"unix:{address},server=on,wait=off"],
    )  # fmt: skip
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        deadline = time.monotonic() + 60
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2.0)  # longer than a held guest would be left
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(address))
            stream = client.makefile("rw")
            stream.readline()
            for name in ("qmp_capabilities", "cont"):
                stream.write(json.dumps({"execute": name}) + "\n")
                stream.flush()
                stream.readline()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert read_recording(tmp_path / "out").not_reached == []


def test_nobody_who_continues_it_is_said_at_the_time_limit(qemu, tmp_path):
    result = startup(
        qemu, tmp_path / "out", "--wait-for-cont", "--timeout", "8", "--no-pointers", qemu_arguments=["-S"]
    )
    assert result.status == 4
    assert "The guest is held by -S." in result.out
    assert max(stop.time for stop in result.recording.stops) > 8.0


@pytest.mark.parametrize("missing", ["variables", "main_loop_wait", "nothing"])
def test_a_qemu_without_these_names_is_asked_by_its_stacks(qemu, tmp_path, monkeypatch, missing):
    """No variable: the stacks show it. No function of the main loop: nothing is claimed."""
    names = program.run_state_plan(stops=True)
    lacking = {"variables": ["no_such_variable"]}
    if missing == "main_loop_wait":
        lacking = {"main_loop_wait": ["no_such_function"]}
    monkeypatch.setattr(program, "run_state_plan", lambda **_: dataclasses.replace(names, **lacking))
    arguments = () if missing == "nothing" else ("-S",)
    options = RecordingOptions(timeout=8.0, kernel=False, qemu_arguments=arguments)
    request = RecordingRequest(
        options=options, qemu=examine(qemu), scenario=load_scenario("startup", "kvm"), guest=choose_guest("tiny"),
        build={},
    )  # fmt: skip
    watcher = session.RecordingReporter(lambda: None, lambda _: None, lambda *_: None, lambda *_: None)
    with Gdb(qemu) as gdb:
        prepare_folder(tmp_path, force=False)
        session.record(request, tmp_path, gdb, None, watcher)
    end = read_recording(tmp_path).end
    expected = {
        "variables": "the guest is held by -S",
        "main_loop_wait": "ended by the analyzer before: kvm-cpu-exec, kvm-run",
        "nothing": "QEMU ended",
    }
    assert end.reason == expected[missing]
