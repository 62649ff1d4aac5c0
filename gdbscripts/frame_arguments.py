"""Arguments of a frame, printed as gdb's own `bt` prints them.

`bt` uses `print frame-arguments scalars` (aggregates become "...") and `print entry-values default`:
an argument whose value on entry is known shows it as well (gdb manual, "Print Settings").
"""

from __future__ import annotations

import re
from typing import Iterator, Optional

import gdb

from gdbscripts.records import Arguments

_AGGREGATES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
_OPTIMISED = re.compile(r" -O(?!0)")
_REFERENCES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


def arguments_of(frame: gdb.Frame) -> Arguments:
    """(name, value) of each argument. Selects `frame`; the caller restores the selection."""
    symbols = list(_argument_symbols(frame))
    if not symbols:
        return []
    frame.select()
    optimised = may_be_optimised(symbols[0].symtab)
    return [pair for symbol in symbols for pair in _as_printed(frame, symbol, optimised)]


def _as_printed(frame: gdb.Frame, symbol: gdb.Symbol, optimised: bool) -> Arguments:
    name = symbol.print_name
    on_entry = _value_on_entry(name) if optimised else None
    try:
        value = symbol.value(frame)
        now = _format(value)
        same = on_entry is not None and value.format_string() == on_entry.format_string()
    except gdb.error as error:
        now, same = "<error reading variable: %s>" % error, False
    if on_entry is None:
        return [(name, now)]
    if same:
        return [(name, "%s@entry=%s" % (name, now))]
    return [(name, now), ("%s@entry" % name, _format(on_entry))]


def may_be_optimised(symtab: Optional[gdb.Symtab]) -> bool:
    """False where it is certain that no value on entry is known: gcc tells how it was called, and only
    optimised code describes its calls. Asking gdb in vain costs as much as all else together."""
    producer = getattr(symtab, "producer", None) or ""
    return not producer.startswith("GNU ") or _OPTIMISED.search(producer) is not None


def _argument_symbols(frame: gdb.Frame) -> Iterator[gdb.Symbol]:
    try:
        block: Optional[gdb.Block] = frame.block()
    except RuntimeError:  # no debug information here
        return
    while block is not None and block.function is None:
        block = block.superblock
    if block is not None:
        yield from (symbol for symbol in block if symbol.is_argument)


def _value_on_entry(name: str) -> Optional[gdb.Value]:
    try:
        value = gdb.parse_and_eval("%s@entry" % name)
        return None if value.is_optimized_out else value
    except gdb.error:  # not known, or not a parameter that can have one
        return None


def _format(value: gdb.Value) -> str:
    kind = value.type.strip_typedefs()
    if kind.code in _REFERENCES:
        kind = kind.target().strip_typedefs()
    if kind.code in _AGGREGATES:
        return "..."
    return value.format_string()
