"""Arguments of a frame, printed as gdb's own `bt` prints them.

`bt` uses `print frame-arguments scalars` (aggregates become "...") and `print entry-values default`:
an argument whose value on entry is known shows it as well (gdb manual, "Print Settings").
"""

from __future__ import annotations

from typing import Iterator, Optional, Set, Tuple

import gdb

from gdbscripts.wire import Arguments

_AGGREGATES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
_REFERENCES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


class ArgumentPrinter:
    """Prints arguments, and remembers where values on entry are not to be had.

    Whether there is one is decided by the code around the call, so it is the same each time a stack passes the
    same two places; asking gdb costs as much as all else together.
    """

    def __init__(self) -> None:
        self._without_entry: Set[Tuple[int, int, str]] = set()

    def arguments_of(self, frame: gdb.Frame) -> Arguments:
        """(name, value) of each argument. Selects `frame`; the caller restores the selection."""
        symbols = list(_argument_symbols(frame))
        if not symbols:
            return []
        frame.select()
        caller = frame.older()
        places = (frame.pc(), caller.pc() if caller is not None else 0)
        return [pair for symbol in symbols for pair in self._as_printed(frame, symbol, places)]

    def _as_printed(self, frame: gdb.Frame, symbol: gdb.Symbol, places: Tuple[int, int]) -> Arguments:
        name = symbol.print_name
        try:
            now = _format(symbol.value(frame))
        except gdb.error as error:
            now = "<error reading variable: %s>" % error
        key = (*places, name)
        on_entry = None if key in self._without_entry else _value_on_entry(name)
        if on_entry is None:
            self._without_entry.add(key)
            return [(name, now)]
        if on_entry == now:
            return [(name, "%s@entry=%s" % (name, now))]
        return [(name, now), ("%s@entry" % name, on_entry)]


def _argument_symbols(frame: gdb.Frame) -> Iterator[gdb.Symbol]:
    try:
        block: Optional[gdb.Block] = frame.block()
    except RuntimeError:  # no debug information here
        return
    while block is not None and block.function is None:
        block = block.superblock
    if block is not None:
        yield from (symbol for symbol in block if symbol.is_argument)


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
