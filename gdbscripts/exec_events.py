"""Stops the program when it executes a program, be it another one or itself.

Breakpoints at addresses do not fit what is executed: gdb cannot insert them, and then waits for ever.
"""

from __future__ import annotations

import gdb


def stop_at_exec() -> None:
    """Let the program stop at its next exec, without a breakpoint that does not fit; no effect before it runs."""
    gdb.execute("catch exec", to_string=True)
    # gdb forgets the symbols of the old program before it inserts the breakpoints into the new one.
    gdb.events.clear_objfiles.connect(_on_symbols_forgotten)


def _on_symbols_forgotten(_event: gdb.ClearObjFilesEvent) -> None:
    if gdb.selected_inferior().pid == 0:  # a program that does not run is loaded
        return
    catchpoint = getattr(gdb, "BP_CATCHPOINT", None)  # gdb without it does not list catchpoints
    for stop in gdb.breakpoints():
        if stop.type != catchpoint:
            stop.enabled = False
