"""QEMU and gdb are killed, crash and hang at chosen moments: the recording is marked, and says what happened."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from analyzer.recording.reader import read_recording
from gdbscripts.enums import PointerOutcome, StopReason
from tests.conftest import need, need_tool
from tests.qemu.conftest import command, startup
from tests.qemu.test_held import image
from tests.support.chaos import Blow, strike
from tests.support.faults import record_with_fault

NOTICED = 20.0  # seconds until a fault must be noticed on a busy host; one on an idle one
SEEDS = (1, 6, 9, 13)  # blows with one of each signal, while QEMU runs
QUICK = ("--no-pointers", "--no-kernel")


@pytest.mark.fault(
    "QEMU is killed, as by the out-of-memory killer",
    does="names the signal within a second, keeps what is recorded, marks it as incomplete",
    status="4; 3 at the first function, without a recording",
)
@pytest.mark.parametrize("hit", [10, 20, 60, 300])
def test_a_qemu_that_is_killed_at_a_breakpoint_is_named_at_once(qemu, tmp_path, hit):
    run = record_with_fault(f"hit:{hit}:kill-qemu", qemu, tmp_path, *QUICK)
    assert run.status == 4, run.out + run.err
    assert "The recording is incomplete: QEMU was killed by SIGKILL before: " in run.out
    assert "Record again" in run.out
    assert 0 < run.seconds < NOTICED
    recording = run.recording
    assert recording.exit is not None and recording.exit.signal == "9"
    assert recording.end is not None and recording.end.outcome == "incomplete"
    assert not [note for note in recording.notes if "could not be recorded" in note]
    assert (run.folder / "report.html").exists()


@pytest.mark.fault("QEMU is killed, as by the out-of-memory killer")
def test_a_qemu_that_is_killed_at_its_first_function_is_named_and_leaves_no_recording(qemu, tmp_path):
    run = record_with_fault("hit:1:kill-qemu", qemu, tmp_path, *QUICK)
    assert run.status == 3
    assert "analyze: QEMU was killed by SIGKILL at once." in run.err
    assert "out-of-memory killer" in run.err
    assert not (run.folder / "recording.jsonl").exists()


@pytest.mark.fault(
    "QEMU crashes or aborts, also while its guest runs (KVM_RUN)",
    does="names the signal; the last backtrace, `Where it crashed`, is that of the thread",
    status=4,
)
@pytest.mark.parametrize(("action", "signal"), [("segv-qemu", "SIGSEGV"), ("abort-qemu", "SIGABRT")])
@pytest.mark.parametrize("hit", [20, 300])
def test_the_stack_of_a_crash_is_the_last_stop_and_marked(qemu, tmp_path, action, signal, hit):
    run = record_with_fault(f"hit:{hit}:{action}", qemu, tmp_path, *QUICK)
    assert run.status == 4, run.out + run.err
    assert f"QEMU was stopped by {signal}" in run.out
    last = run.recording.stops[-1]
    assert (last.reason, last.signal) == (StopReason.SIGNAL, signal)
    assert [stop.reason for stop in run.recording.stops].count(StopReason.SIGNAL) == 1
    assert f"== Where it crashed: {signal} (" in (run.folder / "backtraces.txt").read_text()


@pytest.mark.fault(
    "gdb is killed, crashes, is stopped or hangs",
    does="names it: at once, after 3 s when gdb is stopped, after some 12 s asleep or 30 s of computation when it "
    "hangs; ends what is left of gdb and QEMU, keeps what is recorded",
    status="4; 3 before the first milestone",
)
@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("kill-gdb", "gdb was killed by SIGKILL"),
        ("segv-gdb", "gdb was killed by SIGSEGV"),
        ("stop-gdb", "gdb was stopped (as by SIGSTOP)"),
        ("sleep", "gdb does not answer (10 s asleep)"),
    ],
)
def test_a_gdb_that_ends_or_hangs_costs_only_the_rest_of_the_run(qemu, tmp_path, action, sentence):
    run = record_with_fault(f"hit:60:{action}", qemu, tmp_path, *QUICK)
    assert run.status == 4, run.out + run.err
    assert f"The recording is incomplete: {sentence} before: " in run.out
    assert f"Note: {sentence}. Record again" in run.out
    assert 0 < run.seconds < NOTICED + 20
    recording = run.recording
    assert "create-vm" in recording.reached
    assert recording.outputs.keys() == {"serial", "stdout", "stderr"}


@pytest.mark.fault(
    "one of these while function pointers are explained",
    does="notes that the function pointers are not explained, and why; the recording is complete",
    status=0,
)
@pytest.mark.parametrize("run_number", [1, 2])
@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("kill-qemu", "QEMU was killed by SIGKILL in a further run"),
        ("segv-qemu", "QEMU was stopped by SIGSEGV in a further run"),
        ("kill-gdb", "gdb was killed by SIGKILL"),
        ("stop-gdb", "gdb was stopped (as by SIGSTOP)"),
    ],
)
def test_a_fault_while_pointers_are_explained_costs_only_their_explanation(
    qemu, tmp_path, action, sentence, run_number
):
    run = record_with_fault(f"run:{run_number}:{action}", qemu, tmp_path, "--no-kernel")
    assert run.status == 0, run.out + run.err
    assert f"The function pointers are not explained: {sentence}." in run.out
    assert run.seconds < NOTICED
    assert run.recording.end is not None and run.recording.end.outcome == "complete"
    outcomes = {pointer.outcome for pointer in run.recording.pointers.values()}
    assert outcomes <= {PointerOutcome.EXPLAINED, PointerOutcome.UNKNOWN}
    assert bool(outcomes) == action.endswith("-qemu")


@pytest.mark.fault(
    "gdb crashes while it reads symbols",
    does="names the signal, and what gdb printed; nothing is recorded",
    status=3,
)
@pytest.mark.parametrize("file", [1, 4])  # QEMU itself, before it runs; a library that it loads
def test_a_gdb_that_crashes_on_symbols_is_named_and_leaves_no_recording(qemu, tmp_path, file):
    run = record_with_fault(f"symbols:{file}:segv-gdb", qemu, tmp_path, *QUICK)
    assert run.status == 3
    assert "gdb was killed by SIGSEGV" in run.err
    assert not (run.folder / "recording.jsonl").exists()


@pytest.mark.fault(
    "no further milestone is reached",
    does="prints every 5 s what it waits for; ends QEMU at --timeout or --milestone-timeout, and records where "
    "each thread is",
    status=4,
)
def test_a_run_without_a_further_milestone_ends_at_the_limit_and_progress_is_seen_without_a_terminal(
    qemu, tmp_path
):
    arguments = [
        "--wait-for-cont",
        "--no-pointers",
        "--no-kernel",
        "--milestone-timeout",
        "12",
        "--timeout",
        "150",
    ]
    run = startup(qemu, tmp_path / "out", *arguments, qemu_arguments=["-S"])
    assert run.status == 4, run.out + run.err
    assert "it reached no required milestone for 12 s (--milestone-timeout)" in run.out
    assert run.out.count("s  waiting for: The vCPU loop starts and 1 more") >= 2
    assert 12 < max(stop.time for stop in run.recording.stops) < 120


@pytest.mark.fault(
    "the analyzer gets SIGINT, SIGTERM or SIGHUP at any moment",
    does="ends QEMU and gdb, marks the recording as interrupted, writes the report",
    status="130, 143, 129; the last line names the signal",
)
@pytest.mark.fault(
    "the analyzer is killed (kill -9) at any moment",
    does="gdb and QEMU end with it; the recording is readable up to its last line, and readers say that it is cut "
    "short; the next run removes scratch folder, tracefs instance and what QEMU forked",
    status="137 in a shell",
)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_signal_at_a_random_moment_leaves_nothing_and_marks_the_recording(qemu, tmp_path, seed):
    strike(Blow.of(seed), qemu, tmp_path)


def test_the_seeds_of_these_blows_have_every_signal():
    assert {Blow.of(seed).number.name for seed in SEEDS} == {"SIGINT", "SIGHUP", "SIGKILL", "SIGTERM"}


FULL_DISK = (
    'mount -t tmpfs -o size="$1"k tmpfs "$2" && shift && to="$1" && shift && "$@"; status=$?; '
    'cp "$to"/out/recording.jsonl "$to".jsonl; exit $status'
)


@pytest.mark.fault(
    "the disk is full, or files may not grow (ulimit -f)",
    does="names the file that cannot be written; what was written is readable",
    status=3,
)
@pytest.mark.parametrize("kilobytes", [8, 40, 100, 150, 200, 300, 400])
def test_a_full_disk_is_named_and_what_was_written_is_readable(qemu, tmp_path, kilobytes):
    """At each size another write fails. The disk is in a mount namespace of its own."""
    need(os.geteuid() == 0, "root, to mount a small disk")
    disk, kept = tmp_path / "disk", tmp_path / "disk.jsonl"
    disk.mkdir()
    line = [need_tool("unshare"), "-m", "sh", "-c", FULL_DISK, "sh", str(kilobytes), str(disk)]
    done = subprocess.run(
        [*line, *command(qemu, disk / "out", *QUICK)], capture_output=True, text=True, timeout=180, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert done.returncode == 3, done.stdout + done.stderr
    assert "No space left on device" in done.stderr
    assert "space left." in done.stderr.splitlines()[-1] or kilobytes == 8
    assert kept.exists() == (kilobytes > 8)
    if kept.exists():
        assert read_recording(kept).stops


@pytest.mark.fault("the output folder is removed", does="names the file that cannot be written", status=3)
def test_an_output_folder_that_is_removed_is_named(qemu, tmp_path):
    folder = tmp_path / "out"
    with subprocess.Popen(
        command(qemu, folder, *QUICK), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            if "initialises KVM" in text:
                shutil.rmtree(folder)
                break
        _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert f"{folder / 'recording.jsonl'} cannot be written: No such file or directory." in err
    assert "Check that the output folder still exists" in err


@pytest.mark.fault(
    "the guest never ends, resets in a loop, or prints without an end",
    does="ends QEMU at --timeout; records at most 2^20 characters of the serial port",
    status="4; 0 when QEMU ends at the reset (-no-reboot)",
)
@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("ebfe", 4, "ended by the analyzer, but the guest did not end it as expected"),  # runs for ever
        ("b0fee664f4", 0, "QEMU ended"),  # resets: -no-reboot ends QEMU
        ("b0fee664f4 -action reboot=reset", 4, "ended by the analyzer"),  # resets in a loop
        # 4 KiB to the serial port with each instruction, without an end
        ("baf803be0000b900108cd88ed8fcf36eebf3", 4, "ended by the analyzer"),
    ],
)
def test_a_guest_that_does_not_end_as_expected_is_recorded_up_to_its_end(qemu, tmp_path, code, status, reason):
    code, *more = code.split()
    bios = image(tmp_path / "bios.bin", code)
    options = ("--timeout", "10" if more else "25", "--no-pointers", "--no-kernel")
    run = startup(qemu, tmp_path / "out", *options, qemu_arguments=["-bios", str(bios), *more])
    assert run.recording.not_reached == []
    assert run.recording.end.reason.startswith(reason)
    assert len(run.recording.outputs["serial"]) <= 1 << 20
    assert run.status == status, run.out + run.err


@pytest.mark.load("64 processors", does="records each in its thread")
def test_64_processors_are_recorded_each_in_its_thread(qemu, tmp_path):
    run = startup(qemu, tmp_path / "out", "--timeout", "150", *QUICK, qemu_arguments=["-smp", "64"])
    assert run.status == 0, run.out + run.err
    recording = run.recording
    starts = [stop.thread for stop in recording.stops if "vcpu-thread" in stop.milestones]
    assert len(starts) == len(set(starts)) == 64
    assert {recording.thread(thread).label for thread in starts} == {f"CPU {n}/KVM" for n in range(64)}
