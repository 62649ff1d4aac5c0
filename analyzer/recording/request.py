"""The options of a recording, as the user gives them, and the request that is made of them."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.adapters.qemu import QemuFacts
from analyzer.recording.guest import Guest
from analyzer.recording.scenarios import Scenario


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """The options of every verb that records; times in seconds."""

    guest: str = "tiny"
    accelerator: str = "kvm"
    breaks: tuple[str, ...] = ()  # functions to stop at, in addition to the milestones
    break_limit: int = 1000  # stops recorded for each of them
    timeout: float = 60.0  # until all milestones are reached; then again until the tiny guest ends
    linger: float = 3.0  # that a guest other than the tiny one runs after the last milestone
    pointers: bool = False  # whether to explain function pointers
    ioctls: bool = True  # whether to record all ioctls on KVM's descriptors
    kernel: bool = True  # whether to record the kernel's stacks of these ioctls
    samples: int = 0  # exits of each reason to follow to the device
    qemu_arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordingRequest:
    """The options, and the program, guest and scenario that they name, examined and loaded."""

    options: RecordingOptions
    qemu: QemuFacts
    scenario: Scenario
    guest: Guest
    build: dict[str, object]  # provenance of the build; {} when it is not known
