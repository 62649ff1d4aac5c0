"""Reads from debug information what a call passes in argument registers; does not need gdb.

`DW_TAG_call_site` and its parameters (DWARF 5, sections 3.4.1 and 3.4.2) tell it as expressions of what the
caller still has while the call is active. gdb's Python interface does not show these entries. Only what gcc
writes for a program of one file is read: version 5, `.debug_aranges`, no compression. For anything else there is
no answer.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from typing import BinaryIO, Dict, List, NamedTuple, Optional, Tuple

from gdbscripts.call_frame_rules import read_signed, read_unsigned
from gdbscripts.dwarf_expressions import Operations, folded, parse

_CALL_SITE, _CALL_SITE_PARAMETER = 0x48, 0x49
_LOCATION, _CALL_VALUE, _CALL_RETURN_PC, _CALL_ORIGIN, _CALL_TARGET = 0x02, 0x7E, 0x7D, 0x7F, 0x83
_FORM_ADDR, _FORM_EXPRESSION, _FORM_IMPLICIT_CONST = 0x01, 0x18, 0x21
_FIXED_SIZES = {
    0x01: 8,
    0x0B: 1,
    0x05: 2,
    0x06: 4,
    0x07: 8,
    0x0C: 1,
    0x13: 4,
    0x17: 4,
    0x19: 0,
    _FORM_IMPLICIT_CONST: 0,
}
_COMPRESSED = 0x800  # SHF_COMPRESSED
_MAX_PARAMETERS = 64
_LONGEST_NAME = 64  # of the sections that are read


class CallValue(NamedTuple):
    """How the value of a register at a call follows from the caller's frame.

    `kind` is constant: `offset` itself; register: register `number` (of DWARF) plus `offset`; address: the frame
    address plus `offset`; slot: the `size` bytes there; entry: what register `number` had when the caller was
    called, plus `offset`; static: the address `offset` in the file; expression: what `operations` give.
    """

    kind: str
    number: int = 0
    offset: int = 0
    size: int = 8
    operations: Operations = ()


Parameters = Dict[int, Optional[CallValue]]  # number of the register -> its value; None: in another form


class CallSite(NamedTuple):
    """What a call passes in registers, and how its `target` follows from the caller's frame when it is not named.

    `is_used` is False for a site that tells no target that gdb can compute: gdb does not use it.
    """

    parameters: Parameters
    target: Optional[CallValue] = None
    is_used: bool = True


NO_SITE = CallSite({}, None, False)


class _Section(NamedTuple):
    start: int
    size: int


class CallSites:
    """The call sites of one program.

    `file` is the program, an ELF file of 64 bits; it stays open. Raises ValueError when it has not the sections in
    the plain form, OSError when it cannot be mapped.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            sections = _sections(self._data)
            self._info, self._abbreviations, ranges = (
                sections[name] for name in (b".debug_info", b".debug_abbrev", b".debug_aranges")
            )
            self._ranges = sorted(_ranges(self._data, ranges))
        except KeyError as error:
            raise ValueError("no section %s" % error) from None
        except (struct.error, OverflowError, IndexError):
            raise ValueError("its sections are not in the file") from None
        self._starts = [start for start, _, _ in self._ranges]
        self._tables: Dict[int, Dict[int, _Abbreviation]] = {}

    def parameters_at(self, return_address: int) -> Optional[Parameters]:
        """Return what the call before `return_address`, an address in the file, passes in registers.

        Nothing for a call without a call site, and for one that does not tell the function that it calls: gdb does
        not use it then. None where the debug information has another form.
        """
        site = self.site_at(return_address)
        return site.parameters if site is not None else None

    def site_at(self, return_address: int) -> Optional[CallSite]:
        """Return the call site of the call before `return_address`, an address in the file; `NO_SITE` for a call
        without one. None where the debug information has another form."""
        unit = self._unit_at(return_address - 1)
        if unit is None:
            return None
        try:
            return self._site_in(unit, struct.pack("<Q", return_address))
        except (struct.error, ArithmeticError, LookupError, ValueError):  # what damaged information leads to
            return None

    def _unit_at(self, pc: int) -> Optional[int]:
        position = bisect_right(self._starts, pc) - 1
        if position < 0 or pc >= self._ranges[position][1]:
            return None
        return self._ranges[position][2]

    def _site_in(self, unit: int, address: bytes) -> Optional[CallSite]:
        start = self._info.start + unit
        length, version, kind, address_size, table = struct.unpack_from("<IHBBI", self._data, start)
        if version != 5 or kind != 1 or address_size != 8 or length >= 0xFFFFFFF0:
            return None
        table_start = self._abbreviations.start + table
        end = start + 4 + length
        abbreviations = self._tables.get(table)
        if abbreviations is None:
            abbreviations = self._tables[table] = _abbreviations(self._data, table_start)
        at = self._data.find(address, start + 12, end)
        while at >= 0:
            for size in (1, 2):
                code, after = read_unsigned(self._data, at - size)
                entry = abbreviations.get(code)
                if after == at and entry is not None and entry.tag == _CALL_SITE and entry.starts_with_return_pc:
                    return self._site_after(entry, at, abbreviations)
            at = self._data.find(address, at + 1, end)
        return NO_SITE

    def _site_after(self, site: _Abbreviation, at: int, table: Dict[int, _Abbreviation]) -> Optional[CallSite]:
        own, position = _attributes(self._data, site, at)
        target = None
        if _CALL_TARGET in own:
            target = parse_value(own[_CALL_TARGET])
            if target is None:
                return None
        elif not site.names_its_target:
            return NO_SITE
        parameters: Parameters = {}
        for _ in range(_MAX_PARAMETERS if site.has_children else 0):
            code, position = read_unsigned(self._data, position)
            if not code:
                return CallSite(parameters, target)
            entry = table[code]
            if entry.tag != _CALL_SITE_PARAMETER or entry.has_children:
                return None
            found, position = _attributes(self._data, entry, position)
            location = found.get(_LOCATION, b"")
            if len(location) == 1 and 0x50 <= location[0] <= 0x6F:  # DW_OP_reg0 to reg31
                value = found.get(_CALL_VALUE)
                parameters[location[0] - 0x50] = parse_value(value) if value is not None else None
        return CallSite(parameters, target) if not site.has_children else None


def parse_value(code: bytes) -> Optional[CallValue]:
    """Return the value that a DWARF expression describes; None for one with other operations."""
    operations = parse(code)
    return value_of(operations) if operations is not None else None


def value_of(operations: Operations) -> CallValue:
    """Return the value of an expression, in a simple form where it has one."""
    operations = folded(operations)
    first = operations[0]
    kind = {"frame": "address"}.get(first.name, first.name)
    if len(operations) == 1 and kind in _SIMPLE:
        return CallValue(kind, max(first.register, 0), first.operand)
    if len(operations) == 2 and first.name == "frame" and operations[1].name == "load":
        return CallValue("slot", 0, first.operand, operations[1].operand)
    return CallValue("expression", operations=operations)


_SIMPLE = ("constant", "register", "address", "static", "entry")


class _Abbreviation(NamedTuple):
    """The form of debugging information entries (DWARF 5, section 7.5.3): the pairs of attribute and form."""

    tag: int
    has_children: bool
    attributes: List[Tuple[int, int]]

    @property
    def starts_with_return_pc(self) -> bool:
        return self.attributes[:1] == [(_CALL_RETURN_PC, _FORM_ADDR)]

    @property
    def names_its_target(self) -> bool:
        return any(name == _CALL_ORIGIN for name, _ in self.attributes)


def _abbreviations(data: mmap.mmap, position: int) -> Dict[int, _Abbreviation]:
    """Return the call sites and their parameters of the table at `position`, by their codes."""
    found: Dict[int, _Abbreviation] = {}
    while True:
        code, position = read_unsigned(data, position)
        if not code:
            return found
        tag, position = read_unsigned(data, position)
        has_children = bool(data[position])
        position += 1
        attributes = []
        while True:
            name, form = data[position], data[position + 1]
            if name < 0x80 and form < 0x80:  # as most are
                position += 2
            else:
                name, position = read_unsigned(data, position)
                form, position = read_unsigned(data, position)
            if form == _FORM_IMPLICIT_CONST:
                _, position = read_signed(data, position)
            if not name and not form:
                break
            attributes.append((name, form))
        if tag in (_CALL_SITE, _CALL_SITE_PARAMETER):
            found[code] = _Abbreviation(tag, has_children, attributes)


def _attributes(data: mmap.mmap, entry: _Abbreviation, position: int) -> Tuple[Dict[int, bytes], int]:
    """Return the expressions of an entry by attribute, and the position after it. IndexError for other forms."""
    found = {}
    for name, form in entry.attributes:
        if form == _FORM_EXPRESSION:
            size, position = read_unsigned(data, position)
            found[name] = data[position : position + size]
            position += size
        elif form in _FIXED_SIZES:
            position += _FIXED_SIZES[form]
        else:
            raise IndexError("form 0x%x" % form)
    return found, position


def _sections(data: mmap.mmap) -> Dict[bytes, _Section]:
    """Return the sections of an ELF file (elf(5)) that are not compressed, by name."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not an ELF file of 64 bits")
    (position,), (size, count, names) = struct.unpack_from("<Q", data, 40), struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, position + size * number) for number in range(count)]
    if names >= count:
        raise ValueError("no names of sections")
    found: Dict[bytes, _Section] = {}
    for name, _, flags, _, start, length in headers:
        at = headers[names][4] + name
        end = data.find(b"\0", at, at + _LONGEST_NAME)
        if not flags & _COMPRESSED and end >= 0:
            found[data[at:end]] = _Section(start, length)
    return found


def _ranges(data: mmap.mmap, section: _Section) -> List[Tuple[int, int, int]]:
    """Return (start, end, compilation unit) of each range of addresses (DWARF 5, section 6.1.2)."""
    found, position, end = [], section.start, section.start + section.size
    while position + 16 <= end:
        length, _, unit, address_size, _ = struct.unpack_from("<IHIBB", data, position)
        if address_size != 8 or length >= 0xFFFFFFF0:
            raise ValueError("address ranges in another form")
        for at in range(position + 16, position + 4 + length - 15, 16):
            start, size = struct.unpack_from("<QQ", data, at)
            if size:
                found.append((start, start + size, unit))
        position += 4 + length
    return found
