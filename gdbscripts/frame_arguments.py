"""Reads the arguments of a frame and prints them as gdb's `bt` does.

`bt` uses `print frame-arguments scalars` (structures and arrays become "...") and `print entry-values default` (an
argument whose value at function entry is known has that too): gdb manual, "Print Settings".
"""

from __future__ import annotations

import re
from typing import Iterator, Optional

import gdb

from gdbscripts.records import Arguments

_AGGREGATE_TYPES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
_OPTIMISE_OPTION = re.compile(r" -O(?!0)")
_REFERENCE_TYPES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


def arguments_of(frame: gdb.Frame) -> Arguments:
    """Return (name, value) of each argument, in the order of the declaration.

    Selects `frame`; the caller restores the selection. Returns an empty list without debug information.
    """
    symbols = list(_argument_symbols(frame))
    if not symbols:
        return []
    frame.select()
    optimised = may_know_entry_values(symbols[0].symtab)
    return [pair for symbol in symbols for pair in _printed_argument(frame, symbol, optimised)]


def _printed_argument(frame: gdb.Frame, symbol: gdb.Symbol, optimised: bool) -> Arguments:
    name = symbol.print_name
    entry_value = _entry_value(name) if optimised else None
    try:
        value = symbol.value(frame)
        printed = _format(value)
        same = entry_value is not None and value.format_string() == entry_value.format_string()
    except gdb.error as error:
        printed, same = "<error reading variable: %s>" % error, False
    if entry_value is None:
        return [(name, printed)]
    if same:
        return [(name, "%s@entry=%s" % (name, printed))]
    return [(name, printed), ("%s@entry" % name, _format(entry_value))]


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


def _entry_value(name: str) -> Optional[gdb.Value]:
    try:
        value = gdb.parse_and_eval("%s@entry" % name)
        return None if value.is_optimized_out else value
    except gdb.error:  # the entry value is unknown, or the parameter cannot have one
        return None


def _format(value: gdb.Value) -> str:
    kind = value.type.strip_typedefs()
    if kind.code in _REFERENCE_TYPES:
        kind = kind.target().strip_typedefs()
    if kind.code in _AGGREGATE_TYPES:
        return "..."
    return value.format_string()
