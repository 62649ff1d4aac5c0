"""Prints the arguments of the calls on one stack without gdb's frames where that is possible, and learns from gdb
where it is not."""

from __future__ import annotations

from typing import AbstractSet, Dict, List, NamedTuple, Optional, Sequence, Tuple

import gdb

from gdbscripts.argument_recipes import RecipeBook
from gdbscripts.argument_values import Call, CallStack, FramePosition
from gdbscripts.frame_arguments import ArgumentReader, Place, TextRead
from gdbscripts.kept_arguments import KeptArguments, KeptCall
from gdbscripts.records import Arguments
from gdbscripts.registers import Registers, all_registers
from gdbscripts.return_addresses import Activation, preserved_registers

FrameGroup = Tuple[int, ...]  # numbers of the frames that gdb shows for one call, innermost first


class ArgumentSources:
    """The ways to find arguments: gdb, recipes, and what is kept of earlier stacks.

    `tails` has the frames that gdb reconstructs for tail calls: number -> pc. `elided` are the numbers of frames
    between which and the next inner one there are elided frames.
    """

    def __init__(self, elided: AbstractSet[int]) -> None:
        self.elided = elided
        self.reader = ArgumentReader()
        self.recipes = RecipeBook(self.reader)
        self.kept = KeptArguments(self.reader.is_unchanged)
        self.tails: Dict[int, int] = {}


class _ShownFrame(NamedTuple):
    """A frame of gdb, its place, and its arguments as gdb prints them."""

    frame: gdb.Frame
    place: Place
    printed: Arguments


class KnownCalls:
    """The calls on one stack, innermost first. `groups` are the frames of each call, and `arguments` those of each
    frame; both are None where they are not known."""

    def __init__(
        self,
        sources: ArgumentSources,
        registers: Registers,
        calls: Sequence[Activation],
        window: Tuple[int, memoryview],
        groups: List[Optional[FrameGroup]],
    ) -> None:
        self._sources = sources
        self._calls = calls
        self._registers = registers
        self._window = window
        self._numbers: List[int] = []
        self._shown: List[Tuple[int, List[_ShownFrame], Optional[List[TextRead]]]] = []
        self.groups = groups
        self._build()
        self.arguments = [self._find(position) for position in range(len(calls))]

    def last_unknown(self) -> int:
        """Return the position of the outermost call that is not known; -1 when all are."""
        for position in range(len(self._calls) - 1, -1, -1):
            if self.groups[position] is None or self.arguments[position] is None:
                return position
        return -1

    def read_arguments(self, position: int, frames: Sequence[gdb.Frame]) -> None:
        """Let gdb print the arguments of the frames of a call; `groups` has their numbers."""
        reader = self._sources.reader
        reader.texts_read = []
        shown, numbers = [], self.groups[position] or ()
        for index, frame in enumerate(frames):
            place = self._place(numbers[index], position)
            shown.append(_ShownFrame(frame, place, reader.arguments_of(frame, place)))
        self.arguments[position] = [frame.printed for frame in shown]
        self._shown.append((position, shown, reader.texts_read))

    def learn(self) -> None:
        """Make recipes of what gdb has printed; keep the arguments of calls that have none."""
        recipes, reader = self._sources.recipes, self._sources.reader
        self._build()
        for position, shown, texts in self._shown:
            for frame in shown:
                at = self._frame_position(frame.place.frame, position)
                recipes.learn(frame.place, frame.frame, frame.printed, self._stack, at)
            if not position or texts is None or self._has_tail_call(position):
                continue
            if not any(recipes.has_recipe(it.place) is False for it in shown):
                continue
            if any(recipes.depends_on_callers(it.place) for it in shown):
                continue
            if all(reader.is_determined(it.frame, it.place.frame) for it in shown):
                call = KeptCall([it.printed for it in shown], texts)
                self._sources.kept.keep(self._number(position), call)

    def _has_tail_call(self, position: int) -> bool:
        """Return whether a call at `position`, or the one into it, is a tail call.

        What that passes may be in registers that are not preserved; gdb takes them from the next inner frame.
        """
        groups = [group for group in self.groups[position : position + 2] if group is not None]
        return any(group[0] in self._sources.tails for group in groups)

    def _find(self, position: int) -> Optional[List[Arguments]]:
        group = self.groups[position]
        if group is None:
            return None
        found: List[Arguments] = []
        for number in group:
            place, at = self._place(number, position), self._frame_position(number, position)
            printed = self._sources.recipes.print_arguments(place, self._stack, at)
            if printed is None:
                return self._kept(position)
            found.append(printed)
        return found

    def _kept(self, position: int) -> Optional[List[Arguments]]:
        """Return the arguments that were kept of a call; None next to a tail call, where gdb shows other frames
        for the same call than it did without."""
        if not position or self._has_tail_call(position):
            return None
        return self._sources.kept.arguments_of(self._number(position))

    def _place(self, number: int, position: int) -> Place:
        """Return the place of a frame; a frame of a tail call returns to the address of its own group."""
        position += number not in self._sources.tails
        return Place(number, self._calls[position].pc if position < len(self._calls) else 0)

    def _number(self, position: int) -> int:
        if not self._numbers:
            self._numbers = self._sources.kept.numbers_of(self._calls)
        return self._numbers[position]

    def _build(self) -> None:
        """Make the list of all calls, with those that left by tail calls."""
        tails, elided = self._sources.tails, self._sources.elided
        calls: List[Optional[Call]] = []
        self._indexes: List[int] = []
        for position, call in enumerate(self._calls):
            group = self.groups[position]
            registers = preserved_registers(call.registers) if calls else all_registers(self._registers)
            if group is None:
                calls.append(None)
            elif group[0] in tails:
                # gdb shows such a frame with the registers of the next inner one, which may have changed them
                calls.extend(Call(tails[it], 0, {}, it in elided) for it in group if it in tails)
            self._indexes.append(len(calls))
            is_elided = group is not None and group[0] in elided
            inlined = sum(it not in tails for it in group or ()) - 1
            calls.append(Call(call.pc, call.frame_address, registers, is_elided, inlined))
        recipes, reader = self._sources.recipes, self._sources.reader
        self._stack = CallStack(calls, *self._window, recipes.site_of, recipes.entry_of, reader.load)

    def _frame_position(self, number: int, position: int) -> FramePosition:
        """Return the position among all calls of a frame of the group at `position`."""
        group, tails = self.groups[position] or (), self._sources.tails
        if number in tails:
            count = sum(it in tails for it in group)
            return FramePosition(self._indexes[position] - count + group.index(number))
        return FramePosition(self._indexes[position], len(group) - 1 - group.index(number))
