"""The tiny guest on machines with other buses than those of `pc`, and on one without a processor."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from analyzer.adapters.qemu_machine import ask_machine
from analyzer.recording.guest import TINY_EXIT_STATUSES, TINY_IMAGE
from tests.qemu.conftest import startup


@pytest.mark.parametrize(
    ("machine", "vga"),
    [("pc", "VGA,romfile="), ("q35", "VGA,romfile="), ("isapc", "isa-vga"), ("microvm", "isa-vga")],
)
def test_the_tiny_guest_runs_on_every_machine_with_an_isa_bus(qemu, tmp_path, machine, vga):
    result = startup(qemu, tmp_path / "out", "--no-pointers", qemu_arguments=["-machine", machine])
    assert result.status == 0, result.out + result.err
    recording = result.recording
    assert recording.not_reached == []
    assert recording.exit.status == TINY_EXIT_STATUSES[0]
    assert "timer interrupts: 1" in recording.outputs["serial"]
    assert ("-device", vga) in pairwise(recording.header.command)


def test_a_machine_without_a_processor_is_said_at_once(qemu, tmp_path):
    began = time.monotonic()
    result = startup(qemu, tmp_path / "out", "--timeout", "150", qemu_arguments=["-M", "none"])
    assert time.monotonic() - began < 90.0
    assert result.status == 4, result.out + result.err
    assert "The machine of -M none has no vCPU" in result.out
    assert "kvm-init" in result.recording.reached


def test_a_machine_that_there_is_not_is_refused_in_the_words_of_qemu(qemu, tmp_path):
    result = startup(qemu, tmp_path / "out", qemu_arguments=["-machine", "nonsense"])
    assert result.status == 3
    assert "unsupported machine type" in result.err


def test_qemu_is_asked_for_the_buses_of_a_machine(qemu):
    def facts(*arguments):
        return ask_machine(qemu, list(arguments), "kvm", TINY_IMAGE)

    assert facts() is None
    assert facts("-machine", "kernel_irqchip=off") is None
    assert {"PCI", "PCIE", "ISA"} <= facts("-machine", "q35").buses
    assert "PCI" not in facts("-M", "isapc").buses
    assert facts("-M", "microvm").has_vcpu
    assert facts("-M", "none").buses == {"System"}
    assert not facts("-M", "none").has_vcpu
    assert "ISA" in facts("-machine", "microvm,memory-backend=not-there").buses
    assert facts("-M", "nonsense") is None
