"""The I/O path of the tiny guest, access by access against its own source."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import analyzer
from analyzer.graph.chains import own_chain
from analyzer.kvm.io_accesses import IoAccess, io_accesses
from analyzer.kvm.number_names import exit_reason
from tests.conftest import ANALYZE
from tests.qemu.conftest import Run

SOURCE = Path(analyzer.__file__).parent / "recording" / "tiny_guest" / "tiny.S"

# What tiny.S does up to its first letter, in its order: kind, address, size, value (None: not the guest's to say).
SCRIPT = [
    ("port write", 0x80, 1, 0x42),
    ("port write", 0x70, 1, 0x10),
    ("port read", 0x71, 1, None),
    ("memory write", 0xB8000, 1, ord("K")),
    ("memory read", 0xB8000, 1, None),
    ("port write", 0xCF8, 4, 0x80000000),
    ("port read", 0xCFC, 4, None),
    ("memory write", 0xFEE000F0, 4, 0x1FF),
    ("memory write", 0xFEE00350, 4, 0x700),
    ("port write", 0x20, 1, 0x11),
    ("port write", 0x21, 1, 0x20),
    ("port write", 0x21, 1, 0x04),
    ("port write", 0x21, 1, 0x01),
    ("port write", 0x21, 1, 0xFE),
    ("port write", 0x43, 1, 0x30),
    ("port write", 0x40, 1, 0xA9),
    ("port write", 0x40, 1, 0x04),
    ("halt", None, 0, None),
    ("port write", 0x20, 1, 0x20),
    ("port write", 0x3FB, 1, 0x03),
]
LETTER = ("port write", 0x3F8)
LEAVES = ("port write", 0xF4, 1, 0x10)


def record_io(qemu: Path, folder: Path, *options: str) -> Run:
    done = subprocess.run(
        [str(ANALYZE), "io", "--qemu", str(qemu), "--out", str(folder), *options],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Run(folder, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def io(qemu, tmp_path_factory) -> Run:
    return record_io(qemu, tmp_path_factory.mktemp("io") / "tiny")


def told(access: IoAccess) -> tuple[str, int | None, int, int | None]:
    value = access.value if access.kind.endswith("write") else None
    return access.kind, access.address, access.size, value


def of_the_guest(found: list[IoAccess]) -> list[IoAccess]:
    return [access for access in found if access.kind != "interrupt"]


def need_the_kernels_side(run: Run) -> None:
    kernel = run.recording.kernel
    assert kernel is not None
    if not kernel.recorded and os.environ.get("CALLCHAIN_NO_SKIP") != "1":
        pytest.skip(kernel.reason)
    assert (kernel.recorded, kernel.lost) == (True, 0)


def test_the_run_is_complete_and_reads_as_such(io):
    assert io.status == 0, io.err
    assert "serves the I/O" in (io.folder / "report.html").read_text()


def test_every_access_of_the_guests_source_is_there_in_its_order(io):
    need_the_kernels_side(io)
    found = [told(access) for access in of_the_guest(io_accesses(io.recording))]
    assert found[: len(SCRIPT)] == SCRIPT
    letters = found[len(SCRIPT) : -1]
    assert {letter[:2] for letter in letters} == {LETTER}
    assert found[-1] == LEAVES
    text = "".join(chr(value or 0) for _, _, _, value in letters)
    assert text == io.recording.outputs["serial"]


def test_the_script_is_what_the_source_says():
    """The numbers above are those of the assembler source, not of a recording."""
    source = SOURCE.read_text()
    names = {name: int(value, 0) for name, value in re.findall(r"\.set\s+(\w+),\s+(0x[0-9a-f]+)", source)}
    assert (names["POST_PORT"], names["COM1"], names["EXIT_PORT"]) == (0x80, 0x3F8, 0xF4)
    outs = re.findall(r"^\s+out\s+(\w+), ", source, re.MULTILINE)
    assert outs[:2] == ["POST_PORT", "CMOS_INDEX"]
    assert len(re.findall(r"^\s+out\s+0x2[01], ", source, re.MULTILINE)) == 6


def test_what_was_read_is_what_the_guest_tells(io):
    values = {access.address: access.value for access in io_accesses(io.recording) if access.kind == "port read"}
    identity = values[0xCFC]
    assert identity is not None
    assert f"{identity & 0xFFFF:04x}:{identity >> 16:04x}" in io.recording.outputs["serial"]


@pytest.mark.parametrize(
    ("address", "kind", "device"),
    [
        (0x80, "port write", "ioport80_write"),
        (0x71, "port read", "cmos_ioport_read"),
        (0xB8000, "memory read", "vga_mem_read"),
        (0xCF8, "port write", "pci_host_config_write"),
        (0xCFC, "port read", "pci_host_data_read"),
        (0x3FB, "port write", "serial_ioport_write"),
        (0xF4, "port write", "debug_exit_write"),
    ],
)
def test_each_exit_leads_to_its_device(io, address, kind, device):
    access = next(a for a in io_accesses(io.recording) if (a.address, a.kind, a.served) == (address, kind, "QEMU"))
    stop = access.handled[-1]
    names = [frame.function.name for frame in stop.frames]
    assert names[0] == device
    assert "kvm_cpu_exec" in names
    pointer = own_chain(stop, io.recording)[-1].pointer
    assert pointer is not None
    assert pointer.outcome == "explained"
    assert pointer.kind == "static"


def test_the_devices_arguments_are_those_of_the_access(io):
    access = next(a for a in io_accesses(io.recording) if a.address == 0x80 and a.handled)
    arguments = dict(access.handled[-1].arguments_of(0))
    value = arguments["data"] if "data" in arguments else arguments["val"]
    assert value.removeprefix("data@entry=").removeprefix("val@entry=").startswith("66")


def test_what_kvm_serves_itself_never_reaches_qemu(io):
    need_the_kernels_side(io)
    found = io_accesses(io.recording)
    served = {access.address: access.served for access in found if access.address and not access.reason}
    assert served[0xFEE000F0] == "KVM's own local APIC"
    assert served[0x21] == "KVM's own interrupt controller (8259)"
    assert served[0x43] == "KVM's own timer (8254)"
    assert served[0x70] == "coalesced by KVM until the next exit"
    assert not any(access.handled for access in found if not access.reason)


def test_a_coalesced_write_is_handled_with_the_next_exit(io):
    read = next(a for a in io_accesses(io.recording) if a.address == 0x71)
    assert [stop.function for stop in read.coalesced] == ["cmos_ioport_write"]
    assert [stop.function for stop in read.handled] == ["cmos_ioport_read"]


def test_the_instruction_and_the_kernel_stack_are_shown(io):
    need_the_kernels_side(io)
    access = next(a for a in io_accesses(io.recording) if a.address == 0x80)
    image = (SOURCE.with_suffix(".bin")).read_bytes()
    place, _, code = access.instruction.partition(": ")
    if code:  # emulated; hardware tells the place only
        assert image[int(place, 16) & 0xFFFF :].startswith(bytes.fromhex(code))
    assert access.kernel[:2] == ("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run")


def test_exits_are_counted_by_reason_and_only_the_first_are_followed(qemu, io, tmp_path):
    few = record_io(qemu, tmp_path / "few", "--samples", "3", "--no-pointers")
    assert few.status == 0
    all_counts = {exit_reason(r): n for r, n in io.recording.exit_counts.items()}
    counts = {exit_reason(r): n for r, n in few.recording.exit_counts.items()}
    assert counts == all_counts
    assert counts["KVM_EXIT_IO"] > 100
    followed = [access.address for access in io_accesses(few.recording) if access.reason == "KVM_EXIT_IO"]
    assert 3 < len(followed) < 20
    assert followed.count(0x3F8) <= 3
    assert len(set(followed)) == 7


def test_without_the_kernels_side_the_exits_are_there_all_the_same(qemu, tmp_path):
    run = record_io(qemu, tmp_path / "out", "--no-kernel", "--no-pointers")
    assert run.status == 0
    found = [told(access) for access in io_accesses(run.recording)]
    visible = [step for step in SCRIPT if step[1] in (0x80, 0x71, 0xCF8, 0xCFC, 0x3FB) or step[0] == "memory read"]
    assert found[: len(visible)] == visible


def test_with_the_irqchip_in_qemu_its_accesses_leave_the_guest(qemu, tmp_path):
    run = record_io(
        qemu, tmp_path / "out", "--no-pointers", "--timeout", "30", "--", "-machine", "kernel_irqchip=off"
    )
    if "does not support userspace APIC" in run.err:  # QEMU 10 wants more of KVM for it than every host has
        assert run.status == 3
        return
    devices = {stop.function for stop in run.recording.stops if stop.reason == "io"}
    assert {"pic_ioport_write", "pit_ioport_write"} <= devices
