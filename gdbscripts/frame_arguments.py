"""Reads the arguments of a frame and prints them as gdb's `bt` does.

`bt` uses `print frame-arguments scalars` (structures and arrays become "...") and `print entry-values default` (an
argument whose value at function entry is known has that too): gdb manual, "Print Settings".
"""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import gdb

from gdbscripts.argument_locations import is_determined
from gdbscripts.argument_types import AGGREGATE_TYPES, PrintedKind, kind_of, without_typedefs
from gdbscripts.memory import PageReader
from gdbscripts.records import Arguments

_OPTIMISE_OPTION = re.compile(r" -O(?!0)")
_MAX_TEXTS = 100000  # kept texts of some hundred bytes
_TEXT_LIMIT = 201  # characters: `print elements` is 200, and gdb looks whether there is one more
_OWN_BYTES = (*AGGREGATE_TYPES, gdb.TYPE_CODE_FLT)  # printed without reading memory that the value points to
_REFERENCE_TYPES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


class Place(NamedTuple):
    """A place in the code: the number of a frame, which stands for function and pc, and the return address of the
    function whose machine code it is, 0 for none."""

    frame: int
    return_address: int


class Argument(NamedTuple):
    """An argument of a function.

    `scalar` is the name of its type when the number determines the text, else ""; `text` tells whether it is a
    pointer to bytes, which gdb prints as text, `aggregate` whether it is a structure; `optimised` whether its
    value at function entry may be known.
    """

    symbol: gdb.Symbol
    name: str
    scalar: str
    text: bool
    aggregate: bool
    optimised: bool


class TextRead(NamedTuple):
    """An address, and the bytes there from which a printed text follows."""

    address: int
    content: bytes


class ArgumentReader:
    """Reads arguments, and remembers what cannot change between two stops at the same place in the code.

    `texts_read` are the texts that were read since it was set; None when gdb has read other memory, too.
    `depends_on_callers` tells whether values at function entry may be known at a place on one stack and not on
    another. `evaluations` counts the values that gdb was asked for. `memory` is that of the stop, until
    `forget_memory`.
    """

    def __init__(self) -> None:
        self._arguments: Dict[int, List[Argument]] = {}
        self._without_entry_value: Set[Tuple[Place, str]] = set()
        self._texts: Dict[Tuple[str, int, bytes], str] = {}
        self._determined: Dict[int, bool] = {}
        self.texts_read: Optional[List[TextRead]] = []
        self.depends_on_callers: Callable[[Place], bool] = lambda _: False
        self.evaluations = 0
        self.memory = PageReader()
        self._texts_at: Dict[int, Optional[TextRead]] = {}

    def arguments_of(self, frame: gdb.Frame, place: Place) -> Arguments:
        """Return (name, value) of each argument, in the order of the declaration.

        `place` is that of `frame`. Selects `frame`; the caller restores the selection. Returns an empty list
        without debug information.
        """
        arguments = self._arguments.get(place.frame)
        if arguments is None or not all(argument.symbol.is_valid() for argument in arguments):
            # gdb has read the file's symbols again, as it does when a library is mapped a second time
            arguments = self._arguments[place.frame] = list(_arguments_at(frame))
        if not arguments:
            return []
        frame.select()
        return [pair for argument in arguments for pair in self._printed_argument(frame, argument, place)]

    def known_arguments(self, frame_number: int) -> List[Argument]:
        """Return the arguments of a frame that `arguments_of` was asked for."""
        return self._arguments[frame_number]

    def may_have_entry_value(self, argument: Argument, place: Place) -> bool:
        """Return whether the value of an argument at function entry may be known at a place."""
        return argument.optimised and (place, argument.name) not in self._without_entry_value

    def is_determined(self, frame: gdb.Frame, frame_number: int) -> bool:
        """Return whether registers and stack determine the arguments of a frame that has called another one; the
        caller restores the selection."""
        determined = self._determined.get(frame_number)
        if determined is None:
            arguments = self._arguments[frame_number]
            if arguments:
                frame.select()
            determined = self._determined[frame_number] = not arguments or (
                not is_shadowed(frame, arguments)
                and all(is_determined(describe_location(it.name), frame.pc() - 1) for it in arguments)
            )
        return determined

    def printer_of(self, argument: Argument) -> Optional[Callable[[int], Optional[str]]]:
        """Return a function that prints a number of 64 bits as the value of an argument, None when it cannot; None
        for an argument whose text does not follow from a number."""
        found = argument.symbol.type
        if not (argument.scalar or argument.text) or found is None or found.sizeof > 8:
            return None
        kind, name = found, argument.scalar or str(found)
        texts, size, mask = self._texts, kind.sizeof, (1 << 8 * kind.sizeof) - 1

        def show(number: int) -> Optional[str]:
            number &= mask
            content = b""
            if argument.text:
                read = self._text_at(number)
                if read is None:
                    return None
                content = read.content
            text = texts.get((name, number, content))
            if text is None:
                text = self._keep((name, number, content), gdb.Value(number.to_bytes(size, "little"), kind))
            return text

        return show

    def _text_at(self, address: int) -> Optional[TextRead]:
        """Return the bytes from which gdb prints the text at `address`; None when they cannot be read."""
        if address in self._texts_at:
            return self._texts_at[address]
        found: Optional[TextRead] = None
        if address:
            content = self.memory.read(address, _TEXT_LIMIT)
            end = content.find(0) + 1
            if end or len(content) == _TEXT_LIMIT:
                found = TextRead(address, content[: end or None])
        else:
            found = TextRead(0, b"")
        self._texts_at[address] = found
        return found

    def forget_memory(self) -> None:
        """Forget the memory that was read: the program has run."""
        self.memory.forget()
        self._texts_at.clear()

    def load(self, address: int, size: int) -> Optional[int]:
        """Return the number of `size` bytes at `address`; None when they cannot be read."""
        content = self.memory.read(address, size)
        return int.from_bytes(content, "little") if len(content) == size else None

    def is_unchanged(self, text: TextRead) -> bool:
        """Return whether memory still has the bytes of a text."""
        return self.memory.read(text.address, len(text.content)) == text.content

    def _printed_argument(self, frame: gdb.Frame, argument: Argument, place: Place) -> Arguments:
        name = argument.name
        entry_value = self._entry_value(argument, place)
        self.evaluations += 1
        try:
            value = argument.symbol.value(frame)
            printed = self._format(value, argument)
            entry_printed = self._format(entry_value, argument) if entry_value is not None else ""
        except gdb.error as error:
            printed, entry_printed = "<error reading variable: %s>" % error, ""
            self.texts_read = None
        if entry_value is None:
            return [(name, printed)]
        if entry_printed and self._are_equal(value, entry_value, argument, printed == entry_printed):
            return [(name, "%s@entry=%s" % (name, printed))]
        return [(name, printed), ("%s@entry" % name, entry_printed or self._format(entry_value, argument))]

    def _are_equal(
        self, value: gdb.Value, entry_value: gdb.Value, argument: Argument, printed_equal: bool
    ) -> bool:
        if argument.scalar or argument.text:
            return printed_equal
        return value.format_string() == entry_value.format_string()

    def _entry_value(self, argument: Argument, place: Place) -> Optional[gdb.Value]:
        """Return the value at function entry; None when the call site of the caller does not describe it."""
        if not self.may_have_entry_value(argument, place):
            return None
        try:
            value = gdb.parse_and_eval("%s@entry" % argument.name)
            return None if value.is_optimized_out else value
        except gdb.error:
            if place.return_address and not self.depends_on_callers(place):
                self._without_entry_value.add((place, argument.name))
            return None

    def _format(self, value: gdb.Value, argument: Argument) -> str:
        """Return `value` as `bt` prints it. Texts that a number and the text that it points to determine are
        kept."""
        content = b""
        try:
            if argument.scalar:
                number = int(value)
            elif argument.text:
                number = int(value)
                read = self._text_at(number)
                if read is None:
                    self.texts_read = None
                    return _format(value)
                if self.texts_read is not None:
                    self.texts_read.append(read)
                content = read.content
            else:
                if value.type.strip_typedefs().code not in _OWN_BYTES:
                    self.texts_read = None
                return _format(value)
        except gdb.error:  # optimised out, or its memory cannot be read
            return _format(value)
        bits = 8 * value.type.sizeof
        key = (argument.scalar or str(value.type), number & ((1 << bits) - 1), content)
        return self._texts.get(key) or self._keep(key, value)

    def _keep(self, key: Tuple[str, int, bytes], value: gdb.Value) -> str:
        if len(self._texts) >= _MAX_TEXTS:
            self._texts.clear()
        text = self._texts[key] = value.format_string()
        return text


def describe_location(name: str) -> str:
    """Return where the variable of the selected frame is, as gdb tells; "" when gdb cannot tell."""
    try:
        return gdb.execute("info address %s" % name, to_string=True)
    except gdb.error:
        return ""


def is_shadowed(frame: gdb.Frame, arguments: List[Argument]) -> bool:
    """Return whether a block inside of the function has a variable with the name of an argument."""
    names = {argument.name for argument in arguments}
    block: Optional[gdb.Block] = frame.block()
    while block is not None and block.function is None:
        if any(symbol.print_name in names for symbol in block):
            return True
        block = block.superblock
    return False


_kinds: Dict[Tuple[str, str], PrintedKind] = {}  # by file and name of the type


def _arguments_at(frame: gdb.Frame) -> Iterator[Argument]:
    for symbol in _argument_symbols(frame):
        # gdb looks for the definition of each type that a file only declares: a tenth of a millisecond
        key = (str(symbol.symtab.objfile.filename) if symbol.symtab is not None else "", str(symbol.type))
        kind = _kinds.get(key)
        if kind is None:
            kind = _kinds[key] = kind_of(symbol.type)
        yield Argument(symbol, symbol.print_name, *kind, may_know_entry_values(symbol.symtab))


def may_know_entry_values(symtab: Optional[gdb.Symtab]) -> bool:
    """Return whether arguments of functions in `symtab` may have known entry values.

    gcc writes its options into DW_AT_producer, and only optimised code describes its call sites. A lookup of
    `@entry` that fails takes as long as everything else together, so it is skipped where it cannot succeed.
    """
    producer = getattr(symtab, "producer", None) or ""
    return not producer.startswith("GNU ") or _OPTIMISE_OPTION.search(producer) is not None


def _argument_symbols(frame: gdb.Frame) -> Iterator[gdb.Symbol]:
    try:
        block: Optional[gdb.Block] = frame.block()
    except RuntimeError:  # no debug information here
        return
    while block is not None and block.function is None:
        block = block.superblock
    if block is not None:
        yield from (symbol for symbol in block if symbol.is_argument)


def _format(value: gdb.Value) -> str:
    kind = without_typedefs(value.type)
    if kind.code in _REFERENCE_TYPES:
        kind = without_typedefs(kind.target())
    if kind.code in AGGREGATE_TYPES:
        return "..."
    return value.format_string()
