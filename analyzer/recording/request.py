"""The options of a recording, and the request that the host makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.qemu import QemuFacts
from analyzer.recording.guest import Guest
from analyzer.recording.scenarios import Scenario


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """The user's options, the same for every verb that records. Times are in seconds."""

    guest: str = "tiny"  # or the path of a disk image or kernel
    accelerator: str = "kvm"  # kvm or tcg
    breaks: tuple[str, ...] = ()  # functions to record in addition to the milestones
    break_limit: int = 1000  # stops at each of them
    timeout: float = 60.0  # for reaching the milestones; again for the exit of a guest that exits by itself
    linger: float = 3.0  # how long any other guest runs on after the last milestone
    pointers: bool = False  # whether to explain the function pointers
    ioctls: bool = True  # whether to record all ioctls on KVM's descriptors
    kernel: bool = True  # whether to record the kernel's stacks behind them
    samples: int = 0  # exits of each reason to record with QEMU's stacks in the device
    source_roots: tuple[Path, ...] = ()  # folders of sources to record lines of, besides the tree of this QEMU
    qemu_arguments: tuple[str, ...] = ()  # for QEMU, after ours


@dataclass(frozen=True, kw_only=True)
class RecordingRequest:
    """The options, with the QEMU, the guest and the scenario that they name."""

    options: RecordingOptions
    qemu: QemuFacts
    scenario: Scenario
    guest: Guest
    build: dict[str, object]  # provenance of the build; {} when it is not known
