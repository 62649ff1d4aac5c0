"""Probes record what gdb records, without stopping QEMU, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyzer.adapters.tracefs import find_tracefs
from analyzer.adapters.uprobes import PREFIX, UprobeDefinitions
from analyzer.errors import AnalyzerError
from analyzer.kvm.io_accesses import io_accesses
from analyzer.model.frames import Stop
from analyzer.model.recording import Recording
from gdbscripts.enums import Engine, RecordingOutcome, StopReason
from tests.conftest import ANALYZE, need, other_user
from tests.qemu import test_attach
from tests.qemu.conftest import Run, command, startup
from tests.qemu.test_attach import BUSY, Start, attach

start = test_attach.start  # a fixture
FUNCTIONS = (
    "object_property_set", "memory_region_init", "qdev_realize", "kvm_ioctl", "kvm_vm_ioctl", "kvm_vcpu_ioctl",
    "type_initialize",
)  # fmt: skip
BREAKS = [word for function in FUNCTIONS for word in ("--break", function)]


@dataclass(frozen=True)
class Difference:
    """Why the hits of stacks that go through `function` may differ between two recordings."""

    function: str
    reason: str


ALLOWED = (
    Difference("call_rcu_thread", "how many flat views there are to free depends on time"),
    Difference("kvm_cpu_exec", "signals interrupt KVM_RUN, and how often depends on time"),
)


@pytest.fixture(scope="session", autouse=True)
def probes_can_be_set() -> None:
    try:
        UprobeDefinitions.open().close()
    except AnalyzerError as error:
        need(False, f"probes: {error.message}")


@pytest.fixture(scope="module", params=["", *filter(None, os.environ.get("MORE_QEMUS", "").split(":"))])
def either_qemu(request: pytest.FixtureRequest, qemu: Path) -> Path:
    """$QEMU, and further ones of $MORE_QEMUS, separated by colons."""
    return Path(request.param) if request.param else qemu


@pytest.fixture(scope="module")
def both(either_qemu: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Recording]:
    """A recording with gdb, and one with probes."""
    folder = tmp_path_factory.mktemp("engines")
    plain = ("--no-pointers", "--no-kernel", "--timeout", "170", *BREAKS)
    gdb = startup(either_qemu, folder / "gdb", *plain, "--no-ioctls")
    probes = startup(either_qemu, folder / "probes", *plain, "--engine", "probes")
    assert (gdb.status, probes.status) == (0, 0), gdb.out + probes.out
    return gdb.recording, probes.recording


@pytest.fixture(scope="module")
def probed(qemu: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return startup(qemu, tmp_path_factory.mktemp("probes") / "run", "--engine", "probes")


def shown(stop: Stop) -> tuple[object, ...]:
    """All that a stop has, without arguments.

    The line in `ioctl` is left out: gdb stops at its entry, the kernel reports the system call in it.
    """
    frames = tuple(
        (f.name, f.file, f.line if n or stop.function != "ioctl" else 0, f.kind, f.library, f.call, f.instruction,
         f.addressed or stop.function == "ioctl", f.elided, f.defined_in)
        for n, f in enumerate(stop.frames)
    )  # fmt: skip
    return stop.function, stop.reason, stop.milestones, stop.starts, frames


def stacks(recording: Recording) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for stop in recording.stops:
        found[shown(stop)] += stop.count
    return found


def may_differ(stack: tuple[object, ...]) -> bool:
    return any(frame[0] == allowed.function for allowed in ALLOWED for frame in stack[-1])  # type: ignore[attr-defined]


def test_stacks_are_those_that_gdb_shows(both):
    """Frame by frame: names, files, lines, inlined and tail frames, elided functions, call instructions."""
    of_gdb, of_probes = map(stacks, both)
    assert {stack for stack in of_gdb.keys() ^ of_probes.keys() if not may_differ(stack)} == set()
    assert len(of_probes) > 1000


def test_hits_are_those_that_gdb_counts(both):
    of_gdb, of_probes = map(stacks, both)
    different = {stack: (of_gdb[stack], of_probes[stack]) for stack in of_gdb if of_gdb[stack] != of_probes[stack]}
    assert {stack: hits for stack, hits in different.items() if not may_differ(stack)} == {}


def test_calls_have_the_hits_that_gdb_counts(both):
    def calls(recording: Recording) -> Counter[tuple[str, str, str]]:
        counts: Counter[tuple[str, str, str]] = Counter()
        for stop in recording.stops:
            if may_differ(shown(stop)):
                continue
            for callee, caller in zip(stop.frames, stop.frames[1:], strict=False):
                counts[str(caller.function), str(callee.function), str(caller.call)] += stop.count
        return counts

    of_gdb, of_probes = map(calls, both)
    assert of_gdb == of_probes
    assert len(of_gdb) > 500


def test_threads_are_created_by_the_same_stacks(both):
    def created(recording: Recording, named: Collection[str]) -> Counter[tuple[str, str]]:
        threads = [thread for thread in recording.threads if thread.created_by is not None]
        return Counter((thread.name if thread.name in named else "", str(thread.start)) for thread in threads)

    # gdb reads a thread's name at its stops: one that names itself later, and never stops, has none
    named = {thread.name for thread in both[0].threads}
    of_gdb, of_probes = (created(recording, named) for recording in both)
    assert of_gdb == of_probes
    assert of_gdb


def test_nothing_is_lost_and_nothing_is_cut(both):
    """The only note is the one about what probes cannot see."""
    recording = both[1]
    assert recording.header.engine is Engine.PROBES
    assert len(recording.notes) == 1, recording.notes
    assert all(not stop.open_ended for stop in recording.stops)


def test_the_milestones_and_the_kernel_trace_are_complete(probed):
    recording = probed.recording
    assert probed.status == 0, probed.out
    assert recording.end.outcome is RecordingOutcome.COMPLETE
    assert not recording.not_reached
    assert recording.accelerator.name == "kvm"
    assert [stop.ioctl.returned for stop in recording.stops if stop.ioctl and "create-vm" in stop.milestones] != [
        None
    ]
    assert {ioctl.file.partition(":")[0] for ioctl in recording.ioctl_log} == {"/dev/kvm", "anon_inode"}
    assert all(ioctl.returned is not None for ioctl in recording.ioctl_log)
    if recording.kernel.recorded:
        assert not [note for note in recording.notes if "missing from the kernel trace" in note]


def test_the_header_of_other_recordings_names_gdb(run):
    assert run.recording.header.engine is Engine.GDB


def test_an_unknown_function_is_refused(qemu, tmp_path):
    refused = startup(qemu, tmp_path / "out", "--engine", "probes", "--break", "no_such_function")
    assert refused.status == 2
    assert "--break no_such_function: this QEMU has no such function." in refused.err


def test_a_qemu_that_ends_at_once_is_explained(qemu, tmp_path):
    ended = startup(qemu, tmp_path / "out", "--engine", "probes", qemu_arguments=("-machine", "none-such"))
    assert ended.status == 3
    assert "QEMU ended at once. Its output: " in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(qemu, tmp_path, number):
    """Whatever ends the recording: no process, no probe."""
    image = tmp_path / "disk"
    image.write_bytes(bytes(1 << 20))
    line = command(qemu, tmp_path / "out", "--engine", "probes", "--guest", str(image), "--linger", "100")
    analyzer = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    definitions = find_tracefs()
    try:
        group = f"{PREFIX}{analyzer.pid}"
        events = definitions.folder / "uprobe_events"
        wait_until(lambda: group in events.read_text() and running(qemu, tmp_path))
        analyzer.send_signal(number)
        analyzer.communicate(timeout=60)
        wait_until(lambda: group not in events.read_text() and not running(qemu, tmp_path))
    finally:
        analyzer.kill()
        definitions.close()


def running(qemu: Path, folder: Path) -> bool:
    """Whether a QEMU runs that has a file in the folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if line.startswith(os.fsencode(qemu)) and os.fsencode(folder) in line:
            return True
    return False


def wait_until(condition, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def io(qemu: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, Recording]:
    """The tiny guest's I/O, recorded with gdb and with probes."""
    folder = tmp_path_factory.mktemp("io")
    recordings = []
    for engine in Engine:
        line = [str(ANALYZE), "io", "--qemu", str(qemu), "--out", str(folder / engine), "--engine", str(engine)]
        done = subprocess.run([*line, "--no-pointers"], capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        recordings.append(Run(folder / engine, 0, "", "").recording)
    return recordings[0], recordings[1]


def test_accesses_are_those_that_gdb_follows_to_the_device(io):
    """Also those that the kernel serves. When an interrupt comes depends on time."""

    def accesses(recording: Recording) -> Counter[tuple[object, ...]]:
        return Counter(
            (a.kind, a.address, a.size, a.count, a.value, a.reason, a.served,
             tuple(tuple(f.name for f in stop.frames) for stop in (*a.handled, *a.coalesced)))
            for a in io_accesses(recording) if a.kind != "interrupt"
        )  # fmt: skip

    of_gdb, of_probes = map(accesses, io)
    assert of_gdb == of_probes
    assert sum(of_probes.values()) > 100
    assert io[0].exit_counts == io[1].exit_counts


def test_accesses_are_counted_by_device(io):
    assert [note for note in io[1].notes if "serial by serial_ioport_write" in note]


BOOT_SECTOR = b"\xb0\x00\xe6\xf4".ljust(510, b"\x90") + b"\x55\xaa"  # mov al, 0; out 0xf4, al: isa-debug-exit


def test_a_bios_boots_at_its_own_pace(qemu, tmp_path):
    """It boots a sector that ends QEMU. gdb makes the BIOS miss its time limits."""
    disk = tmp_path / "disk"
    disk.write_bytes(BOOT_SECTOR.ljust(1 << 20, b"\0"))
    extra = ("-device", "isa-debug-exit,iobase=0xf4")
    line = [
        str(ANALYZE),
        "io",
        "--qemu",
        str(qemu),
        "--out",
        str(tmp_path / "out"),
        "--engine",
        "probes",
        "--no-kernel",
    ]
    options = ["--guest", str(disk), "--linger", "90", "--force", "--", *extra]
    done = subprocess.run([*line, *options], capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    recording = Run(tmp_path / "out", 0, "", "").recording
    assert recording.exit.status == 1
    assert sum(recording.exit_counts.values()) > 1000
    last = max(exit_.time for exit_ in recording.exits)
    command = [word for word in recording.header.command if word != "stdio"]
    command.insert(command.index("-serial") + 1, "null")
    started = time.monotonic()
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False)
    assert last < 3 * (time.monotonic() - started)


def test_a_qemu_that_runs_is_recorded_and_runs_on(start: Start, tmp_path):
    guest = start(BUSY)
    recorded = attach("io", guest, tmp_path / "out", "--engine", "probes", "--linger", "2", "--no-kernel")
    assert recorded.status == 0, recorded.out
    assert guest.is_unharmed()
    assert guest.writes_on()
    recording = recorded.recording
    assert sum(recording.exit_counts.values()) > 100
    assert [note for note in recording.notes if "serial by serial_ioport_write" in note]
    assert {"CPU 0/KVM"} == {thread.name for thread in recording.threads}
    functions = {stop.function for stop in recording.stops if stop.reason is StopReason.IO}
    assert "serial_ioport_write" in functions


def test_a_qemu_that_runs_survives_the_end_of_the_analyzer(start: Start, tmp_path):
    guest = start(BUSY)
    line = [str(ANALYZE), "io", "--pid", str(guest.pid), "--out", str(tmp_path / "out"), "--engine", "probes"]
    analyzer = subprocess.Popen([*line, "--linger", "100"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: not guest.is_unharmed())  # a probe is in its code
        analyzer.kill()
        analyzer.communicate(timeout=60)
        wait_until(guest.is_unharmed)
        assert guest.writes_on()
    finally:
        analyzer.kill()


def test_another_user_is_told_what_to_do(qemu, tmp_path):
    folder = tmp_path / "out"
    tmp_path.chmod(0o777)
    line = [*other_user(), *command(qemu, folder, "--engine", "probes")]
    refused = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "Probes cannot be set: Only root can record kernel events." in refused.stderr
    assert "Run this as root (sudo). Or record with --engine gdb." in refused.stderr
