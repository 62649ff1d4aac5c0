"""Sets the breakpoints of a plan, once the functions they belong to can be found."""

from __future__ import annotations

import re
from functools import partial
from typing import Callable, Dict, List

import gdb

from gdbscripts.breakpoints import THREAD_CREATE, Progress, StepBreakpoint, ThreadCreateBreakpoint
from gdbscripts.detour import address_of, symbol_at
from gdbscripts.exits import Exits
from gdbscripts.ledger import FUNCTIONS, Ledger
from gdbscripts.plan import Plan, Step
from gdbscripts.recorder import Recorder

_C_LIBRARY = re.compile(r"/(?:libc|libpthread|ld-musl)[^/]*$")


def set_breakpoints(plan: Plan, recorder: Recorder) -> Dict[str, List[str]]:
    """Set all breakpoints of `plan`; returns for each function's name where the program defines it.

    The value is a list of absolute source files, empty when the program has no such function. Functions of
    the C library are found once it is loaded.
    """
    progress = Progress(plan.steps)
    by_function: Dict[str, List[Step]] = {}
    for step in plan.steps:
        for function in step.functions:
            by_function.setdefault(function, []).append(step)
    found: Dict[str, List[str]] = {}
    if plan.ledger:
        exits = Exits(plan.samples, plan.accessors, recorder) if plan.samples else None
        recorder.at_end(exits.write_counts if exits else None)
        ledger = Ledger(recorder, exits)
        for function in FUNCTIONS:
            _when_loaded(function, partial(ledger.watch, function))
    for function, steps in by_function.items():
        if any(step.request for step in steps):
            found[function] = []
            _when_loaded(function, partial(_watch, function, steps, progress, recorder, plan))
            continue
        breakpoint_ = _watch(function, steps, progress, recorder, plan, where=function)
        if breakpoint_.pending:
            breakpoint_.delete()
        else:
            found[function] = _files_of(function)
    _when_loaded(THREAD_CREATE, partial(ThreadCreateBreakpoint, recorder))
    return found


def _watch(
    function: str, steps: List[Step], progress: Progress, recorder: Recorder, plan: Plan, where: str
) -> StepBreakpoint:
    return StepBreakpoint(where, function, steps, progress, recorder, plan.accelerators)


def _when_loaded(function: str, create: Callable[..., gdb.Breakpoint]) -> None:
    """Call `create(where=location)` once the library with `function` is there: its very first instruction.

    A breakpoint by name would stop behind the prologue, where argument registers may be in use already.
    """

    def look(event: gdb.NewObjFileEvent) -> None:
        # Asking costs 5 ms each time, so not for every library.
        if not _C_LIBRARY.search(event.new_objfile.filename or ""):
            return
        address = address_of(function)
        if address and gdb.solib_name(address):
            create(where="*0x%x" % address)
            gdb.events.new_objfile.disconnect(look)

    address = address_of(function)
    symbol = symbol_at(address) if address else None
    if symbol is not None and not symbol[2].startswith(".plt"):
        create(where=function)  # linked statically
    else:
        gdb.events.new_objfile.connect(look)


def _files_of(function: str) -> List[str]:
    _, locations = gdb.decode_line(function)
    files = {sal.symtab.fullname() for sal in locations or () if sal.symtab is not None}
    return sorted(files)
