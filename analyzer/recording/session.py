"""Records one run: starts gdb with QEMU, waits for the milestones, ends in order."""

from __future__ import annotations

import platform
import re
import shlex
import tempfile
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
from analyzer.model.frames import without_compiler_suffix
from analyzer.recording.guest import TINY_EXIT_STATUSES
from analyzer.recording.pointer_runs import explain_pointers
from analyzer.recording.progress import MilestoneProgress, MilestoneReached, RecordingFollower
from analyzer.recording.qemu_command import by_hand, qemu_command, records_serial
from analyzer.recording.reader import FILE_NAME, read_recording
from analyzer.recording.request import RecordingRequest
from analyzer.recording.scenarios import break_step
from gdbscripts import plan as plans
from gdbscripts.enums import RecordingOutcome
from gdbscripts.lines import to_line
from gdbscripts.records import SCHEMA, HeaderRecord, NoteRecord, OutputRecord, Record

if TYPE_CHECKING:
    from analyzer.recording.kernel_trace import KernelTrace

_SLOWER, _AT_LEAST = 3.0, 5.0  # a run that explains pointers may take so many times as long, and these seconds
_TICK = 0.05  # seconds between looks at the recording
_LONGEST_OUTPUT = 1 << 20  # characters kept of each stream


class QemuEndedError(AnalyzerError):
    """QEMU ended before it created anything."""


@dataclass(frozen=True)
class RecordingReporter:
    """How a caller follows the recording: `started` is called once QEMU runs, `waiting` now and then with the
    titles awaited and the seconds passed, `explaining` with the pointers explained so far and all of them."""

    started: Callable[[], None]
    reached: Callable[[MilestoneReached], None]
    waiting: Callable[[Sequence[str], float], None]
    explaining: Callable[[int, int], None]


def record(
    request: RecordingRequest, folder: Path, gdb: Gdb, kernel: KernelTrace | None, reporter: RecordingReporter
) -> None:
    """Record into `folder`/recording.jsonl with a `gdb` made for this QEMU, and the kernel's side with `kernel`.

    Raises AnalyzerError when QEMU or gdb cannot do it, and KeyboardInterrupt after closing the recording in
    order; the caller closes gdb.
    """
    if (
        not request.guest.leaves
        and not request.qemu.has_firmware
        and "-bios" not in request.options.qemu_arguments
    ):
        raise AnalyzerError("No firmware (BIOS) was found for this QEMU.", FIRMWARE_HINT)
    # Not in `folder`: its name may be anything, and gdb's Python asserts on what is no text to it.
    with tempfile.TemporaryDirectory(prefix="callchain-") as scratch:
        run = _RecordingRun(
            request=request,
            recording=folder / FILE_NAME,
            scratch=Path(scratch),
            gdb=gdb,
            kernel=kernel,
            reporter=reporter,
        )
        run.run()


class _RecordingRun:
    """One run of QEMU under gdb."""

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
        # As started, the serial port goes to a scratch file; the header has it as one would repeat it by hand.
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
            command=by_hand(self._command, self._streams["serial"]),
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
        self._recording.write_text(to_line(header), encoding="utf-8")

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
        """Until QEMU ends, or has run long enough: None then."""
        started = time.monotonic()
        deadline = started + self._request.options.timeout
        complete = False
        while True:
            stopped = self._gdb.wait_stopped(_TICK)
            self._progress.take(follow.new())
            if stopped is not None:
                return stopped
            now = time.monotonic()
            awaited = self._progress.awaited
            if not awaited and not complete:
                complete = True
                leaves = self._request.guest.leaves
                deadline = now + (self._request.options.timeout if leaves else self._request.options.linger)
            titles = [milestone.title for milestone in awaited] or ["the guest to end"]
            self._reporter.waiting(titles, now - started)
            if now > deadline:
                return None

    def _judge(self, ended: Stopped | None) -> tuple[RecordingOutcome, str]:
        """Outcome and reason for the footer."""
        missing = ", ".join(milestone.name for milestone in self._progress.awaited)
        how = _how_it_ended(ended)
        if missing:
            return RecordingOutcome.INCOMPLETE, f"{how} before: {missing}"
        if ended is not None and not ended.ended:
            return RecordingOutcome.INCOMPLETE, how
        if self._request.guest.leaves and self._progress.exit_status not in TINY_EXIT_STATUSES:
            return RecordingOutcome.INCOMPLETE, f"{how}, but not by the guest's own doing as it should have"
        return RecordingOutcome.COMPLETE, how

    def _finish(self, follow: RecordingFollower, outcome: RecordingOutcome, reason: str) -> None:
        """Record where the threads stand if they still do, the outputs and the sources; then the footer."""
        if not self._has_exited():
            self._stop_and_look(outcome)
        self._append(OutputRecord(stream, _text(path)) for stream, path in self._streams.items())
        if self._request.options.samples and not self._request.guest.leaves and not self._has_exited():
            self._append([NoteRecord("The guest was still at work when it was ended; --linger gives it longer.")])
        if not records_serial(self._request.options.qemu_arguments):
            self._append([NoteRecord("The serial port was given away by the QEMU arguments.")])
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

    def _stop_and_look(self, outcome: RecordingOutcome) -> None:
        threads = self._gdb.command("-thread-info")["threads"]
        if any(thread["state"] == "running" for thread in threads):
            self._gdb.interrupt()
        if outcome is not RecordingOutcome.COMPLETE:
            self._gdb.command("-chain-where", timeout=120)

    def _explain_pointers(self) -> None:
        """Find out who set the pointers. What goes wrong here, or is interrupted, costs these answers only."""
        recording = read_recording(self._recording)
        if not recording.reached - {"main"}:
            return
        last = max(stop.time for stop in recording.stops)
        timeout = min(self._request.options.timeout, _SLOWER * last + _AT_LEAST)
        try:
            notes = explain_pointers(self._gdb, recording, self._plan_file, timeout, self._reporter.explaining)
        except KeyboardInterrupt:
            notes = ["Finding out who set the function pointers was interrupted."]
            self._interrupted = True
        except GdbError as error:
            notes = [f"Who set the function pointers was not found out: {error.message}"]
        self._append(map(NoteRecord, notes))

    def _append(self, records: Iterable[Record]) -> None:
        with self._recording.open("a", encoding="utf-8") as file:
            file.writelines(map(to_line, records))

    def _explain_early_end(self, ended: Stopped | None) -> None:
        """QEMU that ends before it creates anything has said why on its standard error: pass that on."""
        awaited = {milestone.name for milestone in self._progress.awaited}
        reached_any = self._progress.reached_beyond_main
        if ended is None or not ended.ended or not awaited or reached_any:
            return
        said = _last_text(self._streams["stderr"]) or _last_text(self._streams["stdout"])
        command = shlex.join(by_hand(self._command, self._streams["serial"]))
        raise QemuEndedError(f"QEMU ended at once. It said: {said or 'nothing'}", f"Try it by hand: {command}")

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
        return AnalyzerError(f"gdb cannot start QEMU: {message}", "Was QEMU killed from outside? Try again.")
    return AnalyzerError(
        f"gdb cannot start QEMU: {message}",
        f"Tracing (ptrace) may be forbidden. {PTRACE_HINT} `analyze doctor` tells more.",
    )


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read(_LONGEST_OUTPUT)
    except FileNotFoundError:
        return ""


def _last_text(path: Path) -> str:
    return " ".join(_text(path).split())[-600:]
