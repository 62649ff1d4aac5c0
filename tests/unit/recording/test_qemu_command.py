"""What is asked of gdb and how QEMU is started, as pure values."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from analyzer.adapters.debug_files import DebugFiles
from analyzer.adapters.gdb_stops import Stopped
from analyzer.adapters.qemu import QemuFacts
from analyzer.adapters.qemu_machine import machine_type
from analyzer.errors import AnalyzerError, UsageError
from analyzer.recording.early_end import early_end, information_asked_for
from analyzer.recording.guest import TINY_IMAGE, choose_guest, classify
from analyzer.recording.progress import MilestoneProgress, RecordingFollower
from analyzer.recording.qemu_command import qemu_command, records_serial
from analyzer.recording.request import RecordingOptions, RecordingRequest
from analyzer.recording.scenarios import load_scenario, parse_scenario
from analyzer.recording.session import record
from analyzer.toml import parse_toml
from gdbscripts.enums import StopReason
from gdbscripts.json_lines import to_line
from gdbscripts.records import MilestoneRecord, NoteRecord, StackRecord, StopRecord
from tests.conftest import need_tool


def command(guest="tiny", extra=(), **changes):
    facts = {
        "qemu": Path("/q"),
        "guest": choose_guest(guest) if isinstance(guest, str) else guest,
        "accelerator": "kvm",
        "serial": Path("/s"),
        "firmware": [],
        "names_threads": False,
        "extra": list(extra),
    }
    return qemu_command(**{**facts, **changes})


def test_the_bytes_of_the_tiny_guest_are_those_of_its_source(tmp_path):
    need_tool("as")
    subprocess.run([TINY_IMAGE.with_name("build.sh"), tmp_path / "tiny.bin"], check=True)
    assert (tmp_path / "tiny.bin").read_bytes() == TINY_IMAGE.read_bytes()


def test_the_tiny_guest_starts_at_the_reset_vector():
    image = TINY_IMAGE.read_bytes()
    assert len(image) == 64 * 1024
    assert image[0xFFF0] == 0xE9, "a jump, 16 bytes below the end"


def test_the_tiny_guest_needs_no_firmware():
    line = command()
    assert line[:3] == ["/q", "-machine", "accel=kvm"]
    assert "-nodefaults" in line
    assert line[line.index("-bios") + 1] == str(TINY_IMAGE)
    assert line[line.index("-serial") + 1] == "file:/s"


BOTH_VGA = frozenset({"VGA", "isa-vga", "isa-debug-exit"})


@pytest.mark.parametrize(
    ("devices", "buses", "options"),
    [
        (BOTH_VGA, None, ["VGA,romfile=", "isa-debug-exit,iobase=0xf4"]),
        (frozenset(), None, ["VGA,romfile=", "isa-debug-exit,iobase=0xf4"]),
        (BOTH_VGA, {"System", "PCI", "PCIE", "ISA"}, ["VGA,romfile=", "isa-debug-exit,iobase=0xf4"]),
        (BOTH_VGA, {"System", "ISA"}, ["isa-vga", "isa-debug-exit,iobase=0xf4"]),
        (BOTH_VGA - {"isa-vga"}, {"System", "ISA"}, ["isa-debug-exit,iobase=0xf4"]),
        (BOTH_VGA - {"VGA"}, None, ["isa-vga", "isa-debug-exit,iobase=0xf4"]),
        (BOTH_VGA, {"System"}, []),
    ],
)
def test_the_tiny_guest_has_the_devices_that_the_binary_and_the_machine_have(devices, buses, options):
    line = command(devices=devices, buses=None if buses is None else frozenset(buses))
    assert [value for name, value in pairwise(line) if name == "-device"] == options


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["-smp", "2", "-version"], "-version"),
        (["--version"], "--version"),
        (["-machine", "help"], "-machine help"),
        (["-device", "VGA,help"], "-device VGA,help"),
        (["-cpu", "?"], "-cpu ?"),
        (["-append", "helper"], ""),
        (["-smp", "2"], ""),
    ],
)
def test_an_argument_that_asks_for_information_is_known(arguments, asked):
    assert information_asked_for(arguments) == asked


def test_a_qemu_that_ended_at_once_is_quoted_unless_it_was_asked_for_information():
    def message(status, *arguments):
        return early_end(Path("/q"), arguments, status, "a text", ["/q", *arguments], Stopped("exited"))[0]

    assert message(0, "-machine", "help").startswith("-machine help makes QEMU print information")
    assert message(1, "-device", "nonsense,help") == "QEMU ended at once. Its output: a text"
    assert message(0) == "QEMU ended at once. Its output: a text"


@pytest.mark.parametrize(
    ("arguments", "machine"),
    [
        ([], ""),
        (["-machine", "kernel_irqchip=off"], ""),
        (["-M", "q35,accel=kvm"], "q35"),
        (["--machine", "type=microvm"], "microvm"),
        (["-M", "q35", "-machine", "isapc"], "isapc"),
        (["-M", "q35", "-machine", "usb=off"], "q35"),
        (["-M"], ""),
    ],
)
def test_the_machine_is_the_last_one_named(arguments, machine):
    assert machine_type(arguments) == machine


def test_the_users_arguments_come_last_so_that_they_win():
    assert command(extra=["-smp", "2"])[-2:] == ["-smp", "2"]


@pytest.mark.parametrize("extra", [["-serial", "stdio"], ["-nographic"]])
def test_a_serial_port_the_user_wants_is_left_alone(extra):
    assert not records_serial(extra)
    assert command(extra=extra).count("-serial") == extra.count("-serial")


@pytest.mark.parametrize(
    "extra",
    [
        ["-daemonize"],
        ["-enable-kvm"],
        ["-accel", "tcg"],
        ["-M", "q35,accel=tcg"],
        ["--M", "accel=tcg"],
        ["-machine", "accel=tcg"],
    ],
)
def test_arguments_that_would_undo_the_recording_are_refused(extra):
    with pytest.raises(UsageError):
        command(extra=extra)


def test_a_kernel_command_line_may_say_accel():
    assert command(extra=["-append", "accel=1"])


def test_threads_are_named_where_qemu_can_name_them():
    assert "guest,debug-threads=on" in command(names_threads=True)
    assert "-name" not in command(names_threads=False)


@pytest.mark.parametrize(
    ("head", "kind", "image_format"),
    [
        (b"\0" * 0x202 + b"HdrS" + b"\0" * 100, "kernel", ""),
        (b"\x7fELF" + b"\0" * 100, "kernel", ""),
        (b"\0" * 64 + b"\x02\xb0\xad\x1b", "kernel", ""),
        (b"QFI\xfb\0\0\0\x03", "disk", "qcow2"),
        (b"\xeb\x63\x90" + b"\0" * 507 + b"\x55\xaa", "disk", "raw"),
        (b"", "disk", "raw"),
    ],
)
def test_a_guest_is_known_by_its_content(head, kind, image_format):
    guest = classify(Path("/g"), head)
    assert (guest.kind, guest.format) == (kind, image_format)


def test_a_users_image_is_never_written_to_and_may_have_commas_in_its_name():
    line = command(classify(Path("/a,b.img"), b""))
    assert line[line.index("-drive") + 1] == "file=/a,,b.img,format=raw,snapshot=on"


def test_a_guest_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AnalyzerError, match="cannot be read: No such file"):
        choose_guest(str(tmp_path / "missing"))


def test_the_scenario_names_the_ways_of_every_known_version():
    steps = {step.name: step for step in load_scenario("startup", "kvm").steps}
    assert steps["vcpu-thread"].functions == ["kvm_vcpu_thread_fn", "qemu_kvm_cpu_thread_fn"]
    assert {"configure_accelerator", "do_configure_accelerator"} <= set(steps["choose-accelerator"].functions)
    assert steps["kvm-run"].request == 0xAE80
    assert [name for name, step in steps.items() if step.target][-1] == "kvm-run"


def test_milestones_of_another_accelerator_are_not_waited_for():
    kvm = {step.name for step in load_scenario("startup", "kvm").steps}
    tcg = {step.name for step in load_scenario("startup", "tcg").steps}
    assert "kvm-init" in kvm - tcg
    assert "tcg-thread" in tcg - kvm
    assert {"main", "init-vcpu"} <= kvm & tcg


def test_a_scenario_that_contradicts_itself_is_refused():
    milestone = '[[milestone]]\nname="a"\ntitle="a"\nfunctions=["a"]\nas_often_as="b"\n'
    text = 'name="x"\ntitle="x"\naccelerator=[]\n' + milestone
    with pytest.raises(ValueError, match="as_often_as b, which is not a milestone"):
        parse_scenario(parse_toml(text), "kvm")


def test_a_guest_that_needs_firmware_does_not_start_without(tmp_path):
    facts = QemuFacts(
        path=Path("/q"),
        version="9.9",
        build_id="id",
        firmware=(),
        has_firmware=False,
        names_threads=False,
        debug_files=DebugFiles(Path("/q"), Path("/q")),
    )
    guest = classify(Path("/a.img"), b"")
    scenario = load_scenario("startup", "kvm")
    request = RecordingRequest(
        options=RecordingOptions(timeout=1, linger=1, break_limit=1, pointers=False, ioctls=False),
        qemu=facts, scenario=scenario, guest=guest, build={},
    )  # fmt: skip
    with pytest.raises(AnalyzerError, match="No firmware") as caught:
        record(request, tmp_path, None, None, None)
    assert "apt install seabios" in caught.value.hint


MILESTONES = [
    MilestoneRecord("main", "QEMU starts", True, ["main"], []),
    MilestoneRecord("extra", "Maybe", False, ["x"], []),
    MilestoneRecord("goal", "The goal", True, ["goal"], []),
]


def stop(name):
    return StopRecord(0, 0.1, 1, StopReason.MILESTONE, [name], name, 0)


def test_progress_reports_each_milestone_once_and_knows_what_is_awaited():
    reached = []
    progress = MilestoneProgress(lambda r: reached.append(r.milestone.name))
    progress.take(iter([*MILESTONES, StackRecord(0, [0]), stop("main"), stop("main")]))
    assert reached == ["main"]
    assert [milestone.name for milestone in progress.awaited] == ["goal"]
    assert not progress.reached_beyond_main
    progress.take(iter([stop("goal")]))
    assert progress.awaited == []
    assert progress.reached_beyond_main


def test_following_a_recording_waits_for_the_end_of_a_line(tmp_path):
    path = tmp_path / "recording.jsonl"
    path.touch()
    follow = RecordingFollower(path)
    line = to_line(NoteRecord("hello"))
    with path.open("a") as file:
        file.write(line[:10])
        file.flush()
        assert list(follow.new()) == []
        file.write(line[10:])
        file.flush()
        assert list(follow.new()) == [NoteRecord("hello")]
    assert list(follow.new()) == []
    follow.close()
