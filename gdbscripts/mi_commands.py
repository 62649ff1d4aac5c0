"""The MI commands the host calls. Their names start with `-chain-`: gdb has `-trace-*` and others of its own."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import gdb

from gdbscripts import plan as plans
from gdbscripts.arch.host import current as architecture
from gdbscripts.enums import RecordingOutcome
from gdbscripts.plan_breakpoints import set_breakpoints
from gdbscripts.recorder import Recorder
from gdbscripts.records import SCHEMA, MilestoneRecord, ProgramExitRecord

if TYPE_CHECKING:
    from gdbscripts.pointers.explain import PointerExplainer

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
    # QEMU kicks vCPUs with signals and stops for none; a crash is worth a look at the stacks.
    "handle all nostop noprint pass",
    "handle SIGSEGV SIGABRT SIGILL SIGFPE stop print pass",
    "handle SIGTRAP SIGINT stop print nopass",
)


class CommandState:
    """What the commands share: the one recording of this gdb."""

    recorder: Optional[Recorder] = None
    explainer: Optional[PointerExplainer] = None

    @classmethod
    def current(cls) -> Recorder:
        """The recorder; GdbError when `-chain-plan` was not called."""
        if cls.recorder is None:
            raise gdb.GdbError("no plan yet: call -chain-plan FILE first")
        return cls.recorder

    @classmethod
    def explaining(cls) -> PointerExplainer:
        """The explainer; GdbError when `-chain-pointers` was not called."""
        if cls.explainer is None:
            raise gdb.GdbError("no pointers yet: call -chain-pointers FILE first")
        return cls.explainer


class HelloCommand(gdb.MICommand):
    """`-chain-hello`: proves that this side is there, and tells its schema."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """The schema, gdb's version and the version of its Python. From here on gdb is set up for recording."""
        for setting in _SETTINGS:
            gdb.execute(setting, to_string=True)
        return {"schema": SCHEMA, "gdb": gdb.VERSION, "python": platform.python_version()}


class PlanCommand(gdb.MICommand):
    """`-chain-plan FILE`: open the recording and set the breakpoints of the plan in FILE."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """The names of the functions that the program has, of all the plan asks for."""
        plan = plans.load(arguments[0])
        recorder = Recorder(plan.recording)
        found = set_breakpoints(plan, recorder)
        for step in plan.steps:
            files = sorted({file for name in step.functions for file in found.get(name, ())})
            recorder.write(
                MilestoneRecord(
                    name=step.name,
                    title=step.title,
                    required=step.required,
                    found=[name for name in step.functions if name in found],
                    missing=[name for name in step.functions if name not in found],
                    files=files,
                    request=step.request_name,
                    about=step.about,
                    target=step.target,
                )
            )
        gdb.events.exited.connect(_record_exit)
        CommandState.recorder = recorder
        return {"found": sorted(found), "started": repr(recorder.started)}


class PointersCommand(gdb.MICommand):
    """`-chain-pointers FILE`: get ready to explain the pointers of the plan in FILE, in runs of their own."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many runs' worth of questions are open."""
        from gdbscripts.pointers.explain import PointerExplainer  # not before: gdb is to be ready soon

        gdb.events.exited.disconnect(_record_exit)  # what ends from now on is not the recorded run
        CommandState.explainer = PointerExplainer(plans.load(arguments[0]), CommandState.current())
        return {"open": CommandState.explainer.open}


class PointerRunCommand(gdb.MICommand):
    """`-chain-round`: set up the next run; the program stands at its very first instruction."""

    def invoke(self, arguments: List[str]) -> None:
        """Nothing to tell."""
        CommandState.explaining().begin()


class PointerRunEndCommand(gdb.MICommand):
    """`-chain-round-end [REFUSED]`: learn from the run, and kill it; REFUSED is why gdb would not start it."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many pointers are still to be explained."""
        explainer = CommandState.explaining()
        if gdb.selected_inferior().pid:
            gdb.execute("kill", to_string=True)
        explainer.finish(arguments[0] if arguments else "")
        return {"open": explainer.open}


class ExplainCommand(gdb.MICommand):
    """`-chain-explain`: append what was found out about the pointers."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many pointers there are."""
        from gdbscripts.pointers.pointer_records import write_explanation

        explainer = CommandState.explaining()
        for number, site in enumerate(explainer.sites):
            write_explanation(number, site, CommandState.current())
        return {"pointers": len(explainer.sites)}


class WhereCommand(gdb.MICommand):
    """`-chain-where`: record where every thread of the stopped program stands."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many threads there are."""
        return {"threads": CommandState.current().where()}


class EndCommand(gdb.MICommand):
    """`-chain-end OUTCOME REASON`: write the footer."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many stops were recorded."""
        recorder = CommandState.current()
        recorder.end(RecordingOutcome(arguments[0]), arguments[1])
        return {"stops": recorder.stops}


def _record_exit(event: gdb.ExitedEvent) -> None:
    CommandState.current().write_if_open(_exit(event))


def _exit(event: gdb.ExitedEvent) -> ProgramExitRecord:
    if hasattr(event, "exit_code"):
        return ProgramExitRecord(status=event.exit_code)
    signal = gdb.convenience_variable("_exitsignal")  # void when gdb itself killed the program
    return ProgramExitRecord(signal="" if signal is None else str(signal))


def register() -> None:
    """Make the commands known to gdb. Its settings stay as they are: people debug by hand with this as well."""
    HelloCommand("-chain-hello")
    PlanCommand("-chain-plan")
    PointersCommand("-chain-pointers")
    PointerRunCommand("-chain-round")
    PointerRunEndCommand("-chain-round-end")
    ExplainCommand("-chain-explain")
    WhereCommand("-chain-where")
    EndCommand("-chain-end")
