"""The options of a recording, and the request that the host makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.adapters.qemu import QemuFacts
from analyzer.adapters.qemu_machine import MachineFacts
from analyzer.adapters.running_qemu import QemuProcess
from analyzer.recording.guest import Guest
from analyzer.recording.run_environment import RunEnvironment
from analyzer.recording.scenarios import Scenario


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """The user's options, the same for every verb that records. Times are in seconds."""

    guest: str = "tiny"  # or the path of a disk image or kernel
    accelerator: str = "kvm"  # kvm or tcg
    breaks: tuple[str, ...] = ()  # functions to record in addition to the milestones
    break_limit: int = 0  # hits recorded of each of them; 0: all
    timeout: float = 60.0  # for reaching the milestones; again for the exit of a guest that exits by itself
    linger: float = 3.0  # how long any other guest runs on after the last milestone
    pointers: bool = False  # whether to explain the function pointers
    pointer_cache: bool = True  # whether what an earlier recording found out about them may be used
    ioctls: bool = True  # whether to record all ioctls on KVM's descriptors
    kernel: bool = True  # whether to record the kernel's stacks behind them
    wait_for_cont: bool = False  # whether to wait when QEMU holds the guest, for somebody who lets it run
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
    fetch_source: Callable[[str], Path | None] | None = None  # see `source_excerpts`
    environment: RunEnvironment = field(default_factory=RunEnvironment)  # what a wrapper script adds
    machine: MachineFacts | None = None  # None for the machine `pc`, and when it is not known
    process: QemuProcess | None = None  # attach to it instead of starting `qemu`
