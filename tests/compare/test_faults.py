"""A small QEMU that does what no QEMU should, in a file of `programs/faults/`: each end is recorded and named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from analyzer.adapters.run_processes import VARIABLE, RunMark, end_processes
from analyzer.recording.reader import read_recording
from gdbscripts.enums import StopReason
from tests.compare.conftest import TOY, analyze
from tests.conftest import ANALYZE, need, need_tool

ROOT = TOY.parents[2]
LATE_TRACE = """
import sys, time
from analyzer import cli
from analyzer.adapters.tracefs import TracefsInstance
from analyzer.recording.kernel_trace import KernelTrace
def open_late():
    time.sleep(1.0)
    return TracefsInstance.open()
KernelTrace.open = classmethod(lambda cls: cls(open_late))
sys.exit(cli.main(sys.argv[1:]))
"""
JUMPING_CLOCK = """
import itertools, sys, time
from analyzer import cli
jumps = itertools.count()
real = time.time
time.time = lambda: real() + (-1) ** next(jumps) * 365 * 86400
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def with_fault(toy):
    """The toy with the fault of that file."""
    return lambda fault: toy(f'FAULT="faults/{fault}.c"', name=fault)


@pytest.fixture
def faulty(with_fault, tmp_path):
    """Records the toy with a fault; returns what `analyze` printed, and its recording."""

    def record(fault: str, *options: str, pointers: bool = False):
        program = with_fault(fault)
        quick = ["--no-kernel"] if pointers else ["--no-kernel", "--no-pointers"]
        out = tmp_path / "out"
        done = analyze("startup", "--qemu", program, "--out", out, "--timeout", "20", *quick, *options)
        return done, read_recording(out) if (out / "recording.jsonl").exists() else None

    return record


def test_kernel_events_are_complete_also_when_the_kernel_is_slow_to_prepare_them(toy, tmp_path):
    """As beside another recorder, for which the kernel removes a trace."""
    need(os.geteuid() == 0, "root, to trace the kernel")
    line = [sys.executable, "-c", LATE_TRACE, "startup", "--qemu", toy(), "--out", tmp_path / "out"]
    done = subprocess.run(
        [*line, "--no-pointers"], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recording = read_recording(tmp_path / "out")
    assert any(ioctl.kernel for ioctl in recording.ioctl_log)
    assert not [note for note in recording.notes if "missing from the kernel trace" in note]


@pytest.mark.fault(
    "QEMU executes itself or another program",
    does="ends the recording there and names the program; breakpoints do not fit it",
    status=4,
)
@pytest.mark.parametrize(("fault", "program"), [("exec_self", "qemu-toy-exec_self"), ("exec_other", "/sleep")])
def test_a_qemu_that_executes_a_program_is_recorded_up_to_that(faulty, fault, program):
    done, recording = faulty(fault, pointers=True)
    assert done.returncode == 4, done.stdout + done.stderr
    assert recording.end.reason.startswith("QEMU executed ")
    assert recording.end.reason.endswith(f"{program} before: kvm-cpu-exec, kvm-run")
    assert recording.end.seconds < 15
    assert "name it with --qemu" in done.stdout
    assert recording.stops[-1].reason is not StopReason.WHERE  # no names of the old program for the new one's code
    assert not recording.pointers


@pytest.mark.fault(
    "the thread of a processor ends, QEMU goes on", does="ends QEMU at --timeout or --milestone-timeout", status=4
)
def test_a_processor_thread_that_ends_leaves_a_recording_without_its_milestones(faulty):
    done, recording = faulty("thread_dies", "--milestone-timeout", "2")
    assert done.returncode == 4, done.stdout + done.stderr
    assert [milestone.name for milestone in recording.not_reached] == ["kvm-cpu-exec", "kvm-run"]
    assert "it reached no required milestone for 2 s (--milestone-timeout)" in done.stdout
    where = [stop for stop in recording.stops if stop.reason is StopReason.WHERE]
    assert [recording.thread(stop.thread).number for stop in where] == [1]


@pytest.mark.fault("QEMU crashes or aborts, also while its guest runs (KVM_RUN)")
def test_an_abort_beside_kvm_run_is_the_last_stop_and_the_others_are_where_they_are(faulty):
    done, recording = faulty("abort_in_run")
    assert done.returncode == 4, done.stdout + done.stderr
    assert recording.end.reason == "QEMU was stopped by SIGABRT"
    assert (recording.stops[-1].reason, recording.stops[-1].signal) == (StopReason.SIGNAL, "SIGABRT")
    assert "abort_soon" in [frame.name for frame in recording.stops[-1].frames]
    others = [stop.frames for stop in recording.stops if stop.reason is StopReason.WHERE]
    assert any("kvm_cpu_exec" in [frame.name for frame in frames] for frames in others)


@pytest.mark.fault(
    "QEMU prints 100 MB to standard output and standard error",
    does="records the first 2^20 characters of each stream, and notes that there were more",
    status=0,
)
def test_endless_output_of_qemu_is_recorded_up_to_a_limit_and_the_note_says_so(faulty):
    done, recording = faulty("endless_output")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(recording.outputs["stdout"]) == len(recording.outputs["stderr"]) == 1 << 20
    assert [note for note in recording.notes if "stdout" in note] == [
        "stdout of QEMU has 104,857,600 bytes; the first 1,048,576 characters are recorded."
    ]


def running(program: Path) -> list[int]:
    """The processes that execute this program."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdecimal() and os.readlink(folder / "exe") == str(program):
                found.append(int(folder.name))
    return found


@pytest.mark.fault(
    "QEMU forks a helper that outlives it",
    does="does not follow the helper, ends it with the recording, and notes its name",
    status=0,
)
@pytest.mark.parametrize("engine", ["gdb", "probes"])
def test_a_helper_that_outlives_qemu_is_noted_and_ended(faulty, with_fault, engine):
    need(engine == "gdb" or os.geteuid() == 0, "root, to set uprobes")
    done, recording = faulty("fork_helper", "--break", "helper_work", "--engine", engine)
    assert done.returncode == 0, done.stdout + done.stderr
    notes = [note for note in recording.notes if "QEMU forked" in note]
    assert [
        note.startswith("QEMU forked 1 process that went on after its end (qemu-toy-fork_h)") for note in notes
    ] == ([True] if engine == "gdb" else [])
    assert not running(with_fault("fork_helper"))


def test_a_helper_of_a_killed_recording_is_ended_by_the_next(toy, with_fault, tmp_path):
    helper = with_fault("fork_helper")
    line = [ANALYZE, "startup", "--qemu", helper, "--no-kernel", "--no-pointers", "--out", tmp_path / "killed"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert any("initialises KVM" in text for text in process.stdout)
        assert running(helper)
        process.kill()
    analyze("startup", "--qemu", toy(), "--out", tmp_path / "next", "--no-kernel", "--no-pointers")
    assert not running(helper)


def test_a_helper_of_a_recording_that_lives_is_left_alone(toy, tmp_path):
    mark = RunMark.new()
    with subprocess.Popen(["sleep", "60"], env={**os.environ, VARIABLE: str(mark)}) as process:
        analyze("startup", "--qemu", toy(), "--out", tmp_path / "out", "--no-kernel", "--no-pointers")
        assert process.poll() is None
        end_processes(RunMark.new())
        assert process.poll() is None
        end_processes(mark)
        assert process.wait(10) == -signal.SIGKILL


@pytest.mark.fault(
    "QEMU becomes a daemon (-daemonize, or by itself)",
    does="refuses the option; ends the daemon, and names --pid",
    status="2; 3 when it does so by itself",
)
def test_a_qemu_that_becomes_a_daemon_is_ended_and_the_way_to_record_it_is_named(faulty, with_fault):
    done, recording = faulty("daemonize")
    assert (done.returncode, recording) == (3, None), done.stdout + done.stderr
    assert "analyze: QEMU forked and ended, as a daemon does" in done.stderr
    assert "--pid" in done.stderr
    assert not running(with_fault("daemonize"))


@pytest.mark.fault("the disk is full, or files may not grow (ulimit -f)")
@pytest.mark.parametrize(
    ("size", "last_lines"),
    [
        (1500, "A scratch file in "),
        (8000, "Check that its folder exists, is writable and has space left."),
        (15000, "Check that its folder exists, is writable and has space left."),
    ],
)
def test_a_file_that_may_not_grow_is_named_and_what_was_written_is_readable(toy, tmp_path, size, last_lines):
    limit = [need_tool("prlimit"), f"--fsize={size}"]
    done = analyze(
        "startup", "--qemu", toy(), "--out", tmp_path / "out", "--no-kernel", "--no-pointers", before=limit
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert last_lines in "".join(done.stderr.splitlines(keepends=True)[-2:])
    recording = tmp_path / "out" / "recording.jsonl"
    assert recording.exists() == (size > 1500)
    if recording.exists():
        assert read_recording(recording).stops


@pytest.mark.fault(
    "memory is limited (ulimit -v, a cgroup)",
    does="of gdb and QEMU as above; of the analyzer, says that memory is missing",
    status="3 or 4",
)
@pytest.mark.parametrize("megabytes", [60, 180, 220])
def test_too_little_memory_is_no_traceback_and_leaves_nothing(toy, tmp_path, megabytes):
    limit = [need_tool("prlimit"), f"--as={megabytes << 20}"]
    line = ["startup", "--qemu", toy(), "--out", tmp_path / "out", "--no-kernel", "--no-pointers"]
    (tmp_path / "tmp").mkdir()
    done = analyze(*line, before=limit, TMPDIR=str(tmp_path / "tmp"))
    assert done.returncode in ((3,) if megabytes == 60 else (0, 3, 4)), done.stdout + done.stderr
    assert not list((tmp_path / "tmp").iterdir())
    if (tmp_path / "out" / "recording.jsonl").exists():
        assert read_recording(tmp_path / "out").stops


@pytest.mark.fault(
    "the clock jumps",
    does="records and waits on: times are those of the monotonic clock",
    status="that of the run",
)
def test_a_clock_that_jumps_by_a_year_at_each_look_changes_nothing(toy, tmp_path):
    line = [sys.executable, "-c", JUMPING_CLOCK, "startup", "--qemu", toy(), "--out", tmp_path / "out"]
    done = subprocess.run(
        [*line, "--no-pointers"], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    times = [stop.time for stop in read_recording(tmp_path / "out").stops]
    assert times == sorted(times) and 0 < times[0] <= times[-1] < 30


def test_no_time_limit_looks_at_the_clock_that_may_jump():
    """Only what compares times of files does: file systems have no other clock."""
    files = [file for top in ("analyzer", "gdbscripts") for file in (ROOT / top).rglob("*.py")]
    assert {file.name for file in files if "time.time(" in file.read_text()} == {
        "debuginfod.py", "symbol_index.py",
    }  # fmt: skip
