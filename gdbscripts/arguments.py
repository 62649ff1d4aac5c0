"""Arguments of a frame, printed as gdb's own `bt` prints them.

`bt` uses `print frame-arguments scalars` (aggregates become "...") and `print entry-values default`:
an argument whose value on entry is known shows it as well (gdb manual, "Print Settings").
"""

from __future__ import annotations

from typing import Iterator, Optional

import gdb

from gdbscripts.wire import Arguments

_AGGREGATES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
_REFERENCES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


def arguments_of(frame: gdb.Frame) -> Arguments:
    """(name, value) of each argument. Selects `frame`; the caller restores the selection."""
    symbols = list(_argument_symbols(frame))
    if symbols:
        frame.select()
    return [pair for symbol in symbols for pair in _as_printed(frame, symbol)]


def _argument_symbols(frame: gdb.Frame) -> Iterator[gdb.Symbol]:
    try:
        block: Optional[gdb.Block] = frame.block()
    except RuntimeError:  # no debug information here
        return
    while block is not None and block.function is None:
        block = block.superblock
    if block is not None:
        yield from (symbol for symbol in block if symbol.is_argument)


def _as_printed(frame: gdb.Frame, symbol: gdb.Symbol) -> Arguments:
    name = symbol.print_name
    try:
        now = _format(symbol.value(frame))
    except gdb.error as error:
        now = "<error reading variable: %s>" % error
    on_entry = _value_on_entry(name)
    if on_entry is None:
        return [(name, now)]
    if on_entry == now:
        return [(name, "%s@entry=%s" % (name, now))]
    return [(name, now), ("%s@entry" % name, on_entry)]


def _value_on_entry(name: str) -> Optional[str]:
    try:
        text = _format(gdb.parse_and_eval("%s@entry" % name))
    except gdb.error:  # not known, or not a parameter that can have one
        return None
    return None if text == "<optimized out>" else text


def _format(value: gdb.Value) -> str:
    kind = value.type.strip_typedefs()
    if kind.code in _REFERENCES:
        kind = kind.target().strip_typedefs()
    if kind.code in _AGGREGATES:
        return "..."
    return value.format_string()
