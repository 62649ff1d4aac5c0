"""Sets the breakpoints of a plan, once the functions they belong to can be found."""

from __future__ import annotations

import re
from functools import partial
from typing import Callable, Dict, List

import gdb

from gdbscripts.breakpoints import THREAD_CREATE, MilestoneBreakpoint, MilestoneCounts, ThreadCreateBreakpoint
from gdbscripts.plan import PlannedMilestone, RecordingPlan
from gdbscripts.recorder import Recorder
from gdbscripts.tail_calls import address_of, symbol_at

_C_LIBRARY = re.compile(r"/(?:libc|libpthread|ld-musl)[^/]*$")


def set_breakpoints(plan: RecordingPlan, recorder: Recorder) -> Dict[str, List[str]]:
    """Set all breakpoints of `plan`; returns for each function's name where the program defines it.

    The value is a list of absolute source files, empty when the program has no such function. Functions of
    the C library are found once it is loaded.
    """
    progress = MilestoneCounts(plan.steps)
    by_function: Dict[str, List[PlannedMilestone]] = {}
    for step in plan.steps:
        for function in step.functions:
            by_function.setdefault(function, []).append(step)
    found: Dict[str, List[str]] = {}
    if plan.ioctl_log:
        from gdbscripts.exits import ExitSampler
        from gdbscripts.ioctls import FUNCTIONS, IoctlLog

        exits = ExitSampler(plan.samples, plan.accessors, recorder) if plan.samples else None
        recorder.at_end(exits.write_counts if exits else None)
        ioctl_log = IoctlLog(recorder, exits)
        for function in FUNCTIONS:
            when_loaded(function, partial(ioctl_log.watch, function))
    for function, steps in by_function.items():
        if any(step.request for step in steps):
            found[function] = []
            when_loaded(function, partial(_watch, function, steps, progress, recorder, plan))
            continue
        breakpoint_ = _watch(function, steps, progress, recorder, plan, where=function)
        if breakpoint_.pending:
            breakpoint_.delete()
        else:
            found[function] = _files_of(function)
    when_loaded(THREAD_CREATE, partial(ThreadCreateBreakpoint, recorder))
    return found


def _watch(
    function: str,
    steps: List[PlannedMilestone],
    progress: MilestoneCounts,
    recorder: Recorder,
    plan: RecordingPlan,
    where: str,
) -> MilestoneBreakpoint:
    return MilestoneBreakpoint(where, function, steps, progress, recorder, plan.accelerators)


def when_loaded(function: str, create: Callable[..., object], next_run: bool = False) -> Callable[[], None]:
    """Call `create(where=location)` once the library with `function` is there: its very first instruction.

    A breakpoint by name would stop behind the prologue, where argument registers may be in use already. While the
    program does not run, or for the `next_run`, the libraries gdb knows are those of the run before.
    Returns how to wait no longer.
    """

    def look(event: gdb.NewObjFileEvent) -> None:
        # Asking costs 5 ms each time, so not for every library.
        if _C_LIBRARY.search(event.new_objfile.filename or "") and _create(function, create):
            forget()

    def forget() -> None:
        if waiting:
            waiting.clear()
            gdb.events.new_objfile.disconnect(look)

    waiting = [True]
    running = bool(gdb.selected_inferior().pid) and not next_run
    if (running and _create(function, create)) or _is_linked_statically(function, create):
        waiting.clear()
    else:
        gdb.events.new_objfile.connect(look)
    return forget


def _create(function: str, create: Callable[..., object]) -> bool:
    """Whether the function is in a library that is loaded; `create` is called then."""
    address = address_of(function)
    if not address or not gdb.solib_name(address):
        return False
    create(where="*0x%x" % address)
    return True


def _is_linked_statically(function: str, create: Callable[..., object]) -> bool:
    address = address_of(function)
    symbol = symbol_at(address) if address else None
    if symbol is None or symbol[2].startswith(".plt") or gdb.solib_name(address):
        return False
    create(where=function)
    return True


def _files_of(function: str) -> List[str]:
    _, locations = gdb.decode_line(function)
    files = {sal.symtab.fullname() for sal in locations or () if sal.symtab is not None}
    return sorted(files)
