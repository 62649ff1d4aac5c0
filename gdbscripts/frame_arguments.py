"""Reads the arguments of a frame and prints them as gdb's `bt` does.

`bt` uses `print frame-arguments scalars` (structures and arrays become "...") and `print entry-values default` (an
argument whose value at function entry is known has that too): gdb manual, "Print Settings".
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

import gdb

from gdbscripts.records import Arguments

_AGGREGATE_TYPES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
_OPTIMISE_OPTION = re.compile(r" -O(?!0)")
_SCALAR_TYPES = (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL)
_TEXT_TYPES = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR)  # targets of pointers that gdb may print as texts
_MAX_TEXTS = 100000  # kept texts of some hundred bytes
_REFERENCE_TYPES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


class ArgumentReader:
    """Reads arguments, and remembers what cannot change between two stops at the same place in the code.

    `frame_number` stands for a place: frames of one number have the same function at the same pc.
    """

    def __init__(self) -> None:
        self._arguments: Dict[int, List[_Argument]] = {}
        self._without_entry_value: Set[Tuple[int, int, str]] = set()
        self._texts: Dict[Tuple[str, int], str] = {}

    def arguments_of(self, frame: gdb.Frame, frame_number: int, return_address: int) -> Arguments:
        """Return (name, value) of each argument, in the order of the declaration.

        `return_address` is the pc of the caller, 0 for none. Selects `frame`; the caller restores the selection.
        Returns an empty list without debug information.
        """
        arguments = self._arguments.get(frame_number)
        if arguments is None or not all(argument.symbol.is_valid() for argument in arguments):
            # gdb has read the file's symbols again, as it does when a library is mapped a second time
            arguments = self._arguments[frame_number] = list(_arguments_at(frame))
        if not arguments:
            return []
        frame.select()
        place = (frame_number, return_address)
        return [pair for argument in arguments for pair in self._printed_argument(frame, argument, place)]

    def _printed_argument(self, frame: gdb.Frame, argument: _Argument, place: Tuple[int, int]) -> Arguments:
        name = argument.name
        entry_value = self._entry_value(name, place) if argument.may_have_entry_value else None
        try:
            value = argument.symbol.value(frame)
            printed = self._format(value, argument.scalar)
            same = entry_value is not None and self._are_equal(value, entry_value, argument.scalar)
        except gdb.error as error:
            printed, same = "<error reading variable: %s>" % error, False
        if entry_value is None:
            return [(name, printed)]
        if same:
            return [(name, "%s@entry=%s" % (name, printed))]
        return [(name, printed), ("%s@entry" % name, self._format(entry_value, argument.scalar))]

    def _are_equal(self, value: gdb.Value, entry_value: gdb.Value, scalar: str) -> bool:
        if scalar:
            return self._format(value, scalar) == self._format(entry_value, scalar)
        return value.format_string() == entry_value.format_string()

    def _entry_value(self, name: str, place: Tuple[int, int]) -> Optional[gdb.Value]:
        """Return the value at function entry; None when the call site of the caller does not describe it."""
        key = (*place, name)
        if key in self._without_entry_value:
            return None
        try:
            value = gdb.parse_and_eval("%s@entry" % name)
            return None if value.is_optimized_out else value
        except gdb.error:
            self._without_entry_value.add(key)
            return None

    def _format(self, value: gdb.Value, scalar: str) -> str:
        """Return `value` as `bt` prints it. Texts of scalars, which their number determines, are kept."""
        if not scalar:
            return _format(value)
        try:
            key = (scalar, int(value))
        except gdb.error:  # optimised out, or its memory cannot be read
            return _format(value)
        if key not in self._texts:
            if len(self._texts) >= _MAX_TEXTS:
                self._texts.clear()
            self._texts[key] = _format(value)
        return self._texts[key]


class _Argument(NamedTuple):
    """An argument of a function. `scalar` is the name of its type when the number determines the text, else ""."""

    symbol: gdb.Symbol
    name: str
    scalar: str
    may_have_entry_value: bool


def _arguments_at(frame: gdb.Frame) -> Iterator[_Argument]:
    for symbol in _argument_symbols(frame):
        yield _Argument(symbol, symbol.print_name, _scalar(symbol.type), may_know_entry_values(symbol.symtab))


def _scalar(kind: Optional[gdb.Type]) -> str:
    """Return the name of a type whose values gdb prints without reading memory; "" for other types."""
    stripped = without_typedefs(kind) if kind is not None else None
    if stripped is None or stripped.code not in _SCALAR_TYPES:
        return ""
    if stripped.code == gdb.TYPE_CODE_PTR and without_typedefs(stripped.target()).code in _TEXT_TYPES:
        return ""  # a text, or an array of numbers of one byte
    return str(kind)


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


def without_typedefs(kind: gdb.Type) -> gdb.Type:
    """Return the type behind typedefs, as `strip_typedefs`, but without the members of an incomplete structure.

    `strip_typedefs` looks for those in the whole program, which takes gdb longer than all else at a stop.
    """
    while kind.code == gdb.TYPE_CODE_TYPEDEF:
        kind = kind.target()
    return kind


def _format(value: gdb.Value) -> str:
    kind = without_typedefs(value.type)
    if kind.code in _REFERENCE_TYPES:
        kind = without_typedefs(kind.target())
    if kind.code in _AGGREGATE_TYPES:
        return "..."
    return value.format_string()
