"""Walks one stack into frame numbers and arguments as gdb's own `bt` shows them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import gdb

from gdbscripts.frame_arguments import Place
from gdbscripts.frame_numbers import FrameNumbers, name_of
from gdbscripts.known_calls import ArgumentSources, FrameGroup, KnownCalls
from gdbscripts.records import CUT as CUT_BEGINS
from gdbscripts.records import Arguments, FrameRecord
from gdbscripts.registers import RegisterReader, Registers
from gdbscripts.return_addresses import ReturnAddressReader

_FRAMES_WITHOUT_RETURN_ADDRESS = (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)
# Deeper stacks are truncated and end in a frame of this name, so that infinite recursion stays bounded.
MAX_FRAMES = 2000
CUT = "%s %d frames>" % (CUT_BEGINS, MAX_FRAMES)
MAX_STACKS = 1000000  # that are kept; each takes some 300 bytes of gdb's memory

StoppedIn = Tuple[int, str]  # type and name of the innermost frame


class WalkedStack(NamedTuple):
    """A stack: frame numbers innermost first, the arguments of each frame, and the records of frames that are
    new."""

    frames: List[int]
    arguments: List[Arguments]
    new: List[FrameRecord]


class ReadStack(NamedTuple):
    """The registers of a thread, and the function that gdb stops in.

    `addresses`: the pc of the innermost frame and the return addresses; None when the rules do not give them.
    """

    registers: Registers
    stopped_in: StoppedIn
    addresses: Optional[Tuple[int, ...]]


class WalkCounts:
    """What walking has cost so far: `stacks` with arguments, and `gdb_frames` that were asked for."""

    def __init__(self) -> None:
        self.stacks = 0
        self.gdb_frames = 0


class StackWalker:
    """Walks stacks.

    `walk` asks gdb for each frame that is new and learns from the answer; `known_stack` answers from what was
    learnt. The frames that gdb shows between two return addresses, inlined ones and reconstructed tail calls,
    depend on both addresses only. Those of the innermost address depend on the function that gdb stops in, too.
    """

    def __init__(self) -> None:
        self._frames = FrameNumbers()
        self._sources = ArgumentSources(self._frames.elided)
        self._registers = RegisterReader()
        self._addresses = ReturnAddressReader()
        self._innermost: Dict[Tuple[int, StoppedIn], Tuple[int, ...]] = {}
        self._outer: Dict[Tuple[int, int], Tuple[int, ...]] = {}
        self._stopped_in: Dict[int, StoppedIn] = {}  # by the pc of a breakpoint
        self._known: Dict[Tuple[StoppedIn, Tuple[int, ...]], Tuple[int, ...]] = {}
        self.counts = WalkCounts()
        gdb.events.breakpoint_created.connect(self.forget_breakpoints)
        gdb.events.breakpoint_deleted.connect(self.forget_breakpoints)

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def left_to_gdb(self) -> int:
        """The number of stacks whose return addresses could not be read by rules."""
        return self._addresses.left_to_gdb

    @property
    def memory_reads(self) -> int:
        """The number of reads of stack memory."""
        return self._addresses.reads

    @property
    def addresses_resolved(self) -> int:
        """The number of distinct pcs whose call frame rules were looked up."""
        return self._addresses.rules_found

    def read(self, at_breakpoint: bool = False) -> ReadStack:
        """Read the stack of the selected thread.

        With `at_breakpoint`, gdb stops in the same function as at earlier breakpoints at the pc.
        """
        self._sources.reader.forget_memory()
        registers = self._registers.read(gdb.selected_thread())
        stopped_in = None
        addresses = self._addresses.read(registers, MAX_FRAMES)
        if at_breakpoint and addresses is not None:
            stopped_in = self._stopped_in.get(addresses[0])
        if stopped_in is None:
            newest = gdb.newest_frame()
            stopped_in = newest.type(), name_of(newest)
            if at_breakpoint and addresses is not None:
                self._stopped_in[addresses[0]] = stopped_in
        return ReadStack(registers, stopped_in, addresses)

    def known_stack(self, read: ReadStack) -> Optional[Tuple[int, ...]]:
        """Return the frame numbers of a stack that was read at a breakpoint, innermost first; None when `walk`
        must be called."""
        addresses = read.addresses
        if addresses is None:
            return None
        key = (read.stopped_in, addresses)
        known = self._known.get(key)
        if known is None:
            groups = self._groups_at(read.stopped_in, addresses)
            if None in groups:
                return None
            known = tuple(number for group in groups for number in group or ())
            if len(self._known) < MAX_STACKS:
                self._known[key] = known
        return known

    def forget_breakpoints(self, event: object = None) -> None:
        """Ask gdb again in which function it stops at an address: a breakpoint was added or removed there."""
        self._stopped_in.clear()

    def walk(self, arguments: bool = True, read: Optional[ReadStack] = None) -> WalkedStack:
        """Return the stack of the selected thread, with or without arguments; gdb's selected thread and frame
        do not change. `read` is what `read` returned just now."""
        if read is None:
            read = self.read()
        self.counts.stacks += arguments
        if read.addresses is not None:
            groups = self._groups_at(read.stopped_in, read.addresses)
            if not arguments and None not in groups:
                known = [number for group in groups for number in group or ()]
                return WalkedStack(known, [[] for _ in known], [])
            if arguments:
                stack = self._walk_unknown(read, groups)
                if stack is not None:
                    return stack
        return self._walk_frames(read, arguments)

    def _groups_at(self, stopped_in: StoppedIn, addresses: Tuple[int, ...]) -> List[Optional[Tuple[int, ...]]]:
        """Return the numbers of the frames at each address, None where they are not known."""
        groups = [self._innermost.get((addresses[0], stopped_in))]
        groups.extend(map(self._outer.get, zip(addresses, addresses[1:])))  # noqa: B905, RUF007 - Python 3.8
        return groups

    def _walk_unknown(self, read: ReadStack, groups: List[Optional[FrameGroup]]) -> Optional[WalkedStack]:
        """Return the stack; gdb shows only the frames from the innermost to the outermost that is not known.

        None when gdb shows other frames than the rules give.
        """
        addresses = read.addresses or ()
        calls = self._addresses.activations(read.registers, addresses)
        if calls is None:
            return None
        known = KnownCalls(self._sources, read.registers, calls, self._addresses.window, groups)
        last = known.last_unknown()
        end = self._ask_gdb(known, read, last) if last >= 0 else len(addresses)
        frames = [number for group in known.groups[:end] for number in group or ()]
        if not end or len(frames) > MAX_FRAMES:
            return None
        arguments = [values for group in known.arguments[:end] for values in group or ()]
        return WalkedStack(frames, arguments, self._frames.take_new())

    def _ask_gdb(self, known: KnownCalls, read: ReadStack, last: int) -> int:
        """Fill in what is not known of the calls up to position `last`.

        Returns the number of calls that gdb shows, 0 when they are not those that the rules give.
        """
        addresses = read.addresses or ()
        with restored_selection():
            position, frames = 0, _Frames(gdb.newest_frame())
            while frames.frame is not None and position <= last:
                group = known.groups[position]
                shown = frames.next_group(self._frames if group is None else None)
                self.counts.gdb_frames += len(shown)
                if not shown or shown[-1].pc() != addresses[position]:
                    return 0
                if group is None:
                    group = known.groups[position] = tuple(frames.numbers)
                    self._learn_group(read.stopped_in, addresses, position, group, shown)
                if len(shown) != len(group):
                    return 0
                if known.arguments[position] is None:
                    known.read_arguments(position, shown)
                position += 1
            end = len(addresses)
            if last == end - 1:
                if frames.frame is not None:
                    return 0
                end = position
                if position and position < len(addresses):
                    self._addresses.end_at(addresses[position - 1])
            elif position <= last:
                return 0
            known.learn()
        return end

    def _learn_group(
        self,
        stopped_in: StoppedIn,
        addresses: Tuple[int, ...],
        position: int,
        group: FrameGroup,
        frames: Sequence[gdb.Frame],
    ) -> None:
        if position:
            self._outer[addresses[position - 1], addresses[position]] = group
        else:
            self._innermost[addresses[0], stopped_in] = group
        for index, frame in enumerate(frames):
            if frame.type() == gdb.TAILCALL_FRAME:
                self._sources.tails[group[index]] = frame.pc()

    def _walk_frames(self, read: ReadStack, arguments: bool) -> WalkedStack:
        """Return the stack as gdb's frames show it, and compare them with those that the rules give."""
        numbers: List[int] = []
        values: List[Arguments] = []
        pcs: List[int] = []
        with restored_selection():
            frames = _Frames(gdb.newest_frame())
            while frames.frame is not None and len(numbers) < MAX_FRAMES:
                shown = frames.next_group(self._frames)
                self.counts.gdb_frames += len(shown)
                return_address = frames.frame.pc() if frames.frame is not None else 0
                for index, frame in enumerate(shown):
                    number = frames.numbers[index]
                    numbers.append(number)
                    place = Place(number, return_address)
                    values.append(self._sources.reader.arguments_of(frame, place) if arguments else [])
                pcs.append(shown[-1].pc())
            if frames.frame is not None or len(numbers) > MAX_FRAMES:
                del numbers[MAX_FRAMES:], values[MAX_FRAMES:]
                numbers.append(self._frames.number_of_cut(CUT))
                values.append([])
            elif read.addresses is not None:
                self._distrust_other_addresses(pcs, read.addresses)
        return WalkedStack(numbers, values, self._frames.take_new())

    def _distrust_other_addresses(self, pcs: Sequence[int], addresses: Sequence[int]) -> None:
        """Leave stacks to gdb whose rules give other addresses than the pcs of gdb's frames."""
        for position, pc in enumerate(pcs):
            if position == len(addresses) or addresses[position] != pc:
                self._addresses.distrust(addresses[position - 1])
                return
        if len(pcs) < len(addresses):
            self._addresses.end_at(pcs[-1])


class _Frames:
    """Steps through gdb's frames from the innermost one outwards. `frame` is the next one, None at the end;
    `numbers` are those of the last group."""

    def __init__(self, newest: gdb.Frame) -> None:
        self.frame: Optional[gdb.Frame] = newest
        self.numbers: List[int] = []
        self._callee: Optional[gdb.Frame] = None

    def next_group(self, numbers: Optional[FrameNumbers]) -> List[gdb.Frame]:
        """Return the next frames, up to one with machine code of its own, and number them with `numbers`."""
        shown: List[gdb.Frame] = []
        self.numbers = []
        depth = 0  # among frames with one pc: functions inlined into each other
        while self.frame is not None and len(shown) < MAX_FRAMES:
            frame, callee = self.frame, self._callee
            if numbers is not None:
                inlined = callee is not None and callee.type() == gdb.INLINE_FRAME and callee.pc() == frame.pc()
                depth = depth + 1 if inlined else 0
                self.numbers.append(numbers.number_of(frame, callee, depth))
            shown.append(frame)
            self._callee, self.frame = frame, frame.older()
            if frame.type() not in _FRAMES_WITHOUT_RETURN_ADDRESS:
                break
        return shown


@contextmanager
def restored_selection() -> Iterator[None]:
    """Restore gdb's selected thread and frame at the end of the `with` block: gdb has one selection for all
    code."""
    thread = gdb.selected_thread()
    frame = gdb.selected_frame()
    try:
        yield
    finally:
        if thread is not None and thread.is_valid():
            thread.switch()
        if frame.is_valid():
            frame.select()
