"""What all programs of one table do: run one QEMU with the tiny guest, and look at the same functions."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from analyzer.model.recording import Recording
from analyzer.recording.reader import read_recording
from tests.bench.figures import Measurement
from tests.bench.measured_run import RunError, run_measured
from tests.bench.rounds import say

ANALYZE = Path(sys.executable).with_name("analyze")
NOTHING_ELSE = ("--no-ioctls", "--no-kernel", "--no-pointers")
BULK_A = (
    *("object_property_set", "memory_region_init", "qdev_realize"),
    *("kvm_ioctl", "kvm_vm_ioctl", "kvm_vcpu_ioctl"),
)
BULK_B = (*BULK_A, "type_initialize")


@dataclass(frozen=True)
class Stops:
    """Where the programs stop: functions of QEMU, functions of libraries, and requests of ioctl."""

    every_hit: tuple[str, ...]  # functions of QEMU that are recorded at every hit
    first_hit: tuple[str, ...]  # functions of QEMU that are recorded once
    libraries: tuple[str, ...]  # functions of libraries that are recorded at every hit
    requests: tuple[int, ...]  # ioctl requests; the first ioctl with each is recorded

    @property
    def of_qemu(self) -> tuple[str, ...]:
        """All functions of QEMU itself."""
        return (*self.every_hit, *self.first_hit)


@dataclass(frozen=True)
class Workload:
    """One QEMU, its arguments, and where to stop. `folder` is for files that the programs write."""

    qemu: Path
    breaks: tuple[str, ...]  # functions of --break
    command: tuple[str, ...]  # QEMU's own command line
    status: int  # its exit status, which the tiny guest sets
    stops: Stops
    folder: Path

    def file(self, name: str) -> Path:
        """The path of a file of this workload."""
        return self.folder / name


def analyze_startup(qemu: Path, out: Path, breaks: Iterable[str], *options: str) -> list[str]:
    """The command that records `startup` with `breaks` into the folder `out`, and writes the report."""
    asked = [argument for function in breaks for argument in ("--break", function)]
    return [str(ANALYZE), "startup", "--qemu", str(qemu), "--out", str(out), "--force", *options, *asked]


def prepare(qemu: Path, folder: Path, breaks: tuple[str, ...] = ()) -> Workload:
    """Record QEMU's start once, without `breaks`: the stops of that recording are those of all programs.

    This also reads QEMU and its debug information into the page cache. RunError when it cannot be recorded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "prepared"
    say(f"preparing: analyze startup of {qemu}")
    run_measured(analyze_startup(qemu, out, (), *NOTHING_ELSE), folder / "prepared.txt")
    recording = read_recording(out)
    if recording.exit is None or recording.exit.status is None:
        raise RunError("the tiny guest did not end QEMU: all programs of the benchmark need its exit status")
    command = [f"file:{folder / 'serial'}" if each == "stdio" else each for each in recording.header.command]
    return Workload(qemu, breaks, tuple(command), recording.exit.status, stops_of(recording, breaks), folder)


def stops_of(recording: Recording, breaks: tuple[str, ...]) -> Stops:
    """The stops of a recording that was made without `breaks`, and `breaks`."""
    in_libraries = {stop.function for stop in recording.stops if stop.frames and stop.frames[0].library}
    counts = hits_of(recording)
    counts.pop("", None)
    milestones = [function for function in counts if function not in in_libraries and function not in breaks]
    requests = {stop.ioctl.number: None for stop in recording.stops if stop.ioctl}
    with_request = {stop.function for stop in recording.stops if stop.ioctl}
    return Stops(
        every_hit=(*breaks, *(name for name in milestones if counts[name] > 1)),
        first_hit=tuple(name for name in milestones if counts[name] == 1),
        libraries=tuple(sorted(in_libraries - with_request - {""})),
        requests=tuple(requests),
    )


def hits_of(recording: Recording) -> Counter[str]:
    """The hits of each function that has a breakpoint; "" stands for stops without one."""
    counts: Counter[str] = Counter()
    for stop in recording.stops:
        counts[stop.function] += stop.count
    return counts


def recorded_facts(recording: Recording, stops: Stops) -> dict[str, float]:
    """Hits and frames of a recording, as the facts of a measurement."""
    frames = sum(stop.count * len(stop.frames) for stop in recording.stops)
    last = max((stop.time for stop in recording.stops), default=0.0)
    return {**hit_facts(hits_of(recording), stops), "frames": float(frames), "seconds to the last stop": last}


def hit_facts(hits: Counter[str], stops: Stops) -> dict[str, float]:
    """The hits in QEMU's own functions: in all, and of each function."""
    own = {f"hits of {name}": float(hits.get(name, 0)) for name in stops.of_qemu}
    return {"hits": sum(own.values()), **own}


def recorded_run(workload: Workload, *options: str, environment: dict[str, str] | None = None) -> Measurement:
    """Measure `analyze startup` from the command to the report, and count what it recorded."""
    out = workload.file("recorded")
    command = analyze_startup(workload.qemu, out, workload.breaks, *options)
    measured = run_measured(command, workload.file("recorded.txt"), environment=environment)
    recording = read_recording(out)
    sizes = {f"bytes of {file.name}": float(file.stat().st_size) for file in out.iterdir() if file.is_file()}
    return with_facts(measured, {**recorded_facts(recording, workload.stops), **sizes})


def with_facts(measured: Measurement, facts: dict[str, float]) -> Measurement:
    """`measured` with further facts."""
    return Measurement(measured.seconds, measured.cpu_seconds, measured.peak, {**measured.facts, **facts})
