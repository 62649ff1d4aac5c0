"""Records one run with probes: QEMU runs on at its own pace, and gdb only reads symbols."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.adapters.gdb import Gdb
from analyzer.adapters.gdb_stops import Stopped, stop_at
from analyzer.adapters.perf_events import TraceEvents
from analyzer.adapters.privileged import RemoteDefinitions, current_helper
from analyzer.adapters.process import high_priority
from analyzer.adapters.source_excerpts import source_excerpts, source_roots_of
from analyzer.adapters.traced_process import ProcessEnd
from analyzer.adapters.uprobes import UprobeDefinitions
from analyzer.files import scratch_folder
from analyzer.model.recording import Recording
from analyzer.recording.break_functions import unknown_function
from analyzer.recording.early_end import early_end, how_it_ended
from analyzer.recording.guest import TINY_EXIT_STATUSES
from analyzer.recording.header import check_firmware, header_record
from analyzer.recording.outputs import last_output, output_records
from analyzer.recording.probes.devices import DeviceCalls
from analyzer.recording.probes.exits import ExitCollector
from analyzer.recording.probes.exits import exit_records as io_records
from analyzer.recording.probes.hits import HitCollector, Hits
from analyzer.recording.probes.ioctl_calls import KvmIoctl, earliest_times, kvm_ioctls
from analyzer.recording.probes.naming import name_stacks
from analyzer.recording.probes.places import ProbePlaces, find_places
from analyzer.recording.probes.records import ProbeRecords
from analyzer.recording.probes.results import exit_records, milestone_record, what_is_missing
from analyzer.recording.probes.sources import buffer_size, tracepoints_of
from analyzer.recording.probes.stack_walker import StackWalker
from analyzer.recording.probes.stops import ChosenStops, choose_stops, counted_functions, thread_numbers
from analyzer.recording.probes.target import RunningTarget, StartedTarget, Target
from analyzer.recording.progress import MilestoneProgress, RecordingReporter
from analyzer.recording.qemu_command import records_serial
from analyzer.recording.reader import FILE_NAME, read_recording
from analyzer.recording.request import RecordingRequest
from analyzer.recording.session import QemuEndedError
from gdbscripts import plan as plans
from gdbscripts.enums import Engine, RecordingOutcome
from gdbscripts.json_lines import to_line
from gdbscripts.records import (
    AcceleratorRecord,
    EndRecord,
    NoteRecord,
    Record,
)
from gdbscripts.safe_files import append

if TYPE_CHECKING:
    from analyzer.recording.kernel_trace import KernelTrace

# Bytes copied of each stack: a start of QEMU uses up to 6 KiB; exits come often, from less deep stacks. What is
# copied fills the buffers, and QEMU fills them faster than they are read.
_STACK_SIZE, _IO_STACK_SIZE = 8 << 10, 6 << 10
_POLL_MILLISECONDS = 50


def record_with_probes(
    request: RecordingRequest, folder: Path, gdb: Gdb, kernel: KernelTrace | None, reporter: RecordingReporter
) -> None:
    """Record one run into `folder`/recording.jsonl; arguments and errors are those of `session.record`.

    `gdb` has the symbols of the program; it starts and stops no process.
    """
    check_firmware(request)
    helper = current_helper()
    opened = UprobeDefinitions.open() if helper is None else RemoteDefinitions(helper)
    with scratch_folder() as scratch, opened as definitions:
        gdb.use_debug_files(request.qemu.debug_files.links())
        run = _ProbeRun(request, folder / FILE_NAME, scratch, gdb, kernel, reporter)
        run.run(definitions)


class _ProbeRun:
    """One run of QEMU with probes, from the header to the footer of its recording."""

    def __init__(
        self,
        request: RecordingRequest,
        recording: Path,
        scratch: Path,
        gdb: Gdb,
        kernel: KernelTrace | None,
        reporter: RecordingReporter,
    ) -> None:
        self._request, self._recording, self._scratch = request, recording, scratch
        self._gdb, self._kernel, self._reporter = gdb, kernel, reporter
        self._progress = MilestoneProgress(reporter.reached)
        self._steps = [*request.scenario.steps, *request.break_steps]
        self._started = 0  # nanoseconds of CLOCK_MONOTONIC
        self._files: dict[int, str] = {}  # of the descriptors on which there was an ioctl
        self._libraries: Mapping[Path, str] = {}
        self._exits = ExitCollector(request.options.samples) if request.options.samples else None
        self._stack_size = _STACK_SIZE if self._exits is None else _IO_STACK_SIZE
        self._interrupted = False

    def run(self, definitions: UprobeDefinitions | RemoteDefinitions) -> None:
        """Record. KeyboardInterrupt after the recording is closed."""
        with ExitStack() as cleanup:
            target = self._target()
            cleanup.callback(target.release)
            self._write([header_record(self._request, target.command, self._gdb.facts.version, Engine.PROBES)])
            places = self._find_places(target)
            walker = StackWalker(target.open_file)
            sources, tracepoints = tracepoints_of(definitions, places, target, with_exits=self._exits is not None)
            collector = HitCollector(
                walker,
                places.lookup(walker),
                counted_functions(self._steps),
                sources,
                target.mappings(),
                self._exits,
                frozenset(places.accessors),
                places.breakpoint_of(walker),
            )
            collector.hits.names.update(target.names())
            helper = current_helper()
            with TraceEvents(
                target.threads,
                tracepoints,
                self._stack_size,
                buffer_size(),
                enable_on_exec=target.starts,
                opener=helper.open_event if helper else None,
            ) as events:
                try:
                    with high_priority():
                        self._follow(target, events, collector)
                except KeyboardInterrupt:
                    self._interrupted = True
                if self._kernel is not None and self._attached:
                    self._kernel.stop()
                target.release()
                events.disable()
                collector.take(events.read())
                collector.finish()
                lost = events.lost
            self._write_results(target, places, walker, collector, lost)
        if self._interrupted:
            raise KeyboardInterrupt

    def _target(self) -> Target:
        process = self._request.process
        return StartedTarget(self._request, self._scratch) if process is None else RunningTarget(process)

    @property
    def _attached(self) -> bool:
        return self._request.process is not None

    def _find_places(self, target: Target) -> ProbePlaces:
        """Find the places of the probes, and record the milestones. UsageError for an unknown --break."""
        plan = plans.RecordingPlan(
            str(self._recording),
            self._steps,
            list(self._request.scenario.accelerators),
            accessors=list(self._request.scenario.accessors) if self._exits is not None else [],
        )
        plan_file = self._scratch / "plan.json"
        plans.save(plan, str(plan_file))
        self._libraries = target.libraries()
        rules = target.open_file(str(target.program)).call_frame_rules()
        libraries = list(self._libraries)
        places = find_places(self._gdb, plan_file, self._scratch, target.program, libraries, rules)
        for function in (step.functions[0] for step in self._request.break_steps):
            if function not in places.files:
                raise unknown_function(function, self._request.qemu.debug_files.symbols)
        self._write(milestone_record(step, places) for step in self._steps)
        return places

    def _follow(self, target: Target, events: TraceEvents, collector: HitCollector) -> None:
        """Let QEMU run, and take its events, until it ends or time is up."""
        poll = select.poll()
        for descriptor in events.descriptors:
            poll.register(descriptor, select.POLLIN)
        if self._kernel is not None:
            self._kernel.follow(target.pid)
        self._started = time.monotonic_ns()
        target.go(events)
        self._reporter.started()
        options = self._request.options
        started = time.monotonic()
        deadline = started + (options.linger if self._attached else options.timeout)
        complete, waiting = self._attached, False
        while True:
            ended = target.has_ended()
            poll.poll(0 if waiting else _POLL_MILLISECONDS)
            collector.take(events.read())
            waiting = collector.work()
            self._read_descriptors(target, collector)
            if ended:
                return
            now = time.monotonic()
            awaited = [step for step in self._steps if step.required and not _is_reached(step, collector)]
            if not awaited and not complete:
                complete = True
                deadline = now + (options.timeout if self._request.guest.exits_by_itself else options.linger)
            last = "the end of the recording" if self._attached else "the guest to end"
            self._reporter.waiting([step.title for step in awaited] or [last], now - started)
            if now > deadline:
                return

    def _read_descriptors(self, target: Target, collector: HitCollector) -> None:
        """Read what is behind the descriptors on which there were ioctls, while the process runs."""
        for fd in collector.new_descriptors():
            with suppress(OSError):
                self._files[fd] = str(Path(f"/proc/{target.pid}/fd/{fd}").readlink())

    def _write_results(
        self, target: Target, places: ProbePlaces, walker: StackWalker, collector: HitCollector, lost: int
    ) -> None:
        hits = collector.hits
        ioctls = kvm_ioctls(hits, self._files)
        chosen = choose_stops(hits, self._steps, {ioctl.call for ioctl in ioctls})
        bias = next((loaded.bias for loaded in walker.loaded if loaded.file.path == target.program), 0)
        devices = None
        if self._exits is not None:
            devices = DeviceCalls(hits, self._exits, places.accessors, bias)
            chosen.stops = sorted([*chosen.stops, *devices.stops()], key=lambda stop: stop.time)
        starts = sorted({address for stop in chosen.stops for address in (stop.start, stop.device) if address})
        named = name_stacks(
            self._gdb, self._scratch, walker, target.program, hits.stacks, places.lookup(walker),
            self._libraries, starts,
        )  # fmt: skip
        records = ProbeRecords(hits, named, self._started, thread_numbers(hits, target.threads))
        self._write(records.all(chosen.stops, ioctls, self._request.options.ioctls))
        if self._exits is not None and devices is not None:
            runs = {ioctl.call: number for number, ioctl in enumerate(ioctls)}
            self._write(io_records(self._exits, runs, records.threads, self._started))
            chosen.notes.extend(devices.sentence(named.functions))
        self._write(self._accelerator(chosen))
        self._write(exit_records(target.status))
        self._write(output_records(target.streams))
        notes = [*chosen.notes, *what_is_missing(hits, self._stack_size, lost, records.unnamed)]
        if not self._attached and not records_serial(self._request.options.qemu_arguments):
            notes.append("The serial port is not recorded: the QEMU arguments redirect it.")
        self._write(map(NoteRecord, notes))
        if self._kernel is not None:
            self._write(self._kernel.records(self._for_kernel_trace(ioctls, hits), self._started / 1e9))
        self._write_sources()
        outcome, reason = self._judge(target)
        self._write([EndRecord(outcome, reason, frames=len(named.frames), stops=records.stops)])
        self._explain_early_end(target)

    def _for_kernel_trace(self, ioctls: Sequence[KvmIoctl], hits: Hits) -> Recording:
        """The recording so far, with times of ioctls before which the kernel trace cannot have their events."""
        recording = read_recording(self._recording)
        earliest = earliest_times([ioctl.call for ioctl in ioctls], hits)
        log = (
            replace(entry, time=(time - self._started) / 1e9)
            for entry, time in zip(recording.ioctl_log, earliest, strict=True)
        )
        return replace(recording, ioctl_log=tuple(log))

    def _accelerator(self, chosen: ChosenStops) -> Iterator[Record]:
        shown = {step.name for step in self._steps if step.shows_accelerator}
        stop = next((stop for stop in chosen.stops if shown.intersection(stop.milestones)), None)
        if stop is not None:
            called = next(
                (s.request_name for s in self._steps if s.request_name and s.name in stop.milestones), ""
            )
            yield AcceleratorRecord(self._request.options.accelerator, f"{called or stop.function} is called")

    def _judge(self, target: Target) -> tuple[RecordingOutcome, str]:
        """(outcome, reason) for the footer of the recording."""
        status, guest = target.status, self._request.guest
        killed = not self._attached and status == -9
        how = (
            "the probes were removed"
            if self._attached
            else "ended by the analyzer"
            if killed
            else how_it_ended(_last_stop(status))
        )
        if self._interrupted:
            return RecordingOutcome.INTERRUPTED, "interrupted by the user"
        missing = ", ".join(milestone.name for milestone in self._progress.awaited)
        if missing:
            return RecordingOutcome.INCOMPLETE, f"{how} before: {missing}"
        if guest.exits_by_itself and status not in TINY_EXIT_STATUSES:
            return RecordingOutcome.INCOMPLETE, f"{how}, but the guest did not end it as expected"
        return RecordingOutcome.COMPLETE, how

    def _explain_early_end(self, target: Target) -> None:
        """Raise QemuEndedError, with QEMU's standard error, when QEMU ended before any milestone."""
        status = target.status
        if self._interrupted or self._attached or self._progress.reached_beyond_main or not self._progress.awaited:
            return
        if status is None or status == -9:
            return
        output = last_output(target.streams["stderr"]) or last_output(target.streams["stdout"])
        arguments = self._request.options.qemu_arguments
        ended = _last_stop(status)
        raise QemuEndedError(*early_end(self._request.qemu.path, arguments, status, output, target.command, ended))

    def _write_sources(self) -> None:
        roots = [*self._request.options.source_roots, *source_roots_of(self._request.qemu.path)]
        fetch = None if self._interrupted else self._request.fetch_source
        self._write(source_excerpts(self._progress.files, roots, fetch))

    def _write(self, records: Iterable[Record]) -> None:
        made = list(records)
        self._progress.take(iter(made))
        with append(str(self._recording)) as file:
            file.writelines(map(to_line, made))


def _last_stop(status: int | None) -> Stopped:
    """The end of a program as gdb would report it; `status` is negative for a signal."""
    if status is not None and status < 0:
        return stop_at(ProcessEnd(signal=-status))
    return Stopped("exited")


def _is_reached(step: plans.PlannedMilestone, collector: HitCollector) -> bool:
    return step.request in collector.seen if step.request else not collector.seen.isdisjoint(step.functions)
