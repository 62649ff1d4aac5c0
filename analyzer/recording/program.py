"""How the program comes under gdb, and how gdb leaves it: QEMU is started, or gdb attaches to one that runs."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from analyzer.adapters.gdb import PTRACE_HINT, Gdb, GdbError, GdbLostError
from analyzer.adapters.gdb_stops import Stopped
from analyzer.adapters.program_text import ChangedByte, changed_code, restore_code
from analyzer.adapters.running_qemu import QemuProcess, process_state
from analyzer.errors import AnalyzerError
from analyzer.recording.early_end import early_end
from analyzer.recording.held_guest import run_state_plan
from analyzer.recording.hold_watch import HoldWatch
from analyzer.recording.outputs import last_output
from analyzer.recording.qemu_command import qemu_command, records_serial, repeatable_command
from analyzer.recording.request import RecordingRequest
from gdbscripts.enums import RecordingOutcome
from gdbscripts.plan import RunStatePlan

if TYPE_CHECKING:
    from analyzer.recording.kernel_trace import KernelTrace

_START_SECONDS = 30.0  # until QEMU is stopped at its first instruction; a hundredth of one is usual
_RELEASE_SECONDS = 2.0  # the threads of a process go on one after the other


class Program(Protocol):
    """QEMU as a recording uses it.

    `command`: for a user to repeat. `streams`: the files that QEMU's output goes to, by the name of the stream.
    `run_state`: what gdb reads of QEMU's run state; None for nothing. `has_libraries`: whether the libraries are
    loaded before `run`, and gone at the end of the recording. `ends_by_time`: whether the recording ends after
    `seconds`, whatever was reached; else `seconds` is the limit until all milestones are reached. `awaited_end`:
    what is awaited after them.
    """

    command: Sequence[str]
    streams: Mapping[str, Path]
    run_state: RunStatePlan | None
    has_libraries: bool
    ends_by_time: bool
    seconds: float
    awaited_end: str

    def prepare(self, gdb: Gdb) -> None:
        """Make the program ready for breakpoints. AnalyzerError when gdb cannot have it."""

    def run(self, gdb: Gdb, kernel: KernelTrace | None) -> None:
        """Let the program run, now that the breakpoints are set. AnalyzerError when it cannot."""

    def hold_watch(self, gdb: Gdb, stops_when_held: bool) -> HoldWatch | None:
        """What notices a guest that QEMU holds; None when nothing does. `stops_when_held`: gdb stops QEMU then."""

    def record_stacks(self, gdb: Gdb, ended: Stopped | None, outcome: RecordingOutcome) -> None:
        """Record where the threads are at the end of the recording, if that tells something.

        `ended` is the last stop of QEMU; None when it runs. GdbError when gdb fails.
        """

    def notes(self, gdb: Gdb) -> Iterator[str]:
        """What a reader has to know about the end of the run, and about what is not recorded."""

    def early_end(self, ended: Stopped, status: int | None) -> tuple[str, str] | None:
        """The message and the hint for a QEMU that ended before any milestone; None when that is no error."""

    def release(self, gdb: Gdb, kernel: KernelTrace | None, /) -> str:
        """Leave the program alone if it ran before, and end `kernel`; returns how it goes on, or "". Raises no
        GdbError."""


def program_of(request: RecordingRequest, scratch: Path) -> Program:
    """The program of the request; the output of a QEMU that is started goes to files in the folder `scratch`."""
    if request.process is None:
        return StartedProgram(request, scratch)
    return AttachedProgram(request.process, request.options.linger)


class StartedProgram:
    """A QEMU that gdb starts, and ends."""

    has_libraries = False
    ends_by_time = False
    awaited_end = "the guest to end"

    def __init__(self, request: RecordingRequest, scratch: Path) -> None:
        self._request = request
        self.seconds = request.options.timeout
        self.run_state: RunStatePlan | None = run_state_plan(stops=not request.options.wait_for_cont)
        self.streams: Mapping[str, Path] = {name: scratch / name for name in ("serial", "stdout", "stderr")}
        # QEMU runs with the serial port in a scratch file; `command` has what a user can repeat.
        self._command = qemu_command(
            qemu=request.qemu.path,
            guest=request.guest,
            accelerator=request.options.accelerator,
            serial=self.streams["serial"],
            firmware=request.qemu.firmware,
            names_threads=request.qemu.names_threads,
            extra=request.options.qemu_arguments,
            devices=request.qemu.devices,
            buses=request.machine.buses if request.machine else None,
        )
        self._environment = request.environment
        self.executed: Sequence[str] = self._command  # what runs, with the serial port in a file
        command = repeatable_command(self._command, self.streams["serial"])
        self.command: Sequence[str] = [*self._environment.env_command(), *command]

    def prepare(self, gdb: Gdb) -> None:
        """Nothing: gdb sets the breakpoints before the program runs."""

    def run(self, gdb: Gdb, kernel: KernelTrace | None) -> None:
        """Start QEMU, with its output in the files of `streams`; `kernel` traces it from its first instruction."""
        output = " ".join(f"{n}>{shlex.quote(str(self.streams[s]))}" for n, s in ((1, "stdout"), (2, "stderr")))
        for command in self._environment.gdb_commands():
            gdb.console(command)
        gdb.console(f"set args {shlex.join(self._command[1:])} </dev/null {output}")
        try:
            if kernel is None or not kernel.is_possible:
                gdb.command("-exec-run")
                return
            # After -exec-run QEMU could be at its end before the kernel's buffers are there.
            gdb.console("starti")
            gdb.wait_stopped(_START_SECONDS)
            kernel.follow(gdb.program_pid)
            gdb.command("-exec-continue")
        except GdbLostError:
            raise
        except GdbError as error:
            raise _cannot_trace("start QEMU", error.message) from None

    def hold_watch(self, gdb: Gdb, stops_when_held: bool) -> HoldWatch | None:
        """Asks QEMU whether it holds its guest."""
        return HoldWatch(gdb, self._request.options.qemu_arguments, stops_when_held, time.monotonic())

    def record_stacks(self, gdb: Gdb, ended: Stopped | None, outcome: RecordingOutcome) -> None:
        """Stop a QEMU that still runs; record its stacks unless all is complete."""
        if _has_exited(gdb) or (ended is not None and ended.executed):
            return
        threads = gdb.command("-thread-info")["threads"]
        if any(thread["state"] == "running" for thread in threads):
            gdb.interrupt()
        if outcome is not RecordingOutcome.COMPLETE:
            gdb.command("-chain-where", timeout=120)

    def notes(self, gdb: Gdb) -> Iterator[str]:
        """A guest that did not end, and a serial port that goes elsewhere."""
        if self._request.options.samples and not self._request.guest.exits_by_itself and not _has_exited(gdb):
            yield "The guest was still running at the end; give it more time with --linger."
        if not records_serial(self._request.options.qemu_arguments):
            yield "The serial port is not recorded: the QEMU arguments redirect it."

    def early_end(self, ended: Stopped, status: int | None) -> tuple[str, str] | None:
        """What QEMU said, and what to do."""
        output = last_output(self.streams["stderr"]) or last_output(self.streams["stdout"])
        arguments = self._request.options.qemu_arguments
        return early_end(self._request.qemu.path, arguments, status, output, self.command, ended)

    def release(self, _gdb: Gdb, _kernel: KernelTrace | None) -> str:
        """Nothing: QEMU ends with gdb, and is needed for the explanation of pointers before that."""
        return ""


class AttachedProgram:
    """A QEMU that runs already; gdb attaches to it, and detaches from it after `seconds`."""

    run_state: RunStatePlan | None = None
    has_libraries = True
    ends_by_time = True
    awaited_end = "the end of the recording"

    def __init__(self, process: QemuProcess, seconds: float) -> None:
        self.seconds = seconds
        self._pid = process.pid
        self._is_attached = False
        self._own_changes: frozenset[ChangedByte] = frozenset()  # of its code, which are not gdb's
        self._breakpoints: list[ChangedByte] = []
        self.streams: Mapping[str, Path] = {}
        self.command: Sequence[str] = process.command

    def prepare(self, gdb: Gdb) -> None:
        """Attach. The guest stands still until `run`."""
        assert gdb.facts  # gdb has read the symbols: the guest need not wait for that
        with suppress(OSError):  # gdb says why the memory cannot be read
            self._own_changes = frozenset(changed_code(self._pid))  # such as uprobes
        self._is_attached = True
        try:
            gdb.attach(self._pid)
        except GdbError as error:
            self._is_attached = False
            with suppress(GdbError):
                gdb.detach()
            raise _cannot_trace(f"attach to process {self._pid}", error.message) from None

    def run(self, gdb: Gdb, kernel: KernelTrace | None) -> None:
        """Record where each thread is, let `kernel` trace the process, and let it run on."""
        gdb.command("-chain-where attach", timeout=120)
        if kernel is not None:
            kernel.follow(self._pid)
        gdb.command("-exec-continue")
        with suppress(OSError):
            self._breakpoints = self._changes()

    def hold_watch(self, _gdb: Gdb, _stops_when_held: bool) -> HoldWatch | None:
        """Nothing: who started this QEMU decides when its guest runs."""
        return None

    def record_stacks(self, gdb: Gdb, ended: Stopped | None, _outcome: RecordingOutcome) -> None:
        """Record where the threads are when QEMU has stopped but not ended, as at a fatal signal."""
        if ended is not None and not ended.ended:
            gdb.command("-chain-where", timeout=120)

    def notes(self, _gdb: Gdb) -> Iterator[str]:
        """Nothing: the guest goes on, and its serial port is not the recorder's."""
        return iter(())

    def early_end(self, _ended: Stopped, _status: int | None) -> tuple[str, str] | None:
        """Nothing: a guest may end at any time."""
        return None

    def release(self, gdb: Gdb, kernel: KernelTrace | None) -> str:
        """End `kernel`, detach, and check that the process goes on with its own code; returns how, "" the second
        time.

        When gdb was killed, its breakpoints are removed here, those first that are known; a thread that reaches
        one before that ends the process.
        """
        if kernel is not None:
            kernel.stop()
        if not self._is_attached:
            return ""
        self._is_attached = False
        mended = False
        try:
            gdb.detach()
        except GdbError:  # it was killed, or does not answer
            gdb.close()
            mended = self._restore(self._breakpoints)
        with suppress(OSError):
            mended |= self._restore(self._changes())
        if not runs_on(self._pid):
            return f"QEMU {self._pid} has ended."
        what = "gdb ended without removing its breakpoints; they are removed now. " if mended else ""
        return f"{what}Detached; QEMU {self._pid} runs on."

    def _restore(self, changed: Sequence[ChangedByte]) -> bool:
        """Write the original bytes; returns whether there was something to write."""
        with suppress(OSError):
            return restore_code(self._pid, changed) > 0
        return False

    def _changes(self) -> list[ChangedByte]:
        return [byte for byte in changed_code(self._pid) if byte not in self._own_changes]


def _has_exited(gdb: Gdb) -> bool:
    groups = gdb.command("-list-thread-groups")["groups"]
    return not any("pid" in group for group in groups)


def runs_on(pid: int) -> bool:
    """Whether process `pid` is alive and neither stopped nor traced; a stopped one is continued first."""
    deadline = time.monotonic() + _RELEASE_SECONDS
    while (state := process_state(pid)) in ("T", "t") and time.monotonic() < deadline:
        time.sleep(0.02)
    if state == "T":  # it was not stopped when gdb attached
        with suppress(OSError):
            os.kill(pid, signal.SIGCONT)
        state = process_state(pid)
    return state not in ("", "T", "t", "Z", "X")


def _cannot_trace(what: str, message: str) -> AnalyzerError:
    if not re.search("ptrace|permitted|code 127", message):
        return AnalyzerError(
            f"gdb cannot {what}: {message}", "QEMU may have been killed by another process. Try again."
        )
    return AnalyzerError(
        f"gdb cannot {what}: {message}",
        f"Tracing (ptrace) may be forbidden. {PTRACE_HINT} `analyze doctor` has details.",
    )
