"""Sets the breakpoints of a plan as soon as gdb knows the addresses of their functions."""

from __future__ import annotations

import re
from functools import partial
from typing import Callable, Dict, List

import gdb

from gdbscripts.breakpoints import THREAD_CREATE, MilestoneBreakpoint, MilestoneCounts, ThreadCreateBreakpoint
from gdbscripts.calls_of import set_call_breakpoints
from gdbscripts.code_breakpoints import set_code_breakpoints
from gdbscripts.definitions import file_of_function, innermost_function
from gdbscripts.plan import PlannedMilestone, RecordingPlan
from gdbscripts.recorder import Recorder
from gdbscripts.tail_calls import function_address, symbol_at

_C_LIBRARY = re.compile(r"/(?:libc|libpthread|ld-musl)[^/]*$")


def set_breakpoints(plan: RecordingPlan, recorder: Recorder) -> Dict[str, List[str]]:
    """Set all breakpoints of `plan`; they append their records to `recorder`.

    Returns for each function name the sorted absolute paths of the source files that define it, an empty list when
    the function is in a library. Functions that the program does not have are missing. Functions of the C library
    get their breakpoints when the library is loaded.
    """
    counts = MilestoneCounts(plan.milestones)
    recorder.before_footer(partial(counts.write_cuts, recorder))
    by_function: Dict[str, List[PlannedMilestone]] = {}
    sources: Dict[str, List[str]] = {}
    by_address = [milestone for milestone in plan.milestones if _has_addresses(milestone)]
    set_code_breakpoints([milestone for milestone in by_address if not milestone.calls], counts, recorder)
    set_call_breakpoints([milestone for milestone in by_address if milestone.calls], counts, recorder)
    for milestone in plan.milestones:
        for function in milestone.functions:
            if _has_addresses(milestone):
                sources[function] = milestone.files
            else:
                by_function.setdefault(function, []).append(milestone)
    if plan.ioctl_log:
        from gdbscripts.exits import ExitSampler
        from gdbscripts.ioctls import FUNCTIONS, IoctlLog

        exits = ExitSampler(plan.samples, plan.accessors, recorder) if plan.samples else None
        if exits is not None:
            recorder.before_footer(exits.write_counts)
        ioctl_log = IoctlLog(recorder, exits)
        for function in FUNCTIONS:
            when_loaded(function, partial(ioctl_log.add_function, function))
    for function, milestones in by_function.items():
        if any(milestone.request for milestone in milestones):
            sources[function] = []
            when_loaded(function, partial(_set_milestone_breakpoint, function, milestones, counts, recorder, plan))
            continue
        breakpoint_ = _set_milestone_breakpoint(function, milestones, counts, recorder, plan, location=function)
        if breakpoint_.pending:
            breakpoint_.delete()
        else:
            sources[function] = source_files(function)
    when_loaded(THREAD_CREATE, partial(ThreadCreateBreakpoint, recorder))
    return sources


def _has_addresses(milestone: PlannedMilestone) -> bool:
    return bool(milestone.addresses or milestone.inlined)


def _set_milestone_breakpoint(
    function: str,
    milestones: List[PlannedMilestone],
    counts: MilestoneCounts,
    recorder: Recorder,
    plan: RecordingPlan,
    location: str,
) -> MilestoneBreakpoint:
    return MilestoneBreakpoint(location, function, milestones, counts, recorder, plan.accelerators)


def when_loaded(function: str, create: Callable[..., object], next_run: bool = False) -> Callable[[], None]:
    """Call `create(location=...)` with the address of the first instruction of `function` when its library is
    loaded.

    The location is an address, `*0x...`, because a breakpoint by name is set after the prologue, where argument
    registers may be overwritten. Before the program runs, or for the `next_run`, the library addresses that gdb
    knows are those of the previous run, so it waits. Returns a function that cancels the waiting.
    """

    def on_new_library(event: gdb.NewObjFileEvent) -> None:
        # The symbol lookup takes 5 ms, so it is not done for every library.
        if _C_LIBRARY.search(event.new_objfile.filename or "") and _create_in_library(function, create):
            cancel()

    def cancel() -> None:
        if waiting:
            waiting.clear()
            gdb.events.new_objfile.disconnect(on_new_library)

    waiting = [True]
    running = bool(gdb.selected_inferior().pid) and not next_run
    if (running and _create_in_library(function, create)) or _create_in_program(function, create):
        waiting.clear()
    else:
        gdb.events.new_objfile.connect(on_new_library)
    return cancel


def _create_in_library(function: str, create: Callable[..., object]) -> bool:
    """Call `create` if `function` is in a loaded library; returns whether it was called."""
    address = function_address(function)
    if not address or not gdb.solib_name(address):
        return False
    create(location="*0x%x" % address)
    return True


def _create_in_program(function: str, create: Callable[..., object]) -> bool:
    address = function_address(function)
    symbol = symbol_at(address) if address else None
    if symbol is None or symbol[2].startswith(".plt") or gdb.solib_name(address):
        return False
    create(location=function)
    return True


def source_files(function: str) -> List[str]:
    _, locations = gdb.decode_line(function)
    files = {_definition_file(function, sal) for sal in locations or () if sal.symtab is not None}
    return sorted(files)


def _definition_file(function: str, sal: gdb.Symtab_and_line) -> str:
    """Return the file that defines `function`, of which `sal` is one location: its own code or an inlined copy."""
    found = innermost_function(sal.pc) if sal.pc else None
    while found is not None and found.function.name != function:
        found = found.outer()
    return file_of_function(found, sal.pc, "") if found is not None else str(sal.symtab.fullname())
