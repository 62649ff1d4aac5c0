"""The MI commands the host calls. Their names start with `-chain-`: gdb has `-trace-*` and others of its own."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import gdb

from gdbscripts import plan as plans
from gdbscripts.arch.host import current as architecture
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
    def current_recorder(cls) -> Recorder:
        """The recorder; GdbError when `-chain-plan` was not called."""
        if cls.recorder is None:
            raise gdb.GdbError("no plan yet: call -chain-plan FILE first")
        return cls.recorder

    @classmethod
    def current_explainer(cls) -> PointerExplainer:
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
        sources = set_breakpoints(plan, recorder)
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
                )
            )
        gdb.events.exited.connect(_record_exit)
        CommandState.recorder = recorder
        return {"found": sorted(sources), "started": repr(recorder.started)}


class PointersCommand(gdb.MICommand):
    """`-chain-pointers FILE`: get ready to explain the pointers of the plan in FILE, in runs of their own."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many runs' worth of questions are open."""
        from gdbscripts.pointers.explain import PointerExplainer  # not before: gdb is to be ready soon

        gdb.events.exited.disconnect(_record_exit)  # what ends from now on is not the recorded run
        CommandState.explainer = PointerExplainer(plans.load(arguments[0]), CommandState.current_recorder())
        return {"open": CommandState.explainer.open_count}


class PointerRunCommand(gdb.MICommand):
    """`-chain-round`: set up the next run; the program stands at its very first instruction."""

    def invoke(self, arguments: List[str]) -> None:
        """Nothing to tell."""
        CommandState.current_explainer().begin_run()


class PointerRunEndCommand(gdb.MICommand):
    """`-chain-round-end [REFUSED]`: learn from the run, and kill it; REFUSED is why gdb would not start it."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many pointers are still to be explained."""
        explainer = CommandState.current_explainer()
        if gdb.selected_inferior().pid:
            gdb.execute("kill", to_string=True)
        explainer.finish_run(arguments[0] if arguments else "")
        return {"open": explainer.open_count}


class ExplainCommand(gdb.MICommand):
    """`-chain-explain`: append what was found out about the pointers."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many pointers there are."""
        from gdbscripts.pointers.pointer_records import write_explanation

        explainer = CommandState.current_explainer()
        for number, call in enumerate(explainer.calls):
            write_explanation(number, call, CommandState.current_recorder())
        return {"pointers": len(explainer.calls)}


class WhereCommand(gdb.MICommand):
    """`-chain-where`: record where every thread of the stopped program stands."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many threads there are."""
        return {"threads": CommandState.current_recorder().record_all_threads()}


class EndCommand(gdb.MICommand):
    """`-chain-end OUTCOME REASON`: write the footer."""

    def invoke(self, arguments: List[str]) -> Dict[str, Any]:
        """How many stops were recorded."""
        recorder = CommandState.current_recorder()
        recorder.end(arguments[0], arguments[1])
        return {"stops": recorder.stops}


def _record_exit(event: gdb.ExitedEvent) -> None:
    CommandState.current_recorder().write_if_open(_exit_record(event))


def _exit_record(event: gdb.ExitedEvent) -> ProgramExitRecord:
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
