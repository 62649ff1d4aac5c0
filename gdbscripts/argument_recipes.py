"""Makes the recipes of `argument_values` from what gdb tells about the arguments of a frame."""

from __future__ import annotations

import re
from typing import Dict, Optional, Set, Tuple

import gdb

from gdbscripts.argument_locations import register_at, value_at
from gdbscripts.argument_values import OPTIMISED_OUT, ArgumentRecipe, CallStack
from gdbscripts.call_sites import CallSites, CallValue, Parameters
from gdbscripts.frame_arguments import ArgumentReader, Place, describe_location, is_shadowed
from gdbscripts.records import Arguments

_FIRST_MAPPING = re.compile(r"([0-9a-f]+)-[0-9a-f]+ \S+ 0+ ")
_POSITION_INDEPENDENT = 3  # ET_DYN of an ELF header


Recipes = Tuple[ArgumentRecipe, ...]


class RecipeBook:
    """The recipes found so far, by place.

    A recipe is made for a frame that is seen a second time, as many are not. It is used at a place after it has
    given what gdb prints there.
    """

    def __init__(self, reader: ArgumentReader) -> None:
        self._reader = reader
        self._made: Dict[int, Optional[Recipes]] = {}  # by the number of the frame
        self._seen_once: Set[int] = set()
        self._recipes: Dict[Place, Optional[Recipes]] = {}
        self._sites = _ProgramSites()
        reader.depends_on_callers = self.depends_on_callers
        gdb.events.new_objfile.connect(self._forget)
        gdb.events.exited.connect(self._forget)

    def print_arguments(self, place: Place, stack: CallStack, position: int) -> Optional[Arguments]:
        """Return the arguments at a place on a stack, in the call at `position`; None when there is no recipe."""
        recipes = self._recipes.get(place)
        return stack.print_arguments(recipes, position) if recipes is not None else None

    def learn(self, place: Place, frame: gdb.Frame, printed: Arguments, stack: CallStack, position: int) -> None:
        """Make a recipe for the place of `frame`, and keep it when it gives the arguments that gdb has printed."""
        if place in self._recipes:
            return
        if place.frame not in self._made:
            is_first = place.frame not in self._seen_once
            self._seen_once.add(place.frame)
            if printed and is_first:
                return
            self._made[place.frame] = self._make(place, frame, 1 if position else 0)
        made = self._made[place.frame]
        self._recipes[place] = None
        if made is None:
            return
        if stack.print_arguments(made, position) == printed:
            self._recipes[place] = made
            return
        made = self._without_entry_values(made, place, printed)
        if stack.print_arguments(made, position) == printed:
            self._recipes[place] = made

    def _without_entry_values(self, made: Recipes, place: Place, printed: Arguments) -> Recipes:
        """Return recipes without the values at function entry that gdb does not print at a place, unless that may
        be otherwise on another stack."""
        if self.depends_on_callers(place):
            return made
        texts = dict(printed)
        changed = []
        for recipe in made:
            text, entry, value = texts.get(recipe.name, ""), recipe.entry, recipe.value
            if not text.startswith("%s@entry=" % recipe.name) and "%s@entry" % recipe.name not in texts:
                entry = None
            if value.kind == "entry" and text == OPTIMISED_OUT:
                value = CallValue("unavailable")
            changed.append(recipe._replace(entry=entry, value=value))
        return tuple(changed)

    def has_recipe(self, place: Place) -> Optional[bool]:
        """Return whether a place has a recipe; None when that is not known yet."""
        if place not in self._recipes:
            return None
        return self._recipes[place] is not None

    def depends_on_callers(self, place: Place) -> bool:
        """Return whether the values at function entry at a place may depend on more than the caller's registers.

        gdb evaluates an entry value in a call site, and a slot of the caller's frame, with the frame address of
        another frame at times.
        """
        site = self._sites.parameters_at(place.return_address) or {}
        made = self._made.get(place.frame)
        if made is None:
            return _asks_callers(site)
        used = {recipe.value.number for recipe in made if recipe.value.kind == "entry"}
        used.update(recipe.entry for recipe in made if recipe.entry is not None)
        return _asks_callers({register: site[register] for register in used if register in site})

    def site_of(self, return_address: int) -> Optional[Parameters]:
        """Return what the call before `return_address` passes in registers; None when that is not known."""
        return self._sites.parameters_at(return_address)

    def _make(self, place: Place, frame: gdb.Frame, before: int) -> Optional[Recipes]:
        """Return the recipes of the arguments of `frame`; `before` is 1 for one that has called another frame."""
        arguments = self._reader.known_arguments(place.frame)
        if arguments and is_shadowed(frame, arguments):
            return None
        if arguments:
            frame.select()
        made = []
        for argument in arguments:
            kind = argument.symbol.type
            if argument.aggregate:
                made.append(ArgumentRecipe(argument.name, CallValue("constant"), None, 8, lambda _: "..."))
                continue
            show = self._reader.printer_of(argument)
            description = describe_location(argument.name)
            value = value_at(description, frame.pc() - before)
            if show is None or value is None or kind is None:
                return None
            if value.kind == "static":
                value = self._sites.relocated(value)
            entry = register_at(description, _entry_of(frame)) if argument.optimised else None
            made.append(ArgumentRecipe(argument.name, value, entry, kind.sizeof, show))
        return tuple(made)

    def _forget(self, event: object) -> None:
        self._made.clear()
        self._seen_once.clear()
        self._recipes.clear()
        self._sites = _ProgramSites()


def _asks_callers(site: Parameters) -> bool:
    """Return whether what a call site passes may depend on more than constants and registers of its frame."""
    return any(value is None or value.kind not in ("constant", "register") for value in site.values())


class _ProgramSites:
    """The call sites of the program that runs, by addresses in memory."""

    def __init__(self) -> None:
        self._known: Dict[int, Optional[Parameters]] = {}
        self._sites: Optional[CallSites] = None
        self._bias = 0
        self._opened = False

    def parameters_at(self, return_address: int) -> Optional[Parameters]:
        """Return what the call before `return_address` passes in registers; None when that is not known."""
        if return_address not in self._known:
            self._known[return_address] = self._find(return_address)
        return self._known[return_address]

    def _find(self, return_address: int) -> Optional[Parameters]:
        if not self._opened:
            self._opened = True
            self._open()
        if self._sites is None:
            return None
        found = self._sites.parameters_at(return_address - self._bias)
        if found is None:
            return None
        return {
            register: self.relocated(value) if value is not None and value.kind == "static" else value
            for register, value in found.items()
        }

    def relocated(self, value: CallValue) -> CallValue:
        """Return a value of the kind `static` with its address in memory."""
        return value._replace(kind="constant", offset=value.offset + self._bias)

    def _open(self) -> None:
        pid = gdb.selected_inferior().pid
        try:
            with open("/proc/%d/exe" % pid, "rb") as file:
                self._sites = CallSites(file)
                file.seek(16)
                relocated = file.read(1)[0] == _POSITION_INDEPENDENT
            self._bias = _first_address(pid) if relocated else 0
        except (OSError, ValueError, IndexError):  # no permission, or other sections than gcc makes
            self._sites = None


def _first_address(pid: int) -> int:
    """Return the address of the program's ELF header in memory. ValueError when it is not mapped."""
    with open("/proc/%d/maps" % pid, errors="replace") as lines:
        space = gdb.current_progspace()
        path = (space.filename if space is not None else None) or ""
        for line in lines:
            match = _FIRST_MAPPING.match(line)
            if match and line.rstrip().endswith(path):
                return int(match[1], 16)
    raise ValueError("%s is not mapped" % path)


def _entry_of(frame: gdb.Frame) -> int:
    """Return the address at which the function of `frame` begins, also when it is inlined."""
    block: Optional[gdb.Block] = frame.block()
    while block is not None and block.function is None:
        block = block.superblock
    if block is None or block.function is None:
        return 0
    address = block.function.value().address if frame.type() != gdb.INLINE_FRAME else None
    return int(address) if address is not None else int(block.start)
