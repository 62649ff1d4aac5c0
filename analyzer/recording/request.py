"""What is asked of a recording: the user's options, and the request that is made of them."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.adapters.qemu import QemuFacts
from analyzer.recording.guest import Guest
from analyzer.recording.scenarios import Scenario


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """What the user asked to be recorded, as every verb that records takes it. Times in seconds."""

    guest: str = "tiny"
    accelerator: str = "kvm"
    breaks: tuple[str, ...] = ()  # functions to record besides the milestones
    break_limit: int = 1000  # stops at each of them
    timeout: float = 60.0  # for reaching the milestones; again for a guest that leaves by itself
    linger: float = 3.0  # how long a guest that does not leave may go on after the last milestone
    pointers: bool | None = None  # whether to find out who set the function pointers; None: the user did not say
    ioctls: bool = True  # whether to record all ioctls on KVM's descriptors
    kernel: bool = True  # whether to record the kernel's stacks behind them
    samples: int = 0  # exits of each reason to follow to the device
    qemu_arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordingRequest:
    """The options, and what was found out of the program, the guest and the scenario they name."""

    options: RecordingOptions
    qemu: QemuFacts
    scenario: Scenario
    guest: Guest
    build: dict[str, object]  # provenance of the build; {} when it is not known
