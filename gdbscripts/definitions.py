"""Finds the source file in which a function is defined: `DW_AT_decl_file` of the debug information.

The file of a line is no answer. At -O2 the line of an instruction of a function may be in an inline function of a
header, in a macro's arguments, or in a file that is included in the function's body.
"""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

import gdb

# Rows of the line table that are read to find the file of one function, from each of two addresses.
_MAX_ROWS = 300
# DW_AT_producer of code that GCC compiled at link time. There DW_AT_decl_file is in another compilation unit, and
# gdb looks up its number in the file table of the wrong unit (new_symbol in gdb/dwarf2/read.c, gdb 13).
_LINK_TIME_PRODUCER = "GNU GIMPLE"

_files: Dict[Tuple[str, int, int, str], str] = {}  # by the function's name, range of addresses and library


class FunctionBlock(NamedTuple):
    """The block of a function, inlined or not, and its symbol."""

    block: gdb.Block
    function: gdb.Symbol

    def is_same(self, other: FunctionBlock) -> bool:
        """Return whether both are one function at one place; gdb makes new objects for each question."""
        return bool(
            self.block.start == other.block.start
            and self.block.end == other.block.end
            and self.function.name == other.function.name
        )

    def outer(self) -> Optional[FunctionBlock]:
        """Return the function that this one is inlined into; None when it is not inlined."""
        return function_block(self.block.superblock)


def function_block(block: Optional[gdb.Block]) -> Optional[FunctionBlock]:
    """Return the innermost function around `block`, itself included; None for none."""
    while block is not None and not block.is_static and not block.is_global:
        if block.function is not None:
            return FunctionBlock(block, block.function)
        block = block.superblock
    return None


def innermost_function(address: int) -> Optional[FunctionBlock]:
    """Return the function at `address`, an inlined one if one is inlined there; None for none."""
    return function_block(gdb.block_for_pc(address))


def outermost_function(address: int) -> Optional[FunctionBlock]:
    """Return the function whose code contains `address`, not one that is inlined there; None for none."""
    found, block = None, innermost_function(address)
    while block is not None:
        found, block = block, block.outer()
    return found


def file_of_function(function: FunctionBlock, pc: int, library: str) -> str:
    """Return the source file that defines `function`, whose code contains `pc`; "" when unknown.

    The file is absolute, for a function of `library` as its debug information has it.
    """
    key = (str(function.function.name), int(function.block.start), int(function.block.end), library)
    if key not in _files:
        symtab = _definition_symtab(function, pc)
        _files[key] = "" if symtab is None else file_of_symtab(symtab, library)
    return _files[key]


def file_of_frame(frame: gdb.Frame, library: str) -> str:
    """Return the source file that defines the function of `frame`, as `file_of_function`; "" for a function that
    only the symbol table names."""
    symbol = frame.function()
    if symbol is None:
        return ""
    try:
        function = function_block(frame.block())
    except RuntimeError:  # no debug information here
        function = None
    if function is not None and function.function.name == symbol.name:
        # The address after a noreturn call may belong to the next function.
        return file_of_function(function, frame.pc() - 1 if frame.level() else frame.pc(), library)
    return file_of_symtab(symbol.symtab, library)


def file_of_symbol(entry: int, library: str) -> str:
    """Return the file of the line that begins at `entry`, the entry of a function that only the symbol table
    names; "" when no line begins there.

    Assembler code has such a line, and so has a function that GCC replaced by a jump to an identical one. A
    function without any debug information may have the last line of the function before it.
    """
    sal = gdb.find_pc_line(entry)
    return file_of_symtab(sal.symtab, library) if sal.symtab is not None and sal.pc == entry else ""


def file_of_symtab(symtab: gdb.Symtab, library: str) -> str:
    """Return the absolute path of `symtab`; in a library the path that its debug information has."""
    return str(symtab.filename if library else symtab.fullname())


def _definition_symtab(function: FunctionBlock, pc: int) -> Optional[gdb.Symtab]:
    at_link_time = _is_compiled_at_link_time(pc)
    if function.outer() is not None:
        declared = _symtab_of_variables(function.block)
        trusted = declared is not None and not at_link_time
        return declared if trusted else _symtab_of_lines(function, pc, 0) or declared
    symbol = function.function
    if not at_link_time:
        return symbol.symtab
    entry = symbol.value().address
    return _symtab_of_lines(function, int(entry) if entry is not None else pc, symbol.line) or symbol.symtab


def _is_compiled_at_link_time(pc: int) -> bool:
    symtab = gdb.find_pc_line(pc).symtab
    return symtab is not None and str(getattr(symtab, "producer", None) or "").startswith(_LINK_TIME_PRODUCER)


def _symtab_of_variables(block: gdb.Block) -> Optional[gdb.Symtab]:
    """Return the file that declares the parameters, or else the variables, of an inlined function; None for none.

    The symbol of an inlined function has the file of its call (DW_AT_call_file) instead of its own.
    """
    variables = [symbol for symbol in block if symbol.is_argument or symbol.is_variable]
    variables.sort(key=lambda symbol: not symbol.is_argument)
    return next((symbol.symtab for symbol in variables if symbol.symtab is not None), None)


def _symtab_of_lines(function: FunctionBlock, pc: int, line: int) -> Optional[gdb.Symtab]:
    """Return the file that has most lines of the function's own code; None when no line is known.

    Files in which `line`, that of the declaration (0 for unknown), has code go first, and among them that of the
    instruction at `pc`.
    """
    counts: CounterOf[str] = Counter()
    symtabs: Dict[str, gdb.Symtab] = {}
    for symtab in _own_lines(function, pc):
        name = str(symtab.fullname())
        symtabs.setdefault(name, symtab)
        counts[name] += 1
    first = gdb.find_pc_line(pc).symtab
    first_name = str(first.fullname()) if first is not None and line else ""
    candidates = [(bool(line) and symtabs[name].linetable().has_line(line), name) for name in counts]
    ranked = sorted(candidates, key=lambda it: (not it[0], it[1] != first_name, -counts[it[1]], it[1]))
    return symtabs[ranked[0][1]] if ranked else None


def _own_lines(function: FunctionBlock, pc: int) -> Iterator[gdb.Symtab]:
    """Yield the file of each row of the line table that belongs to `function` itself, and of the calls that were
    inlined into it."""
    for start in (pc, int(function.block.start)):
        for address in _rows(start, int(function.block.end)):
            symtab = _own_symtab(function, address)
            if symtab is not None:
                yield symtab


def _own_symtab(function: FunctionBlock, address: int) -> Optional[gdb.Symtab]:
    """Return the file of the line of `function` at `address`: that of the call of a function inlined there."""
    inlined, at = None, innermost_function(address)
    while at is not None and not at.is_same(function):
        inlined, at = at, at.outer()
    if at is None:
        return None
    return inlined.function.symtab if inlined is not None else gdb.find_pc_line(address).symtab


def _rows(start: int, end: int) -> Iterator[int]:
    """Yield the addresses at which the rows of the line table begin, from that around `start` on."""
    address = start
    for _ in range(_MAX_ROWS):
        yield address
        last = gdb.find_pc_line(address).last
        if last is None or not address <= last < end - 1:
            return
        address = int(last) + 1
