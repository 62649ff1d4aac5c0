"""Says how long the recorded run took, and where the time went."""

from __future__ import annotations

from analyzer.text import number_of
from gdbscripts.records import EndRecord


def run_times_text(end: EndRecord | None) -> str:
    """The times of the run in one sentence; "" when they were not measured.

    QEMU is stopped at breakpoints: what neither its processor time nor the code of the breakpoints took is gdb's,
    and waiting.
    """
    if end is None or not end.seconds:
        return ""
    rest = max(0.0, end.seconds - end.program_seconds - end.recorder_seconds)
    text = (
        f"{end.seconds:.2f} s: {end.program_seconds:.2f} s in QEMU (processor time), "
        f"{end.recorder_seconds:.2f} s in the recorder at breakpoints, {rest:.2f} s in gdb or waiting"
    )
    if end.left_to_gdb:
        text += f"; {number_of(end.left_to_gdb, 'stack')} read by gdb's own unwinder"
    return text
