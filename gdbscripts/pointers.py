"""Explains the calls through pointers of a recording, by running the program again, several times.

The first run finds the places the pointers are read from; the next ones watch these places, as many at once as
there are debug registers, and prove that each still held the recorded value at the recorded call. Addresses repeat
since address randomisation is off; where they do not, that is what the recording says.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, List, NamedTuple, Optional

import gdb

from gdbscripts.breakpoints import RecordingBreakpoint
from gdbscripts.code import Codes
from gdbscripts.detour import place_at
from gdbscripts.links import Call, Link, Site
from gdbscripts.memory import stack_pointer
from gdbscripts.plan import Plan, PointerSite
from gdbscripts.readings import CallPoint, Made, Reading, ReadPoint
from gdbscripts.recorder import Recorder
from gdbscripts.stores import AT_ONCE, NoWatchpointError, SlotWatch, Store, physical_frames
from gdbscripts.trail import End


class Found(NamedTuple):
    """What a run saw of a recorded call."""

    call: Call
    value: int
    end: Optional[End]
    reading: Optional[Reading]
    local: str


class SitePoints:
    """The breakpoints set for one site in one run."""

    def __init__(self, site: Site, watches: Dict[int, SlotWatch], recorder: Recorder) -> None:
        self._site = site
        self._calls = [(call, self._call_point(call, recorder)) for call in self._wanted_calls()]
        self._reads: Dict[End, ReadPoint] = {}
        for call, _ in self._calls:
            for end in call.ends if site.end is None else [site.end]:
                if end.kind == "memory":
                    point = ReadPoint(end.origin.address, end.origin.place, site.accepts, recorder)
                    watch = watches.get(site.link.slot) if site.link else None
                    point.watch = watch if watch is not None and watch.value == site.value else None
                    self._reads[end] = point

    def find_at(self, frames: List[gdb.Frame]) -> Optional[Found]:
        """What the selected thread called in the innermost of these frames."""
        thread = gdb.selected_thread().num
        for call, point in self._calls:
            depth = stack_pointer(frames[0]) - call.pushed
            made = point.made(thread, depth)
            if made is not None:
                return self._found(call, point, made, thread, frames)
            if point.called(thread, depth):
                self._site.elsewhere = place_at(point.called(thread, depth))[0]
        return None

    def _found(self, call: Call, point: CallPoint, made: Made, thread: int, frames: List[gdb.Frame]) -> Found:
        value = made.value
        matches = []
        for end, reads in self._reads.items():
            depth = self._depth(end.level, frames) - (call.pushed if not end.level else 0)
            since = 0 if end.level else made.since  # a caller may have read it for several calls
            reading = reads.latest(thread, depth, value, since) if end in call.ends else None
            if reading is not None:
                matches.append((end, reading))
        if len({reading.slot for _, reading in matches}) > 1:  # which of them led here cannot be told
            return Found(call, value, None, None, point.local)
        others = [end for end in call.ends if end.kind != "memory"]
        if matches and others:  # what was read may have been for a call before, and this time it came otherwise
            return Found(call, value, None, None, point.local)
        if matches:
            return Found(call, value, *matches[0], point.local)
        return Found(call, value, others[0] if len(others) == 1 else None, None, point.local)

    def _depth(self, level: int, frames: List[gdb.Frame]) -> int:
        """The stack pointer of the function `level` callers up; 0 when it has no frame of its own."""
        address = self._site.plan.returns[level] if level < len(self._site.plan.returns) else 0
        return (
            next((stack_pointer(frame) for frame in frames[level:] if frame.pc() == address), 0)
            if level
            else (stack_pointer(frames[0]))
        )

    def _wanted_calls(self) -> List[Call]:
        return [self._site.call] if self._site.call is not None else self._site.calls

    def _call_point(self, call: Call, recorder: Recorder) -> CallPoint:
        point = CallPoint(call.address, call.operand, self._site.accepts, recorder)
        point.homes = [end.origin.home for end in call.ends if end.origin.home]
        return point


class Explainer:
    """All pointers to be explained, run by run."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        RecordingBreakpoint.remove_all()  # those of the recorded run
        codes = Codes()
        self.sites = [Site(site, codes) for site in plan.pointers]
        self._codes = codes
        self._recorder = recorder
        self._at_once = AT_ONCE
        self._points: Dict[Site, SitePoints] = {}
        self._found: Dict[Site, Optional[Found]] = {}
        self._watches: Dict[int, SlotWatch] = {}

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
        self._points = {site: SitePoints(site, self._watches, self._recorder) for site in wanted}
        for address in {site.reached for site in wanted}:
            ReachedPoint(address, partial(self._look, address), self._recorder)

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
                    self._watches[slot] = SlotWatch(slot, site.value, self._watches, self._codes, self._recorder)
            except NoWatchpointError as error:
                self._give_way(str(error))

    def _watched_for_another(self, site: Site) -> bool:
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

    def _learn(self, site: Site, found: Optional[Found]) -> None:
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


class ReachedPoint(RecordingBreakpoint):
    """The address at which a recorded stack was seen."""

    def __init__(self, address: int, look: Callable[[], None], recorder: Recorder) -> None:
        super().__init__("*0x%x" % address, internal=True)
        self.recorder = recorder
        self._look = look

    def hit(self) -> None:
        """A thread is there again."""
        self._look()


def _locate(site: Site, found: Optional[Found]) -> None:
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
            site.link = Link(found.reading.slot, found.reading.name)


def _judge(link: Link, held: bool, store: Optional[Store], watch: SlotWatch) -> None:
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
