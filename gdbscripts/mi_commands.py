"""The MI commands that the host calls. Their prefix is `-chain-`, since gdb has commands such as `-trace-start`
itself."""

from __future__ import annotations

import os
import platform
import signal
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import gdb

from gdbscripts import plan as plans
from gdbscripts.arch.host import current as architecture
from gdbscripts.enums import FATAL_SIGNALS, RecordingOutcome, StopReason
from gdbscripts.exec_events import stop_at_exec
from gdbscripts.plan_breakpoints import set_breakpoints
from gdbscripts.recorder import Recorder
from gdbscripts.records import SCHEMA, MilestoneRecord, ProgramExitRecord

if TYPE_CHECKING:
    from gdbscripts.pointers.explain import PointerExplainer
    from gdbscripts.pointers.known_pointers import KnownPointers
    from gdbscripts.run_state import HeldGuest

_SETTINGS = (
    "set pagination off",
    "set confirm off",
    "set width 0",
    "set language auto",
    "set breakpoint pending on",
    "set breakpoint always-inserted on",  # 2.2 times as fast with many hits and many threads
    "set disassembly-flavor " + architecture.DISASSEMBLY,
    "set disable-randomization on",
    "set print inferior-events off",
    "set print thread-events off",
    # QEMU interrupts vCPU threads with signals, which must not stop it; a crash stops it, to record the stacks.
    "handle all nostop noprint pass",
    "handle %s stop print pass" % " ".join(FATAL_SIGNALS),
    "handle SIGTRAP SIGINT stop print nopass",
)


# In addition, for a process that gdb attaches to: its user may interrupt it, and a call of one of its functions
# could do what its seccomp filter forbids.
_ATTACH_SETTINGS = (
    "handle SIGINT nostop noprint pass",
    "set may-call-functions off",
    "set exec-file-mismatch off",  # the program was opened through /proc
)


class CommandState:
    """The state that the commands share: the one recording of this gdb process."""

    recorder: Optional[Recorder] = None
    explainer: Optional[PointerExplainer] = None
    known_pointers: Optional[KnownPointers] = None
    held_guest: Optional[HeldGuest] = None

    @classmethod
    def current_recorder(cls) -> Recorder:
        """Return the recorder. Raises GdbError before `-chain-plan`."""
        if cls.recorder is None:
            raise gdb.GdbError("no plan yet: call -chain-plan FILE first")
        return cls.recorder

    @classmethod
    def current_explainer(cls) -> PointerExplainer:
        """Return the explainer. Raises GdbError before `-chain-pointers`."""
        if cls.explainer is None:
            raise gdb.GdbError("no pointers yet: call -chain-pointers FILE first")
        return cls.explainer


class HelloCommand(gdb.MICommand):
    """`-chain-hello`: proves that these scripts are loaded, and returns their schema number."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Apply the settings for recording; returns the schema number, the versions of gdb and its Python, and the
        process id."""
        for setting in _SETTINGS:
            gdb.execute(setting, to_string=True)
        return {
            "schema": SCHEMA,
            "gdb": gdb.VERSION,
            "python": platform.python_version(),
            "pid": os.getpid(),
        }


class SymbolFilesCommand(gdb.MICommand):
    """`-chain-symbol-files`: lists the files that gdb has read symbols from."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return for each file its build-id, path, and what tells it from another file; files without a build-id
        are missing."""
        files = [objfile for objfile in gdb.objfiles() if objfile.build_id]
        return {
            "files": [
                {
                    "build-id": objfile.build_id,
                    "path": objfile.filename,
                    "identity": _identity(objfile.filename),
                }
                for objfile in files
            ]
        }


def _identity(path: Optional[str]) -> str:
    """Return device, number, size and time of change of a file; "" when there is none, as of the vDSO."""
    try:
        status = os.stat(path or "")
    except OSError:
        return ""
    return "%d:%d:%d:%d" % (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class AttachCommand(gdb.MICommand):
    """`-chain-attach`: prepares gdb to attach to a process, which must go on unharmed afterwards."""

    def invoke(self, arguments: List[str]) -> None:
        """Apply the settings, and ignore signals at which gdb would end without removing its breakpoints."""
        for setting in _ATTACH_SETTINGS:
            gdb.execute(setting, to_string=True)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)


class PlanCommand(gdb.MICommand):
    """`-chain-plan FILE`: opens the recording and sets the breakpoints of the plan in FILE."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the planned functions that the program has, and the start time in seconds of CLOCK_MONOTONIC."""
        plan = plans.load(arguments[0])
        recorder = Recorder(plan.recording)
        sources = set_breakpoints(plan, recorder)
        stop_at_exec()
        for milestone in plan.milestones:
            files = sorted({file for name in milestone.functions for file in sources.get(name, ())})
            recorder.write(
                MilestoneRecord(
                    name=milestone.name,
                    title=milestone.title,
                    required=milestone.required,
                    found=[name for name in milestone.functions if name in sources],
                    missing=[name for name in milestone.functions if name not in sources],
                    files=files,
                    request=milestone.request_name,
                    about=milestone.about,
                    target=milestone.target,
                    passed=milestone.passed,
                    pattern=milestone.pattern,
                )
            )
        gdb.events.exited.connect(_record_exit)
        CommandState.recorder = recorder
        if plan.known:
            from gdbscripts.pointers.known_pointers import KnownPointers

            CommandState.known_pointers = KnownPointers(plan.known)
            recorder.at_stop(CommandState.known_pointers.at_stop)
        answer = {"found": sorted(sources), "started": repr(recorder.started)}
        if plan.run_state is not None:
            from gdbscripts.run_state import HeldGuest

            CommandState.held_guest = HeldGuest(plan.run_state, recorder)
            if CommandState.held_guest.set_breakpoints():
                answer["stops-when-held"] = "yes"
        return answer


class ProbePlacesCommand(gdb.MICommand):
    """`-chain-probe-places PLAN ANSWER`: finds where the functions of a plan are in the program."""

    def invoke(self, arguments: List[str]) -> None:
        """Write the places as JSON to the file ANSWER."""
        from gdbscripts.probe_places import write_places

        write_places(plans.load(arguments[0]), arguments[1])


class FrameGroupsCommand(gdb.MICommand):
    """`-chain-frame-groups REQUEST ANSWER`: reads the frames of the core file that the file REQUEST names."""

    def invoke(self, arguments: List[str]) -> None:
        """Write the frames as JSON to the file ANSWER."""
        from gdbscripts.frame_groups import answer_request

        answer_request(arguments[0], arguments[1])


class KnownPointersCommand(gdb.MICommand):
    """`-chain-known-pointers`: compares the known pointers of the plan with the recorded run."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the positions in the plan of the known pointers that are the same in this run."""
        known = CommandState.known_pointers
        return {"proved": [str(number) for number in (known.proved() if known is not None else ())]}


class PointersCommand(gdb.MICommand):
    """`-chain-pointers FILE`: prepares to explain the pointers of the plan in FILE in further runs of the
    program."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the number of pointers that are not explained yet."""
        from gdbscripts.pointers.explain import PointerExplainer  # imported on demand, so that gdb starts fast

        CommandState.current_recorder().close_times()
        gdb.events.exited.disconnect(_record_exit)  # later exits are not of the recorded run
        CommandState.explainer = PointerExplainer(plans.load(arguments[0]), CommandState.current_recorder())
        return {"open": CommandState.explainer.open_count}


class PointerRunCommand(gdb.MICommand):
    """`-chain-round`: sets the breakpoints of the next run; the program is stopped at its first instruction."""

    def invoke(self, arguments: List[str]) -> None:
        """Set the breakpoints and watchpoints of the run; returns nothing."""
        CommandState.current_explainer().begin_run()


class PointerRunEndCommand(gdb.MICommand):
    """`-chain-round-end [ERROR]`: evaluates the run and kills it; ERROR is why gdb could not start it."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the number of pointers that are not explained yet."""
        explainer = CommandState.current_explainer()
        if gdb.selected_inferior().pid:
            gdb.execute("kill", to_string=True)
        explainer.finish_run(arguments[0] if arguments else "")
        return {"open": explainer.open_count}


class ExplainCommand(gdb.MICommand):
    """`-chain-explain`: appends the records of all pointers to the recording."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the number of pointers that were recorded."""
        from gdbscripts.pointers.pointer_records import write_explanation

        explainer = CommandState.current_explainer()
        for number, call in enumerate(explainer.calls):
            write_explanation(number, call, CommandState.current_recorder())
        return {"pointers": len(explainer.calls)}


class RunStateCommand(gdb.MICommand):
    """`-chain-run-state`: tells why QEMU does not let its guest run; the program is stopped."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the state of `HeldGuest.read` as `held`, "" when the guest runs or nothing is known."""
        held_guest = CommandState.held_guest
        return {"held": held_guest.read() if held_guest is not None else ""}


class WhereCommand(gdb.MICommand):
    """`-chain-where [REASON]`: records the stack of every thread of the stopped program.

    REASON is a value of `StopReason`, by default `where`.
    """

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the number of threads whose stacks were recorded."""
        reason = StopReason(arguments[0]) if arguments else StopReason.WHERE
        return {"threads": CommandState.current_recorder().record_all_threads(reason)}


class EndCommand(gdb.MICommand):
    """`-chain-end OUTCOME REASON [FRAMES STOPS]`: writes the footer and closes the recording.

    FRAMES and STOPS are the numbers of those that the host has added.
    """

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """Return the number of stops in the recording."""
        recorder = CommandState.current_recorder()
        recorder.end(RecordingOutcome(arguments[0]), arguments[1], *map(int, arguments[2:]))
        return {"stops": recorder.stops}


def _record_exit(event: gdb.ExitedEvent) -> None:
    record = _exit_record(event)
    detached = gdb.selected_inferior().was_attached and record == ProgramExitRecord()
    if not detached:
        CommandState.current_recorder().write_if_open(record)


def _exit_record(event: gdb.ExitedEvent) -> ProgramExitRecord:
    if hasattr(event, "exit_code"):
        return ProgramExitRecord(status=event.exit_code)
    number = gdb.convenience_variable("_exitsignal")  # void when gdb itself killed the program, or detached
    return ProgramExitRecord(signal="" if number is None else str(number))


def register() -> None:
    """Register the commands with gdb; its settings do not change, because users load these scripts in plain gdb
    too."""
    HelloCommand("-chain-hello")
    SymbolFilesCommand("-chain-symbol-files")
    AttachCommand("-chain-attach")
    PlanCommand("-chain-plan")
    ProbePlacesCommand("-chain-probe-places")
    FrameGroupsCommand("-chain-frame-groups")
    KnownPointersCommand("-chain-known-pointers")
    PointersCommand("-chain-pointers")
    PointerRunCommand("-chain-round")
    PointerRunEndCommand("-chain-round-end")
    ExplainCommand("-chain-explain")
    RunStateCommand("-chain-run-state")
    WhereCommand("-chain-where")
    EndCommand("-chain-end")
