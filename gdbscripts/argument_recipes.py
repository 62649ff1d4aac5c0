"""Makes the recipes of `argument_values` from what gdb tells about the arguments of a frame."""

from __future__ import annotations

import re
from typing import Dict, Optional, Set, Tuple

import gdb

from gdbscripts.argument_locations import register_at, value_at
from gdbscripts.argument_values import OPTIMISED_OUT, ArgumentRecipe, CallStack, FramePosition
from gdbscripts.call_sites import NO_SITE, CallSite, CallSites, CallValue, Parameters
from gdbscripts.frame_arguments import Argument, ArgumentReader, Place, describe_location, is_shadowed
from gdbscripts.records import Arguments
from gdbscripts.tail_calls import entry_at

_FIRST_MAPPING = re.compile(r"([0-9a-f]+)-[0-9a-f]+ \S+ 0+ ")
_POSITION_INDEPENDENT = 3  # ET_DYN of an ELF header


Recipes = Tuple[ArgumentRecipe, ...]
_Proof = Tuple[int, int, Tuple[int, ...]]  # number of the frame, its return address, those of the callers used


class RecipeBook:
    """The recipes found so far, by frame.

    A recipe is used at a place after it has given what gdb prints there, with the same return addresses of all
    calls whose call sites it uses.
    """

    def __init__(self, reader: ArgumentReader) -> None:
        self._reader = reader
        self._made: Dict[int, Optional[Recipes]] = {}  # by the number of the frame
        self._proved: Dict[_Proof, Recipes] = {}
        self._entries: Dict[int, int] = {}  # by pc
        self._left_to_gdb: Set[Place] = set()  # a recipe has not given what gdb prints there
        self._sites = _ProgramSites()
        reader.depends_on_callers = self.depends_on_callers
        gdb.events.new_objfile.connect(self._forget)
        gdb.events.exited.connect(self._forget)

    def print_arguments(self, place: Place, stack: CallStack, position: FramePosition) -> Optional[Arguments]:
        """Return the arguments of the frame at `position` of a stack; None when there is no recipe for them."""
        made = self._made.get(place.frame)
        if made is None:
            return None
        printed = stack.print_arguments(made, position)
        if printed is None:
            return None
        proved = self._proved.get(_proof(place, stack, position, made))
        if proved is made or proved is None:
            return printed if proved is made else None
        return stack.print_arguments(proved, position)

    def learn(
        self, place: Place, frame: gdb.Frame, printed: Arguments, stack: CallStack, position: FramePosition
    ) -> None:
        """Make recipes for `frame`, and keep that they give the arguments that gdb has printed."""
        if place.frame not in self._made:
            self._made[place.frame] = self._make(place, frame, 1 if position.call else 0)
        made = self._made[place.frame]
        if made is None:
            return
        computed = stack.print_arguments(made, position)
        proof = _proof(place, stack, position, made)
        if proof in self._proved:
            return
        if computed == printed:
            self._proved[proof] = made
            return
        if computed is not None:
            made = _without_entry_values(made, printed)
            if stack.print_arguments(made, position) == printed:
                self._proved[proof] = made
                return
        self._left_to_gdb.add(place)

    def has_recipe(self, place: Place) -> Optional[bool]:
        """Return whether a place has a recipe that may be of use; None when that is not known yet."""
        if place.frame not in self._made:
            return None
        return self._made[place.frame] is not None and place not in self._left_to_gdb

    def depends_on_callers(self, place: Place) -> bool:
        """Return whether the values at function entry at a place may depend on more than the caller's registers.

        gdb evaluates an entry value in a call site, and a slot of the caller's frame, with the frame address of
        another frame at times.
        """
        call = self._sites.site_at(place.return_address) or NO_SITE
        if call.target is not None:
            return True
        site, made = call.parameters, self._made.get(place.frame)
        if made is None:
            return _asks_callers(site)
        used = {it.register for recipe in made for it in recipe.value.operations if it.name == "entry"}
        used.update(recipe.value.number for recipe in made if recipe.value.kind == "entry")
        used.update(recipe.entry for recipe in made if recipe.entry is not None)
        return _asks_callers({register: site[register] for register in used if register in site})

    def site_of(self, return_address: int) -> Optional[CallSite]:
        """Return the call site before `return_address`; None when it is not known."""
        return self._sites.site_at(return_address)

    def entry_of(self, pc: int) -> int:
        """Return the address at which the function begins whose machine code is at `pc`; 0 when gdb knows none.

        gdb looks there for the register that an argument was passed in, also for an inlined function.
        """
        if pc not in self._entries:
            self._entries[pc] = entry_at(pc)
        return self._entries[pc]

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
                value = CallValue("constant")
                made.append(ArgumentRecipe(argument.name, value, None, 8, _show_aggregate, argument.optimised))
                continue
            show = self._reader.printer_of(argument)
            description = describe_location(argument.name)
            found = _value_of(argument, frame, description, before)
            if show is None or found is None or kind is None:
                return None
            value = self._sites.relocated(found)
            entry = register_at(description, self.entry_of(frame.pc() - before)) if argument.optimised else None
            made.append(ArgumentRecipe(argument.name, value, entry, kind.sizeof, show, argument.optimised))
        return tuple(made)

    def _forget(self, event: object) -> None:
        self._made.clear()
        self._proved.clear()
        self._left_to_gdb.clear()
        self._entries.clear()
        self._sites = _ProgramSites()


def _show_aggregate(_: int) -> str:
    return "..."


def _proof(place: Place, stack: CallStack, position: FramePosition, recipes: Recipes) -> _Proof:
    """Return what must be the same for recipes to be used again; they were evaluated just now.

    The values at function entry of optimised code depend on the caller, even when the recipes do not need it.
    """
    return_address = place.return_address if any(recipe.optimised for recipe in recipes) else 0
    return place.frame, return_address, stack.callers_used(position)


def _without_entry_values(made: Recipes, printed: Arguments) -> Recipes:
    """Return recipes without the values at function entry that gdb does not print."""
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


def _value_of(argument: Argument, frame: gdb.Frame, description: str, before: int) -> Optional[CallValue]:
    """Return how the value of an argument of the selected frame follows; `before` is that of `_make`."""
    if description.endswith(" is constant.\n"):  # gdb does not tell which one
        try:
            return CallValue("constant", offset=int(argument.symbol.value(frame)))
        except gdb.error:
            return None
    return value_at(description, frame.pc() - before)


def _asks_callers(site: Parameters) -> bool:
    """Return whether what a call site passes may depend on more than constants and registers of its frame."""
    return any(value is None or value.kind not in ("constant", "register") for value in site.values())


class _ProgramSites:
    """The call sites of the program that runs, by addresses in memory."""

    def __init__(self) -> None:
        self._known: Dict[int, Optional[CallSite]] = {}
        self._sites: Optional[CallSites] = None
        self._bias = 0
        self._opened = False

    def site_at(self, return_address: int) -> Optional[CallSite]:
        """Return the call site before `return_address`; None when that is not known."""
        if return_address not in self._known:
            self._known[return_address] = self._find(return_address)
        return self._known[return_address]

    def _find(self, return_address: int) -> Optional[CallSite]:
        if not self._opened:
            self._opened = True
            self._open()
        if self._sites is None:
            return None
        found = self._sites.site_at(return_address - self._bias)
        if found is None:  # gdb finds call sites by compilation units
            in_library = gdb.solib_name(return_address) is not None
            return NO_SITE if in_library and gdb.find_pc_line(return_address - 1).symtab is None else None
        parameters = {
            register: self.relocated(value) if value is not None else None
            for register, value in found.parameters.items()
        }
        target = self.relocated(found.target) if found.target is not None else None
        return found._replace(parameters=parameters, target=target)

    def relocated(self, value: CallValue) -> CallValue:
        """Return a value with addresses in memory in place of those in the file."""
        if value.kind == "static":
            return value._replace(kind="constant", offset=value.offset + self._bias)
        if value.kind != "expression":
            return value
        operations = tuple(
            it._replace(name="constant", operand=it.operand + self._bias) if it.name == "static" else it
            for it in value.operations
        )
        return value._replace(operations=operations)

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
