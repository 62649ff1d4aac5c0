"""gdb attaches to a QEMU that runs, as libvirt starts one, and leaves it unharmed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzer.adapters.program_text import changed_code
from analyzer.adapters.running_qemu import process_state
from analyzer.kvm.io_accesses import io_accesses
from analyzer.recording.reader import read_recording
from gdbscripts.enums import RecordingOutcome, StopReason
from tests.conftest import ANALYZE, descendants, need_tool, other_user
from tests.qemu.conftest import Run
from tests.support.pages import document_rows, embedded_document, page_texts

PROGRAMS = Path(__file__).parents[1] / "programs"
# Firmware that writes to two ports for ever, and firmware that halts at once.
BUSY = (
    "again: mov al, 0x42; out 0x80, al; mov dx, 0x3f8; mov al, 'x'; out dx, al; "
    "mov cx, 500; delay: loop delay; jmp again"
)
IDLE = "cli; again: hlt; jmp again"
FRAME = """
    .intel_syntax noprefix
    .code16
    .globl start
start: {}
    .org 0xfff0, 0xff
    jmp start
    .org 0x10000, 0xff
"""


@dataclass(frozen=True)
class Guest:
    """A QEMU that runs, and its files."""

    process: subprocess.Popen[bytes]
    pid: int
    folder: Path

    @property
    def written(self) -> int:
        """How many letters the guest has written to its serial port."""
        serial = self.folder / "serial"
        return serial.stat().st_size if serial.exists() else 0

    def writes_on(self, seconds: float = 20.0) -> bool:
        before, deadline = self.written, time.monotonic() + seconds
        while self.written == before and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.written > before

    def is_unharmed(self) -> bool:
        return process_state(self.pid) in tuple("RSD") and not changed_code(self.pid) and not tracer_of(self.pid)

    def quit(self) -> int:
        """End QEMU over QMP; returns its exit status."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.folder / "qmp"))
            replies = monitor.makefile("rw")
            replies.readline()
            for command in ("qmp_capabilities", "quit"):
                replies.write(json.dumps({"execute": command}))
                replies.flush()
                replies.readline()
        return self.process.wait(20)


Start = Callable[..., Guest]


def tracer_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("TracerPid:")[2].split()[0])


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


@pytest.fixture
def start(qemu: Path) -> Iterator[Start]:
    """Starts QEMU with firmware of the test; ends it after the test if it still runs."""
    folders = Path(tempfile.mkdtemp(prefix="attach-"))
    folders.chmod(0o755)  # another user reads and writes there
    need_tool("as")
    need_tool("ld")
    started: list[Guest] = []

    def run(code: str, *arguments: str, before: list[str] | None = None, program: Path = qemu) -> Guest:
        folder = folders / f"guest{len(started)}"
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "code.S").write_text(FRAME.format(code.replace("; ", "\n")))
        subprocess.run(["as", "--32", "-o", folder / "code.o", folder / "code.S"], check=True)
        link = ["ld", "-m", "elf_i386", "-Ttext=0", "--oformat=binary", "-e", "start"]
        subprocess.run([*link, "-o", folder / "code.bin", folder / "code.o"], check=True)
        command = [
            *(before or []), str(program), "-machine", "accel=kvm", "-display", "none", "-nodefaults", "-m", "16",
            "-bios", str(folder / "code.bin"), "-name", "guest=domain,debug-threads=on",
            "-serial", f"file:{folder / 'serial'}", "-pidfile", str(folder / "pid"),
            "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off", *arguments,
        ]  # fmt: skip
        output = folder / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        files = [folder / "pid", folder / "qmp", folder / "serial"]
        assert wait_until(lambda: all(file.exists() for file in files)), output.read_text()
        assert wait_until((folder / "pid").read_text), output.read_text()
        guest = Guest(process, int((folder / "pid").read_text()), folder)
        started.append(guest)
        assert code != BUSY or guest.writes_on()
        return guest

    yield run
    for guest in started:
        if process_state(guest.pid) not in ("", "Z"):
            os.kill(guest.pid, signal.SIGKILL)
        guest.process.wait(20)
    shutil.rmtree(folders)


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    binary = tmp_path / "sandboxed_exec"
    source = PROGRAMS / "sandboxed_exec.c"
    subprocess.run([need_tool("gcc"), "-D_GNU_SOURCE", "-Wall", "-o", binary, source], check=True)
    return binary


def attach(verb: str, guest: Guest, folder: Path, *options: str) -> Run:
    done = subprocess.run(
        [str(ANALYZE), verb, "--pid", str(guest.pid), "--out", str(folder), *options],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Run(folder, done.returncode, done.stdout, done.stderr)


@contextmanager
def recording_of(guest: Guest, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A recording in the background: the guest runs under gdb."""
    options = ["--out", str(folder), "--linger", "300", "--no-kernel"]
    analyzer = subprocess.Popen(
        [str(ANALYZE), "startup", "--pid", str(guest.pid), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        file = folder / "recording.jsonl"
        assert wait_until(
            lambda: analyzer.poll() is not None or (file.exists() and '["kvm-run"]' in file.read_text())
        )
        assert analyzer.poll() is None, analyzer.communicate()
        yield analyzer
    finally:
        analyzer.kill()
        analyzer.communicate()


def test_a_sandboxed_qemu_of_another_user_is_recorded_and_runs_on(start, sandbox, tmp_path):
    guest = start(BUSY, before=[*other_user(), str(sandbox)])
    assert "Seccomp:\t2" in Path(f"/proc/{guest.pid}/status").read_text()
    command = Path(f"/proc/{guest.pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
    run = attach("startup", guest, tmp_path / "out", "--linger", "2", "--break", "serial_ioport_write")
    assert run.status == 0, run.out + run.err
    assert f"Detached; QEMU {guest.pid} runs on." in run.out
    recording = run.recording
    assert recording.header.command == command
    assert recording.header.scenario == "attached"
    assert recording.end.outcome is RecordingOutcome.COMPLETE
    assert {"kvm-run", "break serial_ioport_write"} <= recording.reached
    assert not recording.not_reached
    assert recording.accelerator.name == "kvm"
    assert any(ioctl.returned is not None for ioctl in recording.ioctl_log)
    here = {recording.thread(s.thread).label: s for s in recording.stops if s.reason is StopReason.ATTACH}
    assert "qemu_main_loop" in {frame.function.name for frame in here["main thread"].frames}
    assert "kvm_vcpu_thread_fn" in {frame.function.name for frame in here["CPU 0/KVM"].frames}
    page = page_texts(run.folder / "report.html")
    assert ", already running, runs a KVM guest" in page
    assert "starts a KVM guest" not in page
    document = embedded_document((run.folder / "report.html").read_text())
    assert any(row["passed"] for row in document_rows(document, "milestones"))
    assert guest.is_unharmed()
    assert guest.writes_on()
    assert guest.quit() == 0


def test_accesses_are_followed_to_the_device_twice_in_a_row(start, tmp_path):
    guest = start(BUSY)
    for number in range(2):
        run = attach("io", guest, tmp_path / str(number), "--linger", "2", "--samples", "20", "--no-kernel")
        assert run.status == 0, run.out + run.err
        assert run.recording.header.scenario == "attached-io"
        accesses = io_accesses(run.recording)
        letters = [a for a in accesses if (a.kind, a.address, a.value) == ("port write", 0x3F8, ord("x"))]
        assert "serial_ioport_write" in {stop.frames[0].name for a in letters for stop in a.handled}, letters
        assert any((a.kind, a.address, a.value) == ("port write", 0x80, 0x42) for a in accesses)
        assert guest.is_unharmed()
        assert guest.writes_on()
    assert guest.quit() == 0


def test_an_idle_qemu_shows_its_main_loop_and_all_its_vcpus(start, tmp_path):
    guest = start(IDLE, "-smp", "2", "-daemonize")
    run = attach("startup", guest, tmp_path / "out", "--linger", "2", "--no-kernel")
    assert run.status == 0, run.out + run.err
    recording = run.recording
    here = {recording.thread(s.thread).label for s in recording.stops if s.reason is StopReason.ATTACH}
    assert {"main thread", "CPU 0/KVM", "CPU 1/KVM"} <= here
    graph = json.loads((run.folder / "graph.json").read_text())
    assert {"main", "qemu_main_loop", "kvm_cpu_exec"} <= {function["name"] for function in graph["functions"]}
    entered = {s.thread for s in recording.stops if "kvm-cpu-exec" in s.milestones}
    assert {recording.thread(thread).label for thread in entered} == {"CPU 0/KVM", "CPU 1/KVM"}
    assert guest.is_unharmed()


def test_a_recording_ends_when_the_stops_asked_for_are_had(start, tmp_path):
    guest = start(BUSY)
    began = time.monotonic()
    options = ("--break", "serial_ioport_write", "--break-limit", "3", "--linger", "300", "--no-kernel")
    run = attach("startup", guest, tmp_path / "out", *options)
    assert run.status == 0, run.out + run.err
    assert time.monotonic() - began < 120
    hits = sum(stop.count for stop in run.recording.stops if stop.reason is StopReason.BREAK)
    assert hits == 3
    assert guest.is_unharmed()


def test_a_glob_records_the_functions_of_a_running_qemu(start, tmp_path):
    guest = start(BUSY)
    run = attach("io", guest, tmp_path / "out", "--break", "serial_ioport_*", "--linger", "2", "--no-kernel")
    assert run.status == 0, run.out + run.err
    assert "--break 'serial_ioport_*' records 2 functions" in run.out
    hits = {name for stop in run.recording.stops for name in stop.milestones}
    assert "break serial_ioport_write" in hits
    assert guest.is_unharmed()


@pytest.mark.parametrize("option", ["--break=serial_ioport_wrote", "--break=serial_y*", "--break-calls-of=kvm_x"])
def test_a_function_that_does_not_exist_is_noticed_before_gdb_attaches(option, start, tmp_path):
    guest = start(BUSY)
    run = attach("startup", guest, tmp_path / "out", option, "--no-kernel")
    assert run.status == 2
    assert "no such function" in run.err or "no function" in run.err
    assert "Detached" not in run.out + run.err
    assert not (tmp_path / "out").exists()
    assert guest.is_unharmed()


def test_a_function_of_a_library_can_be_recorded_in_a_running_qemu(start, tmp_path):
    guest = start(BUSY)
    options = ("--break", "clock_gettime", "--break-limit", "3", "--linger", "20", "--no-kernel")
    run = attach("startup", guest, tmp_path / "out", *options)
    assert run.status == 0, run.out + run.err
    assert "break clock_gettime" in run.recording.reached
    assert guest.is_unharmed()


def test_a_qemu_that_ends_ends_the_recording(start, tmp_path):
    guest = start(BUSY)
    with recording_of(guest, tmp_path / "out") as analyzer:
        assert guest.quit() == 0
        out, _ = analyzer.communicate(timeout=60)
    assert f"QEMU {guest.pid} has ended." in out
    assert analyzer.returncode == 0, out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_analyzer_that_is_interrupted_or_killed_leaves_qemu_running(start, tmp_path, number):
    guest = start(BUSY)
    with recording_of(guest, tmp_path / "out") as analyzer:
        gdb = tracer_of(guest.pid)
        assert gdb
        assert changed_code(guest.pid), "the test must see the breakpoints"
        analyzer.send_signal(number)
        out, _ = analyzer.communicate(timeout=60)
    assert analyzer.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert wait_until(lambda: not tracer_of(guest.pid))
    assert wait_until(lambda: process_state(gdb) in ("", "Z"))
    assert number == signal.SIGKILL or f"Detached; QEMU {guest.pid} runs on." in out
    assert guest.is_unharmed()
    assert guest.writes_on()
    assert guest.quit() == 0


def test_a_signal_to_gdb_does_not_end_the_recording(start, tmp_path):
    guest = start(BUSY)
    with recording_of(guest, tmp_path / "out") as analyzer:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(tracer_of(guest.pid), number)
        time.sleep(1)
        assert analyzer.poll() is None
        assert guest.writes_on()
        analyzer.send_signal(signal.SIGINT)
        analyzer.communicate(timeout=60)
    assert guest.is_unharmed()
    assert guest.quit() == 0


def test_breakpoints_of_a_killed_gdb_are_removed(start, tmp_path):
    """A guest that is idle reaches none of them before that."""
    guest = start(IDLE)
    with recording_of(guest, tmp_path / "out") as analyzer:
        time.sleep(2)  # no thread is at a breakpoint: the vCPU is back in KVM_RUN
        os.kill(tracer_of(guest.pid), signal.SIGKILL)
        out, _ = analyzer.communicate(timeout=60)
    assert analyzer.returncode == 4, out
    assert "The recording is incomplete: gdb was killed by SIGKILL." in out
    assert "gdb ended without removing its breakpoints; they are removed now." in out
    assert guest.is_unharmed()
    assert guest.quit() == 0


def test_a_crash_is_recorded_before_gdb_detaches(start, tmp_path):
    guest = start(BUSY)
    with recording_of(guest, tmp_path / "out") as analyzer:
        os.kill(guest.pid, signal.SIGSEGV)
        out, _ = analyzer.communicate(timeout=60)
    assert analyzer.returncode == 4, out
    assert "The recording is incomplete: QEMU was stopped by SIGSEGV" in out
    last = read_recording(tmp_path / "out").stops[-1]
    assert (last.reason, last.signal) == (StopReason.SIGNAL, "SIGSEGV")
    assert wait_until(lambda: process_state(guest.pid) in ("", "Z"))


def test_a_program_that_was_replaced_is_read_through_proc(start, qemu, tmp_path):
    program = tmp_path / "qemu-system-x86_64"
    shutil.copy(qemu, program)
    guest = start(BUSY, program=program)
    program.unlink()
    shutil.copy("/bin/true", program)
    run = attach("startup", guest, tmp_path / "out", "--linger", "1", "--no-kernel")
    assert run.status == 0, run.out + run.err
    assert f"{program} was deleted or replaced since QEMU started" in run.out
    assert "kvm_cpu_exec" in {frame.function.name for stop in run.recording.stops for frame in stop.frames}
    assert guest.is_unharmed()


def refusal(pid: int, *before: str) -> str:
    line = [*before, str(ANALYZE), "startup", "--pid", str(pid), "--out", "/nonexistent/out"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_cannot_be_attached_to_is_refused_with_the_reason(start):
    guest = start(BUSY)
    ordinary = [part for part in other_user() if "caps" not in part and "bounding" not in part]
    assert "it belongs to user root" in refusal(guest.pid, *ordinary)
    vcpu = next(int(t.name) for t in Path(f"/proc/{guest.pid}/task").iterdir() if int(t.name) != guest.pid)
    assert f"{vcpu} is a thread of process {guest.pid}" in refusal(vcpu)
    os.kill(guest.pid, signal.SIGSTOP)
    assert wait_until(lambda: process_state(guest.pid) == "T")
    assert f"kill -CONT {guest.pid}" in refusal(guest.pid)
    os.kill(guest.pid, signal.SIGCONT)
    tracer = subprocess.Popen(
        [need_tool("gdb"), "-nx", "-q", "-iex", "set auto-load off", "-p", str(guest.pid)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert wait_until(lambda: tracer_of(guest.pid))
    assert f"already traced by gdb (process {tracer.pid})" in refusal(guest.pid)
    tracer.communicate(b"detach\nquit\n", timeout=60)
    assert guest.quit() == 0
    assert f"There is no process {guest.pid}" in refusal(guest.pid)


def test_a_process_that_is_not_qemu_is_refused():
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        assert "is not QEMU" in refusal(sleeper.pid)
        assert sleeper.pid in descendants()
    finally:
        sleeper.kill()
        sleeper.wait()
    assert "is a thread of the kernel" in refusal(2)


def test_a_paused_guest_gives_its_stacks_and_says_what_it_may_be(start, tmp_path):
    guest = start(IDLE, "-S")
    run = attach("startup", guest, tmp_path / "out", "--linger", "1", "--no-kernel")
    assert run.status == 4, run.out + run.err
    assert "the guest may be paused" in run.out
    here = {run.recording.thread(s.thread).label for s in run.recording.stops if s.reason is StopReason.ATTACH}
    assert {"main thread", "CPU 0/KVM"} <= here
    assert guest.is_unharmed()


def test_an_unknown_function_is_refused_and_qemu_runs_on(start, tmp_path):
    guest = start(BUSY)
    run = attach("startup", guest, tmp_path / "out", "--break", "no_such_function")
    assert run.status == 2
    assert "this QEMU has no such function" in run.err
    assert not run.folder.exists()
    assert guest.is_unharmed()
    assert guest.writes_on()
