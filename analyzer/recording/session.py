"""Records one run: starts QEMU under gdb, waits for the milestones, ends QEMU and closes the recording."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer import TOOL
from analyzer.adapters.elf import function_names
from analyzer.adapters.gdb import Gdb, GdbError, Stopped, mi_string
from analyzer.adapters.qemu import FIRMWARE_HINT
from analyzer.adapters.source_excerpts import source_excerpts, source_roots_of
from analyzer.errors import AnalyzerError, UsageError
from analyzer.files import scratch_folder
from analyzer.model.frames import without_compiler_suffix
from analyzer.recording.early_end import early_end, how_it_ended
from analyzer.recording.guest import TINY_EXIT_STATUSES
from analyzer.recording.held_guest import run_state_plan
from analyzer.recording.hold_watch import HoldWatch
from analyzer.recording.pointer_search import PointerSearch
from analyzer.recording.program import program_of
from analyzer.recording.progress import MilestoneProgress, RecordingFollower, RecordingReporter
from analyzer.recording.qemu_command import records_serial
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

_POLL_INTERVAL = 0.05  # seconds between reads of the recording
_MAX_OUTPUT_LENGTH = 1 << 20  # characters recorded of each stream


class QemuEndedError(AnalyzerError):
    """QEMU ended before any milestone other than `main`; the message has its standard error."""


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
        try:
            run.run()
        finally:
            run.release()


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
        self._program = program_of(request, scratch)
        self._plan_file = scratch / "plan.json"
        self._progress = MilestoneProgress(reporter.reached)
        self._stops_when_held = True
        self._pointers = PointerSearch(request, recording, gdb, self._append)

    def run(self) -> None:
        self._write_header()
        self._gdb.use_debug_files(self._request.qemu.debug_files.links())
        self._program.prepare(self._gdb)
        self._prepare()
        with self._followed() as follow:
            try:
                self._run_program()
                hold = self._watch_for_hold()
                ended = self._wait(follow, hold)
            except KeyboardInterrupt:
                self._finish(follow, RecordingOutcome.INTERRUPTED, "interrupted by the user")
                raise
            self._finish(follow, *self._judge(ended, hold))
        if self._interrupted:
            raise KeyboardInterrupt
        self._explain_early_end(ended)

    def release(self) -> None:
        """Detach from a QEMU that ran before the recording, unless that is done; report how it goes on."""
        if self._kernel is not None and self._attached:
            self._kernel.stop()
        if sentence := self._program.release(self._gdb):
            self._reporter.released(sentence)

    def _write_header(self) -> None:
        request = self._request
        header = HeaderRecord(
            schema=SCHEMA,
            tool=TOOL,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            scenario=request.scenario.name,
            command=list(self._program.command),
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
            known=self._pointers.known(self._program.command),
            run_state=None if self._attached else run_state_plan(stops=not request.options.wait_for_cont),
        )
        plans.save(plan, str(self._plan_file))
        answer = self._gdb.command(f"-chain-plan {mi_string(str(self._plan_file))}", timeout=300)
        found = set(answer["found"])
        self._stops_when_held = "stops-when-held" in answer
        self._started = float(answer["started"])
        for function in request.options.breaks:
            if function not in found:
                raise _unknown_function(function, request.qemu.debug_files.symbols)

    def _run_program(self) -> None:
        self._program.run(self._gdb, self._kernel)
        self._reporter.started()

    def _watch_for_hold(self) -> HoldWatch | None:
        """What notices a guest that is held; None for a QEMU that runs already."""
        if self._attached:
            return None
        arguments = self._request.options.qemu_arguments
        return HoldWatch(self._gdb, arguments, self._stops_when_held, time.monotonic())

    def _wait(self, follow: RecordingFollower, hold: HoldWatch | None) -> Stopped | None:
        """Wait until QEMU stops for good; None when it still runs at the deadline."""
        started = time.monotonic()
        options = self._request.options
        deadline = started + (options.linger if self._attached else options.timeout)
        complete = self._attached
        while True:
            stopped = self._gdb.wait_stopped(_POLL_INTERVAL)
            self._progress.take(follow.new())
            if stopped is not None:
                return stopped
            now = time.monotonic()
            awaited = self._progress.awaited
            stopped = hold.check(now) if awaited and hold is not None else None
            if stopped is not None:
                return stopped
            if not awaited and not complete:
                complete = True
                exits = self._request.guest.exits_by_itself
                deadline = now + (options.timeout if exits else options.linger)
            last = "the end of the recording" if self._attached else "the guest to end"
            titles = [milestone.title for milestone in awaited] or [last]
            self._reporter.waiting(titles, now - started)
            if now > deadline or self._has_all_asked_for():
                return None

    @property
    def _attached(self) -> bool:
        return self._request.process is not None

    def _has_all_asked_for(self) -> bool:
        """Whether a running program has made all hits that the user asked for with --break and --break-limit."""
        options = self._request.options
        if not (self._attached and options.breaks and options.break_limit):
            return False
        names = [break_step(function, options.break_limit).name for function in options.breaks]
        return all(self._progress.has_hits(name, options.break_limit) for name in names)

    def _judge(self, ended: Stopped | None, hold: HoldWatch | None) -> tuple[RecordingOutcome, str]:
        """(outcome, reason) for the footer of the recording."""
        missing = ", ".join(milestone.name for milestone in self._progress.awaited)
        must_go_on = bool(missing) or self._request.guest.exits_by_itself
        held = hold.explain(ended) if hold is not None and (must_go_on or ended is not None) else None
        if held is not None:
            self._append([NoteRecord(held.sentence)])
            return RecordingOutcome.INCOMPLETE if must_go_on else RecordingOutcome.COMPLETE, held.reason
        how = "gdb detached" if ended is None and self._attached else how_it_ended(ended)
        if missing and ended is None and self._attached:
            return RecordingOutcome.INCOMPLETE, f"{how} before: {missing}; the guest may be paused"
        if missing:
            return RecordingOutcome.INCOMPLETE, f"{how} before: {missing}"
        if ended is not None and not ended.ended:
            return RecordingOutcome.INCOMPLETE, how
        if self._request.guest.exits_by_itself and self._progress.exit_status not in TINY_EXIT_STATUSES:
            return RecordingOutcome.INCOMPLETE, f"{how}, but the guest did not end it as expected"
        return RecordingOutcome.COMPLETE, how

    def _finish(self, follow: RecordingFollower, outcome: RecordingOutcome, reason: str) -> None:
        """Record the stacks if QEMU is still alive, the outputs, kernel trace, pointers, sources and footer."""
        if self._attached:
            self.release()
        elif not self._has_exited():
            self._stop_and_record_stacks(outcome)
        self._append(OutputRecord(stream, _text(path)) for stream, path in self._program.streams.items())
        self._append(map(NoteRecord, self._notes()))
        self._append(map(NoteRecord, self._misread_symbols()))
        pointers = self._request.options.pointers and outcome is not RecordingOutcome.INTERRUPTED
        if self._kernel is not None or pointers:
            recording = read_recording(self._recording)
            if self._kernel is not None:
                self._append(self._kernel.records(recording, self._started))
            if pointers:
                self._pointers.explain(recording, self._plan_file, self._reporter.explaining)
                self._interrupted |= self._pointers.interrupted
        self._progress.take(follow.new())
        self._append_sources(fetch=outcome is not RecordingOutcome.INTERRUPTED)
        added = f"{self._pointers.frames} {self._pointers.stops}"
        self._gdb.command(f"-chain-end {outcome} {mi_string(reason)} {added}")
        if pointers:
            self._pointers.keep()

    def _notes(self) -> Iterator[str]:
        """What a reader has to know about the run of a QEMU that was started."""
        if self._attached:
            return
        if self._request.options.samples and not self._request.guest.exits_by_itself and not self._has_exited():
            yield "The guest was still running at the end; give it more time with --linger."
        if not records_serial(self._request.options.qemu_arguments):
            yield "The serial port is not recorded: the QEMU arguments redirect it."

    def _misread_symbols(self) -> Iterator[str]:
        """What a reader has to know about symbol indexes that do not fit; the next run reads without them."""
        with suppress(GdbError):  # gdb has ended, and its connection to the attached QEMU with it
            for path in self._gdb.note_symbol_files():
                yield (
                    f"Names in {path} may be wrong: their index was made of another debug file. Record again: "
                    "they are read without it then."
                )

    def _has_exited(self) -> bool:
        groups = self._gdb.command("-list-thread-groups")["groups"]
        return not any("pid" in group for group in groups)

    def _stop_and_record_stacks(self, outcome: RecordingOutcome) -> None:
        threads = self._gdb.command("-thread-info")["threads"]
        if any(thread["state"] == "running" for thread in threads):
            self._gdb.interrupt()
        if outcome is not RecordingOutcome.COMPLETE:
            self._gdb.command("-chain-where", timeout=120)

    def _append_sources(self, fetch: bool) -> None:
        """Record the source lines. An interrupt of the download of source files costs only those files."""
        files = self._progress.files
        roots = [*self._request.options.source_roots, *source_roots_of(self._request.qemu.path)]
        try:
            self._append(list(source_excerpts(files, roots, self._request.fetch_source if fetch else None)))
        except KeyboardInterrupt:
            self._interrupted = True
            self._append(source_excerpts(files, roots))

    def _append(self, records: Iterable[Record]) -> None:
        with append(str(self._recording)) as file:
            file.writelines(map(to_line, records))

    def _explain_early_end(self, ended: Stopped | None) -> None:
        """Raise QemuEndedError, with QEMU's standard error, when QEMU ended before any milestone."""
        awaited = {milestone.name for milestone in self._progress.awaited}
        reached_any = self._progress.reached_beyond_main
        if self._attached or ended is None or not ended.ended or not awaited or reached_any:
            return
        streams = self._program.streams
        output = _last_text(streams["stderr"]) or _last_text(streams["stdout"])
        arguments, status = self._request.options.qemu_arguments, self._progress.exit_status
        raise QemuEndedError(*early_end(self._request.qemu.path, arguments, status, output, self._program.command))

    @contextmanager
    def _followed(self) -> Iterator[RecordingFollower]:
        follow = RecordingFollower(self._recording)
        try:
            yield follow
        finally:
            follow.close()


def _unknown_function(function: str, symbols: Path) -> UsageError:
    names = {without_compiler_suffix(name) for name in function_names(symbols)}
    near = get_close_matches(function, names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Its source may not be part of this build."
    return UsageError(f"--break {function}: this QEMU has no such function.", hint)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read(_MAX_OUTPUT_LENGTH)
    except FileNotFoundError:
        return ""


def _last_text(path: Path) -> str:
    return " ".join(_text(path).split())[-600:]
