"""Sets breakpoints at the addresses of functions that the host found: thousands of them in seconds.

For a breakpoint by name gdb searches all blocks of all units that it has read, and does so again whenever a
library is loaded: a thousand take it minutes.
"""

from __future__ import annotations

from typing import Dict, List

import gdb

from gdbscripts.breakpoints import MilestoneBreakpoint, MilestoneCounts
from gdbscripts.load_address import after_prologue, when_located
from gdbscripts.plan import PlannedMilestone
from gdbscripts.recorder import Recorder


def set_code_breakpoints(milestones: List[PlannedMilestone], counts: MilestoneCounts, recorder: Recorder) -> None:
    """Set a breakpoint at each address of `milestones`, as soon as the program is loaded.

    Functions that share an address share the breakpoint: aliases, and functions inlined into each other there.
    """
    if not milestones:
        return

    def create(offset: int) -> None:
        entries: Dict[int, List[PlannedMilestone]] = {}
        inlined: Dict[int, List[PlannedMilestone]] = {}
        for milestone in milestones:
            for address in milestone.addresses:
                entries.setdefault(after_prologue(address + offset), []).append(milestone)
            for address in milestone.inlined:
                inlined.setdefault(address + offset, []).append(milestone)
        for address in sorted({*entries, *inlined}):
            here = [*entries.get(address, ()), *inlined.get(address, ())]
            # gdb shows the frame of an inlined function at its first instruction only for a user's breakpoint; at
            # the entry of a function it is to show that function, whatever is inlined there.
            set_at(address, here, counts, recorder, internal=address not in inlined)

    when_located(create)


def set_at(
    address: int,
    milestones: List[PlannedMilestone],
    counts: MilestoneCounts,
    recorder: Recorder,
    internal: bool,
    function: str = "",
) -> None:
    """Set one breakpoint that records `milestones`; one that gdb refuses becomes a note in the recording.

    `function`: name for the stops, by default that of the first milestone.
    """
    function = function or milestones[0].functions[0]
    try:
        MilestoneBreakpoint("*0x%x" % address, function, milestones, counts, recorder, [], internal=internal)
    except gdb.error as error:
        recorder.note_failure(error)
