"""Records one run: starts QEMU under gdb, waits for the milestones, ends QEMU and closes the recording."""

from __future__ import annotations

import platform
import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer import TOOL
from analyzer.adapters.elf import function_names
from analyzer.adapters.gdb import PTRACE_HINT, Gdb, GdbError, Stopped, mi_string
from analyzer.adapters.qemu import FIRMWARE_HINT
from analyzer.adapters.source_excerpts import source_excerpts
from analyzer.errors import AnalyzerError, UsageError
from analyzer.files import scratch_folder
from analyzer.model.frames import without_compiler_suffix
from analyzer.recording.guest import TINY_EXIT_STATUSES
from analyzer.recording.pointer_runs import explain_pointers
from analyzer.recording.progress import MilestoneProgress, MilestoneReached, RecordingFollower
from analyzer.recording.qemu_command import qemu_command, records_serial, repeatable_command
from analyzer.recording.reader import FILE_NAME, read_recording
from analyzer.recording.request import RecordingRequest
from analyzer.recording.scenarios import break_step
from gdbscripts import plan as plans
from gdbscripts.enums import RecordingOutcome
from gdbscripts.json_lines import to_line
from gdbscripts.records import SCHEMA, HeaderRecord, NoteRecord, OutputRecord, Record
from gdbscripts.safe_files import append

if TYPE_CHECKING:
    from analyzer.recording.kernel_trace import KernelTrace

# Time limit of a run that explains pointers: a multiple of the time to the last stop, plus seconds.
_POINTER_RUN_FACTOR, _POINTER_RUN_SECONDS = 3.0, 5.0
_POLL_INTERVAL = 0.05  # seconds between reads of the recording
_MAX_OUTPUT_LENGTH = 1 << 20  # characters recorded of each stream


class QemuEndedError(AnalyzerError):
    """QEMU ended before any milestone other than `main`; the message has its standard error."""


@dataclass(frozen=True)
class RecordingReporter:
    """The callbacks through which a caller follows the recording.

    `started`: QEMU runs. `reached`: a milestone is reached for the first time. `waiting`, periodically: titles of
    the awaited milestones, seconds passed. `explaining`: number of pointers explained so far, number of all.
    """

    started: Callable[[], None]
    reached: Callable[[MilestoneReached], None]
    waiting: Callable[[Sequence[str], float], None]
    explaining: Callable[[int, int], None]


def record(
    request: RecordingRequest, folder: Path, gdb: Gdb, kernel: KernelTrace | None, reporter: RecordingReporter
) -> None:
    """Record one run into `folder`/recording.jsonl with `gdb`, started for this QEMU, and `kernel`, if any.

    Raises AnalyzerError when gdb or QEMU fails (QemuEndedError when QEMU ends at once), and KeyboardInterrupt
    after the recording is closed. The caller closes `gdb`.
    """
    if (
        not request.guest.exits_by_itself
        and not request.qemu.has_firmware
        and "-bios" not in request.options.qemu_arguments
    ):
        raise AnalyzerError("No firmware (BIOS) was found for this QEMU.", FIRMWARE_HINT)
    # Not in `folder`: gdb's Python aborts on paths that are not valid text.
    with scratch_folder() as scratch:
        run = _RecordingRun(
            request=request,
            recording=folder / FILE_NAME,
            scratch=scratch,
            gdb=gdb,
            kernel=kernel,
            reporter=reporter,
        )
        run.run()


class _RecordingRun:
    """One run of QEMU under gdb, from the header to the footer of its recording."""

    def __init__(
        self,
        *,
        request: RecordingRequest,
        recording: Path,
        scratch: Path,
        gdb: Gdb,
        kernel: KernelTrace | None,
        reporter: RecordingReporter,
    ) -> None:
        self._kernel = kernel
        self._interrupted = False
        self._started = 0.0  # seconds of CLOCK_MONOTONIC
        self._request = request
        self._recording = recording
        self._gdb = gdb
        self._reporter = reporter
        self._streams = {name: scratch / name for name in ("serial", "stdout", "stderr")}
        self._plan_file = scratch / "plan.json"
        self._progress = MilestoneProgress(reporter.reached)
        qemu = request.qemu
        # QEMU runs with the serial port in a scratch file; the header has the command that a user can repeat.
        self._command = qemu_command(
            qemu=qemu.path,
            guest=request.guest,
            accelerator=request.options.accelerator,
            serial=self._streams["serial"],
            firmware=qemu.firmware,
            names_threads=qemu.names_threads,
            extra=request.options.qemu_arguments,
        )

    def run(self) -> None:
        self._write_header()
        self._prepare()
        with self._followed() as follow:
            try:
                self._start()
                ended = self._wait(follow)
            except KeyboardInterrupt:
                self._finish(follow, RecordingOutcome.INTERRUPTED, "interrupted by the user")
                raise
            self._finish(follow, *self._judge(ended))
        if self._interrupted:
            raise KeyboardInterrupt
        self._explain_early_end(ended)

    def _write_header(self) -> None:
        request = self._request
        header = HeaderRecord(
            schema=SCHEMA,
            tool=TOOL,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            scenario=request.scenario.name,
            command=repeatable_command(self._command, self._streams["serial"]),
            guest=request.guest.name,
            accelerator_asked=request.options.accelerator,
            qemu=str(request.qemu.path),
            qemu_version=request.qemu.version,
            build_id=request.qemu.build_id,
            gdb_version=self._gdb.facts.version,
            host=f"Linux {platform.release()} {platform.machine()}",
            build=request.build,
            qemu_arguments=list(request.options.qemu_arguments),
        )
        self._append([header])

    def _prepare(self) -> None:
        """Write the plan file, and let gdb set its breakpoints. UsageError for an unknown --break."""
        request = self._request
        breaks = [break_step(function, request.options.break_limit) for function in request.options.breaks]
        steps = [*request.scenario.steps, *breaks]
        accelerators = list(request.scenario.accelerators)
        plan = plans.RecordingPlan(
            str(self._recording),
            steps,
            accelerators,
            ioctl_log=request.options.ioctls,
            samples=request.options.samples,
            accessors=list(request.scenario.accessors),
        )
        plans.save(plan, str(self._plan_file))
        answer = self._gdb.command(f"-chain-plan {mi_string(str(self._plan_file))}", timeout=300)
        found = set(answer["found"])
        self._started = float(answer["started"])
        for function in request.options.breaks:
            if function not in found:
                raise _unknown_function(function, request.qemu.path)

    def _start(self) -> None:
        output = " ".join(f"{n}>{shlex.quote(str(self._streams[s]))}" for n, s in ((1, "stdout"), (2, "stderr")))
        self._gdb.console(f"set args {shlex.join(self._command[1:])} </dev/null {output}")
        try:
            self._gdb.command("-exec-run")
        except GdbError as error:
            raise _cannot_trace(error.message) from None
        if self._kernel is not None:
            self._kernel.follow(self._gdb.program_pid)
        self._reporter.started()

    def _wait(self, follow: RecordingFollower) -> Stopped | None:
        """Wait until QEMU stops for good; None when it still runs at the deadline."""
        started = time.monotonic()
        deadline = started + self._request.options.timeout
        complete = False
        while True:
            stopped = self._gdb.wait_stopped(_POLL_INTERVAL)
            self._progress.take(follow.new())
            if stopped is not None:
                return stopped
            now = time.monotonic()
            awaited = self._progress.awaited
            if not awaited and not complete:
                complete = True
                exits = self._request.guest.exits_by_itself
                deadline = now + (self._request.options.timeout if exits else self._request.options.linger)
            titles = [milestone.title for milestone in awaited] or ["the guest to end"]
            self._reporter.waiting(titles, now - started)
            if now > deadline:
                return None

    def _judge(self, ended: Stopped | None) -> tuple[RecordingOutcome, str]:
        """(outcome, reason) for the footer of the recording."""
        missing = ", ".join(milestone.name for milestone in self._progress.awaited)
        how = _how_it_ended(ended)
        if missing:
            return RecordingOutcome.INCOMPLETE, f"{how} before: {missing}"
        if ended is not None and not ended.ended:
            return RecordingOutcome.INCOMPLETE, how
        if self._request.guest.exits_by_itself and self._progress.exit_status not in TINY_EXIT_STATUSES:
            return RecordingOutcome.INCOMPLETE, f"{how}, but the guest did not end it as expected"
        return RecordingOutcome.COMPLETE, how

    def _finish(self, follow: RecordingFollower, outcome: RecordingOutcome, reason: str) -> None:
        """Record the stacks if QEMU is still alive, the outputs, kernel trace, pointers, sources and footer."""
        if not self._has_exited():
            self._stop_and_record_stacks(outcome)
        self._append(OutputRecord(stream, _text(path)) for stream, path in self._streams.items())
        if self._request.options.samples and not self._request.guest.exits_by_itself and not self._has_exited():
            self._append([NoteRecord("The guest was still running at the end; give it more time with --linger.")])
        if not records_serial(self._request.options.qemu_arguments):
            self._append([NoteRecord("The serial port is not recorded: the QEMU arguments redirect it.")])
        if self._kernel is not None:
            self._append(self._kernel.records(read_recording(self._recording), self._started))
        if self._request.options.pointers and outcome is not RecordingOutcome.INTERRUPTED:
            self._explain_pointers()
        self._progress.take(follow.new())
        self._append(source_excerpts(self._progress.files))
        self._gdb.command(f"-chain-end {outcome} {mi_string(reason)}")

    def _has_exited(self) -> bool:
        groups = self._gdb.command("-list-thread-groups")["groups"]
        return not any("pid" in group for group in groups)

    def _stop_and_record_stacks(self, outcome: RecordingOutcome) -> None:
        threads = self._gdb.command("-thread-info")["threads"]
        if any(thread["state"] == "running" for thread in threads):
            self._gdb.interrupt()
        if outcome is not RecordingOutcome.COMPLETE:
            self._gdb.command("-chain-where", timeout=120)

    def _explain_pointers(self) -> None:
        """Explain the function pointers. An error or an interrupt here costs only the explanations."""
        recording = read_recording(self._recording)
        if not recording.reached - {"main"}:
            return
        last = max(stop.time for stop in recording.stops)
        timeout = min(self._request.options.timeout, _POINTER_RUN_FACTOR * last + _POINTER_RUN_SECONDS)
        try:
            notes = explain_pointers(self._gdb, recording, self._plan_file, timeout, self._reporter.explaining)
        except KeyboardInterrupt:
            notes = ["The explanation of the function pointers was interrupted."]
            self._interrupted = True
        except GdbError as error:
            notes = [f"The function pointers are not explained: {error.message}"]
        self._append(map(NoteRecord, notes))

    def _append(self, records: Iterable[Record]) -> None:
        with append(str(self._recording)) as file:
            file.writelines(map(to_line, records))

    def _explain_early_end(self, ended: Stopped | None) -> None:
        """Raise QemuEndedError, with QEMU's standard error, when QEMU ended before any milestone."""
        awaited = {milestone.name for milestone in self._progress.awaited}
        reached_any = self._progress.reached_beyond_main
        if ended is None or not ended.ended or not awaited or reached_any:
            return
        output = _last_text(self._streams["stderr"]) or _last_text(self._streams["stdout"])
        command = shlex.join(repeatable_command(self._command, self._streams["serial"]))
        raise QemuEndedError(
            f"QEMU ended at once. Its output: {output or 'none'}", f"Run it without gdb: {command}"
        )

    @contextmanager
    def _followed(self) -> Iterator[RecordingFollower]:
        follow = RecordingFollower(self._recording)
        try:
            yield follow
        finally:
            follow.close()


def _how_it_ended(ended: Stopped | None) -> str:
    if ended is None:
        return "ended by the analyzer"
    if ended.reason == "exited-signalled":
        return f"QEMU was killed by {ended.signal or 'a signal'}"
    if ended.ended:
        return "QEMU ended"
    return f"QEMU was stopped by {ended.signal or ended.reason or 'gdb'}"


def _unknown_function(function: str, qemu: Path) -> UsageError:
    names = {without_compiler_suffix(name) for name in function_names(qemu)}
    near = get_close_matches(function, names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Its source may not be part of this build."
    return UsageError(f"--break {function}: this QEMU has no such function.", hint)


def _cannot_trace(message: str) -> AnalyzerError:
    if not re.search("ptrace|permitted|code 127", message):
        return AnalyzerError(
            f"gdb cannot start QEMU: {message}", "QEMU may have been killed by another process. Try again."
        )
    return AnalyzerError(
        f"gdb cannot start QEMU: {message}",
        f"Tracing (ptrace) may be forbidden. {PTRACE_HINT} `analyze doctor` has details.",
    )


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read(_MAX_OUTPUT_LENGTH)
    except FileNotFoundError:
        return ""


def _last_text(path: Path) -> str:
    return " ".join(_text(path).split())[-600:]
