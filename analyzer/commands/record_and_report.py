"""Records for `startup` and `io`: examines QEMU, records it, writes the results and prints the outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.adapters.gdb import Gdb
from analyzer.adapters.kvm_device import check_kvm
from analyzer.adapters.qemu import QemuFacts, examine
from analyzer.adapters.qemu_machine import MachineFacts, ask_machine
from analyzer.adapters.running_qemu import QemuProcess
from analyzer.build.provenance import provenance_of
from analyzer.commands.break_selection import select_breaks
from analyzer.commands.debug_information import DebugInformation
from analyzer.commands.debug_options import DebugOptions
from analyzer.console import Console
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.model.recording import Recording
from analyzer.output_folder import check_free, keep_if_useful, locked_folder, prepare_folder, remove_previous
from analyzer.recording.guest import RUNNING_GUEST, TINY, Guest, choose_guest
from analyzer.recording.progress import RecordingReporter
from analyzer.recording.record_lines import FILE_NAME
from analyzer.recording.request import RecordingOptions, RecordingRequest
from analyzer.recording.run_environment import RunEnvironment
from analyzer.recording.scenarios import load_scenario
from analyzer.recording.session import record
from gdbscripts.enums import Engine, RecordingOutcome

if TYPE_CHECKING:
    from analyzer.recording.kernel_trace import KernelTrace


_NO_POINTERS_NOTE = (
    "Function pointers are not explained: that would start and end QEMU several times with these arguments. "
    "To explain them all the same, give --pointers."
)
_NO_POINTERS_ATTACHED_NOTE = (
    "Function pointers are not explained: they were set before gdb attaches, and this QEMU is not started again."
)


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What to record, and where to write the results."""

    qemu: Path
    scenario: str
    recording: RecordingOptions
    debug: DebugOptions = field(default_factory=DebugOptions)  # where the debug information of QEMU may be
    out: Path | None = None  # None: a folder named after QEMU's version and the scenario
    out_mode: int = 0o700  # permissions of a new output folder
    redact: bool = False  # whether to remove paths, names and secrets from the recording
    force: bool = False  # whether to replace an earlier recording in `out`
    environment: RunEnvironment = field(default_factory=RunEnvironment)  # what a wrapper script adds
    pointers_off_by_default: bool = False  # without --pointers and --no-pointers; a note says so
    process: QemuProcess | None = None  # the QEMU to attach to, instead of starting `qemu`


def check_before_recording(options: RecordingOptions, out: Path | None = None, force: bool = False) -> Guest:
    """The guest to boot.

    AnalyzerError when the guest or the accelerator is not available, or when `out` contains a recording and
    `force` is False; UsageError when a source root is no folder.
    """
    if missing := [root for root in options.source_roots if not root.is_dir()]:
        raise UsageError(f"--source-root {missing[0]} is no folder.", "Give the top folder of the sources.")
    guest = choose_guest(options.guest)
    if options.accelerator == "kvm":
        check_kvm()
    if out is not None:
        check_free(out, force)
    return guest


def record_and_report(gdb: Gdb, request: ReportRequest) -> ExitStatus:
    """Record into the output folder, write the results, and print milestones, notes and the path of the report.

    `gdb` was made with the same QEMU. Returns DONE, or INCOMPLETE for an incomplete recording. AnalyzerError when
    the recording cannot run.
    """
    options = request.recording
    if not (options.kernel and options.ioctls and options.accelerator == "kvm"):
        return _record_and_report(gdb, None, request)
    from analyzer.recording.kernel_trace import KernelTrace

    with KernelTrace.open() as kernel:
        return _record_and_report(gdb, kernel, request)


def _record_and_report(gdb: Gdb, kernel: KernelTrace | None, request: ReportRequest) -> ExitStatus:
    options, process = request.recording, request.process
    console = Console()
    debug_information = DebugInformation(request.debug, console)
    environment = request.environment.merged_with(os.environ)
    if process is None:
        guest = check_before_recording(options, request.out, request.force)
        qemu = examine(request.qemu, debug_information.find, environment)
    else:
        guest, qemu = RUNNING_GUEST, process.facts
    scenario = load_scenario(request.scenario, options.accelerator, attached=process is not None)
    selections = select_breaks(options, scenario.steps, qemu, process, request.debug.yes, console)
    recording_request = RecordingRequest(
        options=options,
        qemu=qemu,
        scenario=scenario,
        guest=guest,
        build=provenance_of(qemu.path, qemu.build_id),
        fetch_source=debug_information.source_fetcher(qemu.debug_files.program),
        environment=request.environment,
        machine=_machine_of_tiny_guest(guest, qemu, options, environment),
        process=process,
        selections=selections,
    )
    folder = request.out or Path(f"callchain-qemu-{qemu.version}-{scenario.name}")
    with locked_folder(folder, request.out_mode):
        prepare_folder(folder, request.force)
        for line in _first_lines(recording_request, folder, request.pointers_off_by_default):
            console.say(line)
        return _record_into(folder, gdb, kernel, recording_request, console, request.redact)


def _record_into(
    folder: Path,
    gdb: Gdb,
    kernel: KernelTrace | None,
    request: RecordingRequest,
    console: Console,
    redact: bool,
) -> ExitStatus:
    """As `record_and_report`, into `folder`, which is locked and prepared."""
    try:
        reporter = RecordingReporter(
            _load_what_results_need, console.reached, console.waiting, console.explaining, console.say
        )
        _recorder(request.options.engine)(request, folder, gdb, kernel, reporter)
    except (AnalyzerError, KeyboardInterrupt):
        console.clear()
        if keep_if_useful(folder):
            _redact(folder, redact)
            _write_results(folder)
            console.say(f"The recording is incomplete; report of its content: {folder / 'report.html'}")
        raise
    gdb.request_exit()
    console.clear()
    remove_previous(folder)
    _redact(folder, redact)
    recording, no_drawing = _write_results(folder)
    return _print_outcome(recording, folder, no_drawing, console)


def _redact(folder: Path, asked: bool) -> None:
    if asked:
        from analyzer.commands.redact import redact_file

        redact_file(folder / FILE_NAME, folder / FILE_NAME, [])


def _recorder(
    engine: Engine,
) -> Callable[[RecordingRequest, Path, Gdb, KernelTrace | None, RecordingReporter], None]:
    if engine is Engine.GDB:
        return record
    from analyzer.recording.probes.session import record_with_probes

    return record_with_probes


def _machine_of_tiny_guest(
    guest: Guest, qemu: QemuFacts, options: RecordingOptions, environment: dict[str, str]
) -> MachineFacts | None:
    """The machine that the user's arguments choose; only the tiny guest has devices that depend on it."""
    if guest.kind != TINY:
        return None
    return ask_machine(qemu.path, options.qemu_arguments, options.accelerator, guest.path, environment)


def _first_lines(request: RecordingRequest, folder: Path, pointers_off_by_default: bool) -> Iterator[str]:
    qemu, accelerator, process = request.qemu, request.options.accelerator, request.process
    if process is None:
        if pointers_off_by_default:
            yield _NO_POINTERS_NOTE
        yield f"Recording QEMU {qemu.version} with {accelerator} and guest {request.guest.name} into {folder}"
        return
    if pointers_off_by_default:
        yield _NO_POINTERS_ATTACHED_NOTE
    if process.replaced:
        yield (
            f"{qemu.path} was deleted or replaced since QEMU started, as by an upgrade: "
            f"/proc/{process.pid}/exe is used, the program that runs."
        )
    yield (
        f"Recording QEMU {qemu.version}, process {process.pid}, with {accelerator} "
        f"for {request.options.linger:g} s into {folder}"
    )


def _load_what_results_need() -> None:
    """Import the modules that write the results, while QEMU starts."""
    import analyzer.commands.write_results  # noqa: F401 - for its own sake
    from reports.html.render import load_report_parts

    load_report_parts()


def _write_results(folder: Path) -> tuple[Recording, str]:
    from analyzer.commands.write_results import write_results

    return write_results(folder)


def _print_outcome(recording: Recording, folder: Path, no_drawing: str, console: Console) -> ExitStatus:
    """Print how the run ended; `no_drawing` is why there is no drawing, or ""."""
    if recording.accelerator is not None:
        console.say(f"Accelerator: {recording.accelerator.name} ({recording.accelerator.evidence})")
    serial = recording.outputs.get("serial", "").strip()
    if serial:
        console.say(f"Last line on the serial port: {serial.splitlines()[-1]}")
    for note in recording.notes:
        console.say(f"Note: {note}")
    if no_drawing:
        console.say(f"Note: {no_drawing}")
    incomplete = recording.end is None or recording.end.outcome is not RecordingOutcome.COMPLETE
    for milestone in recording.not_reached:
        what = f"waited for {milestone.request or ', '.join(milestone.found)}"
        if not milestone.found:
            what = "this program has no such function"
        console.say(f"Never reached: {milestone.title} ({what})")
    if incomplete:
        said = " ".join(recording.outputs.get("stderr", "").split())[-400:]
        console.say(
            f"The recording is incomplete: {recording.end.reason if recording.end else 'it was cut short'}."
        )
        if "stderr" in recording.outputs:  # not of a QEMU that gdb attached to
            console.say(f"Standard error of QEMU: {said or 'empty'}")
    console.say(f"Report: {folder / 'report.html'}")
    return ExitStatus.INCOMPLETE if incomplete else ExitStatus.DONE
