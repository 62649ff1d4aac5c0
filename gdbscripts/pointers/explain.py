"""Explains the calls through pointers of a recording, by running the program again, several times.

The first run finds the places the pointers are read from; the next ones watch these places, as many at once as
there are debug registers, and prove that each still held the recorded value at the recorded call. Addresses repeat
since address randomisation is off; where they do not, that is what the recording says.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, List, Optional

import gdb

from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.disassembly import Disassembler
from gdbscripts.plan import PointerSite, RecordingPlan
from gdbscripts.pointers.call_breakpoints import CallBreakpoints, ObservedCall
from gdbscripts.pointers.pointer_calls import PointerCall, PointerSlot
from gdbscripts.pointers.write_watchpoints import (
    MOST_WATCHPOINTS,
    NoWatchpointError,
    PointerStore,
    WriteWatchpoint,
    physical_frames,
)
from gdbscripts.recorder import Recorder


class PointerExplainer:
    """All pointers to be explained, run by run."""

    def __init__(self, plan: RecordingPlan, recorder: Recorder) -> None:
        RecordingBreakpoint.remove_all()  # those of the recorded run
        codes = Disassembler()
        self.sites = [PointerCall(site, codes) for site in plan.pointers]
        self._codes = codes
        self._recorder = recorder
        self._at_once = MOST_WATCHPOINTS
        self._points: Dict[PointerCall, CallBreakpoints] = {}
        self._found: Dict[PointerCall, Optional[ObservedCall]] = {}
        self._watches: Dict[int, WriteWatchpoint] = {}

    @property
    def open(self) -> int:
        """How many pointers are not explained yet, nor given up."""
        return sum(site.open for site in self.sites)

    def begin(self) -> None:
        """Set everything up for a run; the program stands at its very first instruction."""
        RecordingBreakpoint.remove_all()
        self._recorder.restart_clock()
        self._recorder.halt(False)
        self._found = {}
        self._watches = {}
        self._set_watches()
        wanted = [site for site in self.sites if site.open]
        self._points = {site: CallBreakpoints(site, self._watches, self._recorder) for site in wanted}
        for address in {site.reached for site in wanted}:
            StackBreakpoint(address, partial(self._look, address), self._recorder)

    def finish(self, refused: str) -> None:
        """Learn from a run that has ended; `refused` is why gdb would not even start it."""
        if refused:
            self._give_way(refused)
        else:
            for site, _ in self._points.items():
                self._learn(site, self._found.get(site))
        RecordingBreakpoint.remove_all()
        self._recorder.halt(False)

    def _set_watches(self) -> None:
        """Watch as many of the places in question as there are watchpoints."""
        for site in self.sites:
            links = list(site.links)
            # With a copy goes what it was copied to: only the copying tells that it is the right place.
            needed = {link.slot for link in links if link.before is not None or link.open}
            if len(needed) > self._at_once:
                links[-1].give_up("unknown", "it was copied too often")
                continue
            wanted = needed - set(self._watches)
            room = self._at_once - len(self._watches)
            if not any(link.open for link in links) or len(wanted) > room or self._watched_for_another(site):
                continue
            try:
                for slot in sorted(wanted):
                    self._watches[slot] = WriteWatchpoint(
                        slot, site.value, self._watches, self._codes, self._recorder
                    )
            except NoWatchpointError as error:
                self._give_way(str(error))

    def _watched_for_another(self, site: PointerCall) -> bool:
        """Whether a place in question is watched in this run for another value that it held at another time."""
        watches = [self._watches[link.slot] for link in site.links if link.slot in self._watches]
        return any(watch.value != site.value for watch in watches)

    def _give_way(self, reason: str) -> None:
        """gdb has fewer watchpoints than wanted, or none."""
        self._at_once = min(len(self._watches), self._at_once - 1)
        if self._at_once > 0:
            return
        for site in self.sites:
            for link in site.links:
                if link.open:
                    link.give_up("unknown", "no hardware watchpoint is to be had: %s" % reason)

    def _look(self, reached: int) -> None:
        """Which of the recorded calls is the selected thread in, now that it has reached this address?"""
        waiting = [site for site in self._points if site.reached == reached and site not in self._found]
        frames = physical_frames(gdb.newest_frame()) if waiting else []
        for site in waiting:
            if _is_recorded_stack(frames[1:], site.plan):
                self._found[site] = self._points[site].find_at(frames[site.plan.position + 1 :])
        self._recorder.halt(len(self._found) == len(self._points))

    def _learn(self, site: PointerCall, found: Optional[ObservedCall]) -> None:
        if site.end is None:
            _locate(site, found)
            return
        reading = found.reading if found is not None and found.value == site.value else None
        held = reading is not None and site.link is not None and reading.slot == site.link.slot
        store = reading.store if reading is not None and held else None
        for link in list(site.links):
            if link.open and link.slot in self._watches and not self._watched_for_another(site):
                _judge(link, held, store, self._watches[link.slot])
            # The watch of a copy's source tells only what came before the copy.
            held = held and store is not None and link.before is not None and store.source == link.before.slot
            store = store.source_store if store is not None and held else None


def _is_recorded_stack(frames: List[gdb.Frame], plan: PointerSite) -> bool:
    """Whether these frames return to where those of the recorded stack did."""
    inner = frames[: len(plan.stack)]
    return [frame.pc() for frame in inner] == plan.stack


class StackBreakpoint(RecordingBreakpoint):
    """The address at which a recorded stack was seen."""

    def __init__(self, address: int, look: Callable[[], None], recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._look = look

    def hit(self) -> None:
        """A thread is there again."""
        self._look()


def _locate(site: PointerCall, found: Optional[ObservedCall]) -> None:
    """After the first run: what was read, and from where."""
    if not site.calls:
        site.reason = "the machine code at the call does not tell"
    elif found is None:
        site.reason = "the call was not seen again"
        if site.elsewhere:
            site.reason = "the pointer led to %s, and how that went on cannot be told" % site.elsewhere
    elif found.end is None:
        site.call, site.value = found.call, found.value
        site.reason = "the machine code does not tell which of several ways the pointer came"
    else:
        site.call, site.value, site.end, site.local = found.call, found.value, found.end, found.local
        if found.reading is not None:
            site.link = PointerSlot(found.reading.slot, found.reading.name)


def _judge(link: PointerSlot, held: bool, store: Optional[PointerStore], watch: WriteWatchpoint) -> None:
    """After a run with a watchpoint: who stored it, proved by what was read there afterwards."""
    if watch.gave_up:
        link.give_up("unknown", "its place is written to too often")
    elif not held:
        link.give_up("lost", "the program did not use the same memory again")
    elif store is not None:
        link.be_stored(store)
    elif watch.from_beginning:
        link.be_static()
    else:
        link.give_up("unknown", "nobody was seen storing it")
