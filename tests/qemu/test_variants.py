"""Other guests, other accelerators, more processors, and runs that do not go well."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from analyzer.graph.merge import merge
from tests.conftest import children, need_tool
from tests.qemu.conftest import command, startup
from tests.qemu.pointer_table import compare
from tests.support.definitions import read_recording
from tests.support.pages import page_texts

BOOT_SECTOR = """
        .code16
        mov     $text, %si
        xor     %ax, %ax
        mov     %ax, %ds
1:      lodsb
        test    %al, %al
        jz      2f
        mov     $0x3f8, %dx
        out     %al, %dx
        jmp     1b
2:      mov     $0x10, %al
        out     %al, $0xf4
        hlt
text:   .asciz  "boot sector here\\r\\n"
        .org    510
        .word   0xaa55
"""
MULTIBOOT_KERNEL = """
        .code32
        .long   0x1badb002, 0, -0x1badb002
        .globl  _start
_start: mov     $text, %esi
1:      lodsb
        test    %al, %al
        jz      2f
        mov     $0x3f8, %dx
        out     %al, %dx
        jmp     1b
2:      mov     $0x10, %al
        out     %al, $0xf4
        hlt
text:   .asciz  "kernel here\\r\\n"
"""
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4"]


def assemble(tmp_path, text, *link):
    need_tool("as")
    (tmp_path / "guest.s").write_text(text)
    subprocess.run(["as", "--32", "-o", tmp_path / "guest.o", tmp_path / "guest.s"], check=True)
    subprocess.run(["ld", "-m", "elf_i386", *link, "-o", tmp_path / "guest", tmp_path / "guest.o"], check=True)
    return tmp_path / "guest"


def test_a_disk_image_of_the_users(qemu, tmp_path):
    image = assemble(tmp_path, BOOT_SECTOR, "-Ttext=0x7c00", "--oformat=binary", "-e", "0")
    before = image.read_bytes()
    result = startup(qemu, tmp_path / "out", "--guest", str(image), "--linger", "60", qemu_arguments=DEBUG_EXIT)
    assert result.status == 0, result.out + result.err
    assert "boot sector here" in result.recording.outputs["serial"]
    assert result.recording.exit.status == 33
    assert image.read_bytes() == before


def test_a_kernel_of_the_users(qemu, tmp_path):
    kernel = assemble(tmp_path, MULTIBOOT_KERNEL, "-Ttext=0x100000")
    result = startup(qemu, tmp_path / "out", "--guest", str(kernel), "--linger", "60", qemu_arguments=DEBUG_EXIT)
    assert result.status == 0, result.out + result.err
    assert "kernel here" in result.recording.outputs["serial"]


def test_a_guest_that_never_ends_is_ended_after_the_last_milestone(qemu, tmp_path):
    image = assemble(tmp_path, ".code16\n1: jmp 1b\n.org 510\n.word 0xaa55\n", "--oformat=binary", "-e", "0")
    result = startup(qemu, tmp_path / "out", "--guest", str(image), "--linger", "0.5")
    assert result.status == 0
    assert result.recording.exit is None
    assert result.recording.end.reason == "ended by the analyzer"


def test_four_processors_have_four_threads(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", qemu_arguments=["-smp", "4"])
    assert result.status == 0, result.out + result.err
    recording = result.recording
    labels = {recording.thread(s.thread).label for s in recording.stops if "kvm-cpu-exec" in s.milestones}
    assert labels == {f"CPU {number}/KVM" for number in range(4)}
    requests = [stop.ioctl.request for stop in recording.stops if stop.ioctl]
    assert [requests.count(r) for r in ("KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_RUN")] == [1, 4, 4]
    merge([recording]).check()
    assert merge([recording]).provenance.arguments == "-smp 4"
    assert [verdict for verdict in compare(merge([recording])) if not verdict.found] == []
    processors = {entry.file for entry in recording.ioctl_log if entry.request == 0xAE80}
    assert processors == {f"anon_inode:kvm-vcpu:{number}" for number in range(4)}
    runs = {chain.thread for chain in merge([recording]).chains if chain.milestone == "kvm-run"}
    assert runs == labels


def test_tcg_is_there_for_those_who_ask(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", "--accel", "tcg")
    assert result.status == 0, result.out + result.err
    assert result.recording.accelerator.name == "tcg"
    assert not any(stop.ioctl for stop in result.recording.stops)
    assert "timer interrupts: 1" in result.recording.outputs["serial"]


def test_more_functions_can_be_stopped_at(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", "--break", "memory_region_init", "--break-limit", "5")
    assert result.status == 0
    stops = [stop for stop in result.recording.stops if stop.function == "memory_region_init"]
    assert len(stops) == 5
    assert stops[0].reason == "break"
    assert "the first 5 hits of memory_region_init are recorded" in result.out


def test_a_function_typed_wrong_gets_near_names_and_leaves_no_recording(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", "--break", "kvm_cpu_exce")
    assert result.status == 2
    assert "Did you mean kvm_cpu_exec" in result.err
    assert startup(qemu, tmp_path / "out").status == 0


def test_a_milestone_never_reached_makes_the_run_incomplete(qemu, tmp_path):
    """-S: QEMU is told not to start its processors."""
    result = startup(qemu, tmp_path / "out", "--timeout", "4", qemu_arguments=["-S"])
    assert result.status == 4
    assert "Never reached: The guest runs" in result.out
    where = [stop for stop in result.recording.stops if stop.reason == "where"]
    assert {"main", "start_thread"} & {frame.name for stop in where for frame in stop.frames}
    assert len(where) >= 3
    report = page_texts(tmp_path / "out" / "report.html")
    assert "Never reached: The guest runs" in report
    assert "Where it stood at the end" in report


def test_a_qemu_that_ends_at_once_is_quoted(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", qemu_arguments=["-nonsense"])
    assert result.status == 3
    assert "-nonsense: invalid option" in result.err
    assert "Run it without gdb" in result.err


def test_a_recording_is_kept_unless_forced(qemu, tmp_path, run):
    before = (run.folder / "recording.jsonl").read_bytes()
    assert startup(qemu, run.folder).status == 3
    assert (run.folder / "recording.jsonl").read_bytes() == before
    assert startup(qemu, tmp_path / "out").status == 0
    assert startup(qemu, tmp_path / "out", "--force").status == 0


def test_folders_with_odd_names_do(qemu, tmp_path):
    folder = tmp_path / "a folder, with 'quotes' & more"
    result = startup(qemu, folder)
    assert result.status == 0, result.out + result.err
    assert "tiny guest" in result.recording.outputs["serial"]


def test_a_tiny_guest_that_does_not_leave_makes_the_run_incomplete(qemu, tmp_path):
    image = tmp_path / "hang.bin"
    image.write_bytes((b"\xf4" * 0xFFF0) + b"\xeb\xfe" + b"\xff" * 14)  # jmp to itself at the reset vector
    result = startup(qemu, tmp_path / "out", "--timeout", "3", qemu_arguments=["-bios", str(image)])
    assert result.status == 4
    assert "but the guest did not end it as expected" in result.out


def test_qemus_own_words_are_on_the_terminal_when_it_fails_late(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", qemu_arguments=["-device", "nonsense"])
    assert result.status == 4
    assert "'nonsense' is not a valid device model name" in result.out


@pytest.mark.parametrize("function", ["malloc", "coroutine_trampoline", "g_malloc"])
def test_functions_of_libraries_and_coroutines_can_be_stopped_at(qemu, tmp_path, function):
    result = startup(qemu, tmp_path / "out", "--break", function, "--break-limit", "20")
    assert result.status in (0, 2), result.out + result.err  # 2: this QEMU has none
    if result.status == 0:
        assert not [note for note in result.recording.notes if "could not be recorded" in note]
        merge([result.recording]).check()


@pytest.mark.parametrize("name", ["ü", b"\xff".decode("utf-8", "surrogateescape"), 'a "b" \\ c'])
def test_folders_of_any_name_do(qemu, tmp_path, name):
    result = startup(qemu, tmp_path / name)
    assert result.status == 0, result.out + result.err


@pytest.mark.parametrize("after", [0.1, 0.25, 0.4, 0.55])
def test_an_interrupt_at_any_moment_leaves_nothing_in_the_way(qemu, tmp_path, after):
    process = subprocess.Popen(
        command(qemu, tmp_path / "out"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=30)[0]
    assert process.returncode in (130, -signal.SIGINT), output  # -2: before Python has begun with our code
    if "report of its content" not in output:
        assert startup(qemu, tmp_path / "out").status == 0


def test_a_reader_that_goes_away_does_not_end_the_recording(qemu, tmp_path):
    process = subprocess.Popen(command(qemu, tmp_path / "out"), stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert read_recording(tmp_path / "out").end.outcome == "complete"


def test_force_keeps_the_recording_there_is_until_there_is_another(qemu, tmp_path):
    assert startup(qemu, tmp_path / "out").status == 0
    before = (tmp_path / "out" / "recording.jsonl").read_bytes()
    assert startup(qemu, tmp_path / "out", "--force", "--break", "nonsense_function").status == 2
    assert (tmp_path / "out" / "recording.jsonl").read_bytes() == before


def started(qemu, folder, scratch):
    """A run that goes on until it is ended, its recording under way; its temporary files are in `scratch`."""
    scratch.mkdir()
    process = subprocess.Popen(
        command(qemu, folder, "--timeout", "100", "--wait-for-cont", qemu_arguments=["-S"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    deadline = time.monotonic() + 30
    recording = folder / "recording.jsonl"
    while time.monotonic() < deadline:
        if recording.exists() and "KVM_CREATE_VCPU" in recording.read_text() and len(children()) >= 3:
            break
        time.sleep(0.05)
    time.sleep(1.0)
    return process


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_behind_however_it_ends(qemu, tmp_path, number, status):
    scratch = tmp_path / "scratch"
    process = started(qemu, tmp_path / "out", scratch)
    assert list(scratch.iterdir())
    mine = {int(re.search(r"\((\d+)\)", child)[1]) for child in children() if child.startswith(("gdb", "qemu"))}
    assert len(mine) == 2, children()
    process.send_signal(number)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == status, output
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in mine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in mine)
    recording = read_recording(tmp_path / "out")
    assert len(recording.stops) > 3
    if number == signal.SIGKILL:
        assert recording.end is None
    else:
        assert recording.end.outcome == "interrupted"
        assert "interrupted" in output
        assert (tmp_path / "out" / "report.html").exists()
        assert not list(scratch.iterdir())


def test_forbidden_tracing_is_named(qemu, tmp_path):
    """strace traces all our children already, so gdb may not: the error a container gives."""
    strace = need_tool("strace")
    line = [strace, "-f", "-e", "none", "-o", "/dev/null", *command(qemu, tmp_path / "out")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert "Tracing (ptrace) may be forbidden" in done.stderr
    assert not (tmp_path / "out").exists(), "an empty recording would be in the way"


def test_who_interrupts_the_search_for_pointers_keeps_the_recording_and_what_was_found(qemu, tmp_path):
    folder = tmp_path / "out"
    with subprocess.Popen(command(qemu, folder), stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if "function pointers" in line and " 0 of " not in line:
                run.send_signal(signal.SIGINT)
                break
        run.stdout.read()
        assert run.wait(60) == 130
    recording = read_recording(folder)
    assert recording.end is not None
    assert recording.end.outcome == "complete"
    assert "The explanation of the function pointers was interrupted." in recording.notes
    outcomes = [pointer.outcome for pointer in recording.pointers.values()]
    assert "explained" in outcomes
    assert "unknown" in outcomes


def test_disks_of_the_user_are_not_used_again_and_again(qemu, tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    disk_of_ours = ["-drive", f"file={disk},format=raw,if=none,id=mine"]
    careful = startup(qemu, tmp_path / "careful", qemu_arguments=disk_of_ours)
    assert (careful.status, careful.recording.pointers) == (0, {})
    assert "To explain them all the same, give --pointers" in careful.out
    told = startup(qemu, tmp_path / "told", "--pointers", qemu_arguments=disk_of_ours)
    assert len(told.recording.pointers) == 8


def test_two_recordings_of_a_machine_with_more_processors_give_the_same_graph(qemu, tmp_path):
    for name in ("one", "another"):
        run = startup(qemu, tmp_path / name, qemu_arguments=["-smp", "2"])
        assert (run.status, run.recording.notes) == (0, ())
    assert (tmp_path / "one" / "graph.json").read_bytes() == (tmp_path / "another" / "graph.json").read_bytes()
