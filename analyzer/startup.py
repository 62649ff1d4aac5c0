"""`analyze startup`: examine, record, merge, report, and tell the user how it goes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.gdb import Gdb
from analyzer.adapters.kvm import check_kvm
from analyzer.adapters.qemu import QemuFacts, examine
from analyzer.errors import AnalyzerError, ExitStatus
from analyzer.model import Recording
from analyzer.record.guest import choose_guest
from analyzer.record.progress import Reached
from analyzer.record.session import Request, Watcher, record
from analyzer.results import discard_if_empty, prepare_folder
from analyzer.scenarios import load_scenario
from analyzer.workflow import write_results


@dataclass(frozen=True)
class StartupOptions:
    """What the user asked for; times in seconds."""

    qemu: Path
    guest: str
    accelerator: str
    breaks: tuple[str, ...]
    break_limit: int
    out: Path | None
    force: bool
    timeout: float
    linger: float
    qemu_arguments: tuple[str, ...]


def startup(gdb: Gdb, options: StartupOptions) -> ExitStatus:
    """Record QEMU's start and write everything that follows from it. AnalyzerError when it cannot run.

    `gdb` was made with the same QEMU.
    """
    guest = choose_guest(options.guest)
    if options.accelerator == "kvm":
        check_kvm()
    qemu = examine(options.qemu)
    folder = options.out or Path(f"callchain-qemu-{qemu.version}-startup")
    prepare_folder(folder, options.force)
    request = Request(
        qemu=qemu,
        scenario=load_scenario("startup", options.accelerator),
        guest=guest,
        accelerator=options.accelerator,
        breaks=options.breaks,
        qemu_arguments=options.qemu_arguments,
        timeout=options.timeout,
        linger=options.linger,
        break_limit=options.break_limit,
        build=_birth_certificate(qemu),
    )
    print(
        f"Recording QEMU {qemu.version} with {options.accelerator} and guest {guest.name} into {folder}",
        flush=True,
    )
    console = Console()
    try:
        record(request, folder, gdb, Watcher(console.reached, console.waiting))
    except AnalyzerError:
        console.clear()
        discard_if_empty(folder)
        raise
    except KeyboardInterrupt:
        console.clear()
        write_results(folder)
        print(f"Interrupted; what was recorded until then: {folder / 'report.html'}")
        raise
    console.clear()
    recording, missing = write_results(folder)
    return _tell(recording, folder, missing)


class Console:
    """Prints each milestone as it is reached, and on a terminal what is awaited."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._shown = 0.0

    def reached(self, reached: Reached) -> None:
        """A milestone was reached for the first time."""
        self.clear()
        where = reached.milestone.request or reached.function
        print(f"{reached.time:8.3f} s  {reached.milestone.title:42} {where}, {reached.depth} frames", flush=True)

    def waiting(self, titles: Sequence[str], seconds: float) -> None:
        """What is awaited now; shown twice a second, and not before the first second has passed."""
        now = time.monotonic()
        if not self._live or seconds < 1.0 or now - self._shown < 0.5:
            return
        self._shown = now
        more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
        print(f"\r\x1b[K{seconds:8.0f} s  waiting for: {titles[0]}{more}", end="", flush=True)

    def clear(self) -> None:
        """Remove the line that says what is awaited."""
        if self._live and self._shown:
            print("\r\x1b[K", end="", flush=True)


def _tell(recording: Recording, folder: Path, missing_picture: str) -> ExitStatus:
    if recording.accelerator is not None:
        print(f"Accelerator: {recording.accelerator.name} ({recording.accelerator.evidence})")
    serial = recording.outputs.get("serial", "").strip()
    if serial:
        print(f"The guest said: {serial.splitlines()[-1]}")
    for note in recording.notes:
        print(f"Note: {note}")
    if missing_picture:
        print(f"Note: {missing_picture}")
    incomplete = recording.end is None or recording.end.outcome != "complete"
    for milestone in recording.not_reached:
        what = (
            f"waited for {', '.join(milestone.found)}" if milestone.found else "this program has no such function"
        )
        print(f"Never reached: {milestone.title} ({what})")
    if incomplete:
        print("The run is incomplete; the report shows where every thread stood.")
    print(f"Report: {folder / 'report.html'}")
    return ExitStatus.INCOMPLETE if incomplete else ExitStatus.DONE


def _birth_certificate(qemu: QemuFacts) -> dict[str, object]:
    """What `build.json` beside the binary says of its making, when it is about this build."""
    try:
        data = json.loads((qemu.path.parent / "build.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(data, dict) or data.get("build_id") != qemu.build_id:
        return {}
    return data
