"""The toy is as good as a QEMU: `analyze startup` records it whole, and each variation shows where it should."""

from __future__ import annotations

import pytest

from analyzer.recording.reader import read_recording
from tests.compare.conftest import Toy, analyze
from tests.support.notation import chains

BOARD = "main > qemu_init > machine_run_board_init *> pc_init1"
VCPU = f"{BOARD} > x86_cpu_new > x86_cpu_realizefn > qemu_init_vcpu"
KVM = "main > qemu_init > configure_accelerators > do_configure_accelerator *> kvm_init"


def test_all_milestones_of_the_toy_are_reached(recorded):
    recording = read_recording(recorded())
    assert recording.end.outcome == "complete"
    assert recording.accelerator.name == "kvm"
    assert [stop.ioctl.request for stop in recording.stops if stop.ioctl] == [
        "KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_RUN",
    ]  # fmt: skip
    assert chains(recording, "kvm_init", "qemu_init_vcpu", "kvm_cpu_exec") == [
        KVM, VCPU, f"{VCPU} => kvm_vcpu_thread_fn > kvm_cpu_exec",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variation", "function", "chain"),
    [
        ("EXTRA", "qemu_init_vcpu", VCPU.replace("x86_cpu_new", "x86_cpu_new > qdev_realize")),
        ("RENAMED", "qemu_init_vcpu", VCPU.replace("x86_cpu_new", "pc_new_cpu")),
        ("DIRECT", "kvm_init", KVM.replace("*>", ">")),
        ("THREADED", "qemu_init_vcpu", VCPU.replace("> machine", "=> machine")),
    ],
)
def test_a_variation_changes_one_thing(recorded, variation, function, chain):
    assert chains(read_recording(recorded(variation)), function) == [chain]


def test_a_toy_that_dies_or_gets_stuck_cannot_be_recorded(toy: Toy, tmp_path):
    dies = analyze("startup", "--qemu", toy("DIES"), "--out", tmp_path / "dies")
    assert (dies.returncode, "Its output: toy: this commit dies" in dies.stderr) == (3, True)
    stuck = analyze("startup", "--qemu", toy("STUCK"), "--out", tmp_path / "stuck", "--timeout", "1")
    assert stuck.returncode == 4
