"""Records one run: starts QEMU under gdb, waits for the milestones, ends QEMU and closes the recording."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.adapters.gdb import Gdb, GdbError, GdbLostError, mi_string
from analyzer.adapters.gdb_stops import Stopped
from analyzer.adapters.source_excerpts import source_excerpts, source_roots_of
from analyzer.errors import AnalyzerError
from analyzer.files import scratch_folder
from analyzer.recording.break_functions import notes_on_globs, unknown_function
from analyzer.recording.closing import close_recording, cut_incomplete_line
from analyzer.recording.early_end import BECAME_DAEMON, next_step
from analyzer.recording.header import check_firmware, header_record
from analyzer.recording.hold_watch import HoldWatch
from analyzer.recording.milestone_limit import MilestoneLimit
from analyzer.recording.outcome import before_what, outcome_of
from analyzer.recording.outputs import output_records
from analyzer.recording.pointer_search import PointerSearch
from analyzer.recording.program import program_of
from analyzer.recording.progress import MilestoneProgress, RecordingFollower, RecordingReporter
from analyzer.recording.reader import FILE_NAME, read_recording
from analyzer.recording.request import RecordingRequest
from analyzer.text import number_of
from gdbscripts import plan as plans
from gdbscripts.enums import RecordingOutcome
from gdbscripts.json_lines import to_line
from gdbscripts.records import NoteRecord, ProgramExitRecord, Record
from gdbscripts.safe_files import append

if TYPE_CHECKING:
    from analyzer.recording.kernel_trace import KernelTrace

_POLL_INTERVAL = 0.05  # seconds between reads of the recording
RECORD_AGAIN = "Record again, into another folder or with --force."
SPACE_HINT = "Check that the output folder still exists and has space left."


class QemuEndedError(AnalyzerError):
    """QEMU ended before any milestone other than `main`; the message has its standard error."""


def record(
    request: RecordingRequest, folder: Path, gdb: Gdb, kernel: KernelTrace | None, reporter: RecordingReporter
) -> None:
    """Record one run into `folder`/recording.jsonl with `gdb`, started for this QEMU, and `kernel`, if any.

    Raises AnalyzerError when gdb or QEMU fails (QemuEndedError when QEMU ends at once), and KeyboardInterrupt
    after the recording is closed. The caller closes `gdb`.
    """
    check_firmware(request)
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
        self._misread: list[str] = []  # files whose symbols gdb read with an index of another file
        self._pointers = PointerSearch(request, recording, gdb, self._append)
        self._over_limit = ""  # a sentence on the milestone that was awaited too long

    def run(self) -> None:
        self._write_header()
        self._gdb.use_debug_files(self._request.qemu.debug_files.links())
        self._program.prepare(self._gdb)
        self._misread = self._gdb.note_symbol_files() if self._program.has_libraries else []
        self._prepare()
        with self._followed() as follow:
            try:
                self._run_program()
                hold = self._program.hold_watch(self._gdb, self._stops_when_held)
                ended = self._wait(follow, hold)
                outcome, reason = self._judge(ended, hold)
            except KeyboardInterrupt:
                self._finish(follow, None, RecordingOutcome.INTERRUPTED, "interrupted by the user")
                raise
            except GdbError as error:
                self._finish(follow, None, *self._judge_without_gdb(follow, error))
                return
            try:
                self._finish(follow, ended, outcome, reason)
            except KeyboardInterrupt:
                self._close_interrupted()
                raise
        if self._interrupted:
            raise KeyboardInterrupt
        self._explain_early_end(ended)

    def release(self) -> None:
        """Detach from a QEMU that ran before the recording, unless that is done; report how it goes on."""
        if sentence := self._program.release(self._gdb, self._kernel):
            self._reporter.released(sentence)

    def _write_header(self) -> None:
        header = header_record(self._request, self._program.command, self._gdb.facts.version)
        self._append([header])

    def _prepare(self) -> None:
        """Write the plan file, and let gdb set its breakpoints. UsageError for an unknown --break."""
        request = self._request
        breaks = request.break_steps
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
            run_state=self._program.run_state,
        )
        try:
            plans.save(plan, str(self._plan_file))
        except OSError as error:
            folder = self._plan_file.parent.parent
            raise AnalyzerError(
                f"A scratch file in {folder} cannot be written: {error.strerror}.",
                "Free space there, or name another folder with TMPDIR.",
            ) from None
        try:
            answer = self._gdb.command(f"-chain-plan {mi_string(str(self._plan_file))}", timeout=300)
        except GdbLostError:
            raise
        except GdbError as error:
            raise AnalyzerError(f"gdb could not begin the recording: {error.message}", SPACE_HINT) from None
        found = set(answer["found"])
        self._stops_when_held = "stops-when-held" in answer
        self._started = float(answer["started"])
        for function in (step.functions[0] for step in breaks):
            if function not in found:
                raise unknown_function(function, request.qemu.debug_files.symbols)

    def _run_program(self) -> None:
        self._program.run(self._gdb, self._kernel)
        self._reporter.started()

    def _wait(self, follow: RecordingFollower, hold: HoldWatch | None) -> Stopped | None:
        """Wait until QEMU stops for good; None when it still runs at the deadline."""
        started = time.monotonic()
        options = self._request.options
        deadline = started + self._program.seconds
        complete = self._program.ends_by_time
        limit = MilestoneLimit(options.milestone_timeout, started)
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
            titles = [milestone.title for milestone in awaited] or [self._program.awaited_end]
            self._reporter.waiting(titles, now - started)
            if limit.is_over(now, len(awaited)):
                self._over_limit = limit.sentence
                return None
            if now > deadline or self._has_all_asked_for():
                return None

    def _has_all_asked_for(self) -> bool:
        """Whether a program that ran before has made all hits that --break and --break-limit ask for."""
        options = self._request.options
        steps = self._request.break_steps if options.break_limit else []
        if not (self._program.ends_by_time and steps):
            return False
        return all(self._progress.has_hits(step.name, options.break_limit) for step in steps)

    def _judge(self, ended: Stopped | None, hold: HoldWatch | None) -> tuple[RecordingOutcome, str]:
        """(outcome, reason) for the footer of the recording."""
        must_go_on = bool(self._progress.awaited) or self._request.guest.exits_by_itself
        held = hold.explain(ended) if hold is not None and (must_go_on or ended is not None) else None
        if held is not None:
            self._append([NoteRecord(held.sentence)])
            return RecordingOutcome.INCOMPLETE if must_go_on else RecordingOutcome.COMPLETE, held.reason
        return outcome_of(self._request, self._progress, ended)

    def _judge_without_gdb(self, follow: RecordingFollower, error: GdbError) -> tuple[RecordingOutcome, str]:
        """As `_judge`, after gdb failed; raises `error` when nothing worth a report is recorded."""
        self._let_gdb_go(follow, error)
        if not self._progress.reached_beyond_main:
            raise error
        self._append([NoteRecord(f"{error.message} {RECORD_AGAIN}")])
        return RecordingOutcome.INCOMPLETE, before_what(error.message.rstrip("."), self._progress)

    def _let_gdb_go(self, follow: RecordingFollower, error: GdbError) -> None:
        """Learn what was recorded; after the loss of gdb end what is left of it, and cut what it wrote in part."""
        if isinstance(error, GdbLostError):
            self.release()
            self._gdb.close()
            cut_incomplete_line(self._recording)
            follow.forget_incomplete_line()
        self._progress.take(follow.new())

    def _finish(
        self, follow: RecordingFollower, ended: Stopped | None, outcome: RecordingOutcome, reason: str
    ) -> None:
        """Record the stacks if QEMU is still alive, the outputs, kernel trace, pointers, sources and footer.

        `ended` is the last stop of QEMU; None when it runs. An error of gdb costs only what it was asked for.
        """
        try:
            self._program.record_stacks(self._gdb, ended, outcome)
            self.release()
        except GdbError as error:
            self._let_gdb_go(follow, error)
        if ended is not None and ended.killed:  # gdb does not know it when QEMU was killed while it held QEMU
            self._append([ProgramExitRecord(signal=str(ended.signal_number))])
        if ended is not None:
            self._append(map(NoteRecord, self._notes_on_end(ended)))
        self._append(output_records(self._program.streams))
        self._append(map(NoteRecord, self._notes()))
        self._append(map(NoteRecord, self._misread_symbols()))
        can_rerun = outcome is not RecordingOutcome.INTERRUPTED and not (ended is not None and ended.executed)
        pointers = self._request.options.pointers and can_rerun
        if self._kernel is not None or pointers:
            recording = read_recording(self._recording)
            if self._kernel is not None:
                self._append(self._kernel.records(recording, self._started))
            if pointers:
                self._pointers.explain(
                    recording, self._plan_file, self._reporter.explaining, partial(self._let_gdb_go, follow)
                )
                self._interrupted |= self._pointers.interrupted
        self._progress.take(follow.new())
        self._append_sources(fetch=outcome is not RecordingOutcome.INTERRUPTED)
        try:
            added = f"{self._pointers.frames} {self._pointers.stops}"
            self._gdb.command(f"-chain-end {outcome} {mi_string(reason)} {added}")
        except GdbLostError as error:
            self._let_gdb_go(follow, error)
            close_recording(self._recording, outcome, reason)
        except GdbError as error:
            raise AnalyzerError(f"gdb could not end the recording: {error.message}", SPACE_HINT) from None
        if pointers:
            self._pointers.keep()

    def _notes_on_end(self, ended: Stopped) -> Iterator[str]:
        """What a reader has to know about the last stop of QEMU."""
        if step := next_step(ended):
            yield step
        if ended.ended and (forked := self._gdb.forked_processes()):
            names = ", ".join(sorted({process.name for process in forked}))
            count = number_of(len(forked), "process", "processes")
            yield (
                f"QEMU forked {count} that went on after its end ({names}), which gdb does not follow. "
                "What QEMU forked is ended with the recording."
            )

    def _close_interrupted(self) -> None:
        """Write the footer after an interrupt of `_finish`, unless it is written; gdb may be within an answer."""
        self.release()
        self._gdb.close()
        close_recording(self._recording, RecordingOutcome.INTERRUPTED, "interrupted by the user")

    def _notes(self) -> Iterator[str]:
        """What a reader has to know about the run."""
        yield from notes_on_globs(self._request.selections or (), self._progress.is_reached)
        if self._over_limit:
            yield self._over_limit
        if self._has_all_asked_for():
            yield (
                "The recording ended when all functions of --break had their hits of --break-limit; "
                "give no --break-limit to have all hits of --linger seconds."
            )
        yield from self._program.notes(self._gdb)

    def _misread_symbols(self) -> Iterator[str]:
        """What a reader has to know about symbol indexes that do not fit; the next run reads without them."""
        with suppress(GdbError):  # gdb has ended
            if not self._program.has_libraries:  # else gdb has forgotten them when it detached
                self._misread = self._gdb.note_symbol_files()
        for path in self._misread:
            yield (
                f"Names in {path} may be wrong: their index was made of another debug file. Record again: "
                "they are read without it then."
            )

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
        try:
            with append(str(self._recording)) as file:
                file.writelines(map(to_line, records))
        except OSError as error:  # the disk is full, the folder was removed
            raise AnalyzerError(f"{self._recording} cannot be written: {error.strerror}.", SPACE_HINT) from None

    def _explain_early_end(self, ended: Stopped | None) -> None:
        """Raise QemuEndedError, with QEMU's standard error, when QEMU ended before any milestone."""
        awaited = {milestone.name for milestone in self._progress.awaited}
        reached_any = self._progress.reached_beyond_main
        if ended is None or not ended.ended or not awaited or reached_any:
            return
        if explanation := self._program.early_end(ended, self._progress.exit_status):
            # What QEMU forked has the mark of this recording; it went on.
            raise QemuEndedError(*(BECAME_DAEMON if self._gdb.forked_processes() else explanation))

    @contextmanager
    def _followed(self) -> Iterator[RecordingFollower]:
        follow = RecordingFollower(self._recording)
        try:
            yield follow
        finally:
            follow.close()
