"""Reads compilation units and their entries (DIEs) of DWARF 2 to 5, without building objects for most of them.

QEMU's debug information has millions of entries, of which those of functions and of inlined calls are read here,
in a second; pyelftools needs minutes. Numbers are those of the DWARF 5 standard, section 7.5.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from
from typing import NamedTuple

from analyzer.adapters.elf_bounds import LONGEST_NAME
from gdbscripts.call_frame_rules import read_unsigned

# A file of this size costs so much at most: names are shared, and damaged tables can overlap.
_MOST_TEXT, _TEXT_PER_BYTE = 1 << 26, 64  # characters; QEMU has 9 for each byte of .debug_line
_MOST_ABBREVIATIONS, _ABBREVIATIONS_PER_BYTE = 1 << 16, 4  # bytes of their tables that are read
# Tags and attributes that are read.
SUBPROGRAM, INLINED = 0x2E, 0x1D
_PARTIAL_UNIT = 0x3C
_SIBLING, NAME, STMT_LIST, _LOW_PC, _HIGH_PC = 0x01, 0x03, 0x10, 0x11, 0x12
COMP_DIR, ABSTRACT_ORIGIN, DECL_FILE, SPECIFICATION, _RANGES = 0x1B, 0x31, 0x3A, 0x47, 0x55
_STR_OFFSETS_BASE, _ADDR_BASE, _RNGLISTS_BASE = 0x72, 0x73, 0x74
_INTERESTING = (SUBPROGRAM, INLINED)
# In these can be functions and inlined calls: units, lexical blocks, namespaces, modules, catch and try blocks.
_HOLDS_CALLS = frozenset({0x11, _PARTIAL_UNIT, 0x41, 0x4A, 0x0B, 0x39, 0x1E, 0x25, 0x32})

_FIXED = {
    0x01: 8, 0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x0C: 1, 0x19: 0, 0x0E: 4, 0x1F: 4, 0x11: 1, 0x12: 2, 0x13: 4,
    0x14: 8, 0x10: 4, 0x17: 4, 0x20: 8, 0x21: 0, 0x1E: 16, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2,
    0x2B: 3, 0x2C: 4, 0x1C: 4, 0x1D: 4, 0x24: 8, 0x1F20: 4, 0x1F21: 4,
}  # fmt: skip
"""Bytes of the forms of a fixed size, with addresses of 8 bytes and 32-bit DWARF."""
_STRING, _ULEB = 0x08, (0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23)
_BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4}  # their length has this many bytes
_LEB_BLOCKS = (0x09, 0x18)
_REFERENCES_IN_UNIT = (0x11, 0x12, 0x13, 0x14, 0x15)
_REFERENCE_TO_SECTION = 0x10
_IMPLICIT_CONSTANT = 0x21

Value = int | bytes


class UnsupportedDwarfError(ValueError):
    """The debug information has a form that this module does not read, such as 64-bit DWARF."""


@dataclass(frozen=True)
class DwarfSections:
    """The contents of the sections of one file; b"" for one that it lacks."""

    info: bytes
    abbrev: bytes
    strings: bytes = b""
    line_strings: bytes = b""
    line: bytes = b""
    ranges: bytes = b""
    rnglists: bytes = b""
    addresses: bytes = b""
    string_offsets: bytes = b""


class Abbreviation(NamedTuple):
    """The layout of one kind of entry; `size` is its length in bytes, -1 when that varies."""

    tag: int
    has_children: bool
    attributes: tuple[tuple[int, int, int], ...]  # attribute, form, implicit constant
    size: int
    sibling: int  # offset of a DW_AT_sibling of the form ref4; -1 for none


class Entry(NamedTuple):
    """One entry: its place in .debug_info, its tag, its attributes as (form, value) and its depth in the unit."""

    offset: int
    tag: int
    attributes: dict[int, tuple[int, Value]]
    depth: int


@dataclass(frozen=True)
class Unit:
    """One unit: its bytes in .debug_info are `start` to `end`, its entries begin at `first`."""

    start: int
    end: int
    first: int
    version: int
    abbreviations: int  # offset of its table


class Dwarf:
    """The units of one file, and what their entries say. UnsupportedDwarfError for what is not read here."""

    def __init__(self, sections: DwarfSections) -> None:
        self.sections = sections
        self.units = list(_units(sections.info))
        self._starts = [unit.start for unit in self.units]
        self._tables: dict[int, dict[int, Abbreviation]] = {}
        self._roots: dict[int, Entry] = {}
        self._text_left = _MOST_TEXT + _TEXT_PER_BYTE * (len(sections.info) + len(sections.line))
        self._abbreviations_left = _MOST_ABBREVIATIONS + _ABBREVIATIONS_PER_BYTE * len(sections.abbrev)

    def spend(self, text: str) -> str:
        """Return `text`. UnsupportedDwarfError when all texts together are too long for a file of this size."""
        self._text_left -= len(text) + 16
        if self._text_left < 0:
            raise UnsupportedDwarfError("more names than a file of this size has")
        return text

    def root(self, unit: Unit) -> Entry:
        """The entry of the unit itself."""
        if unit.start not in self._roots:
            self._roots[unit.start] = self._entry(unit, unit.first)
        return self._roots[unit.start]

    def unit_at(self, offset: int) -> Unit:
        """The unit that has the entry at `offset` of .debug_info."""
        return self.units[bisect_right(self._starts, offset) - 1]

    def entry(self, offset: int) -> Entry:
        """The entry at `offset` of .debug_info."""
        return self._entry(self.unit_at(offset), offset)

    def functions(self, unit: Unit) -> Iterator[Entry]:
        """The entries of functions and of inlined calls in `unit`, each before those inside it."""
        info, table = self.sections.info, self._table(unit.abbreviations)
        position, depth = unit.first, 0
        while position < unit.end:
            start = position
            code = info[position]
            if code >= 0x80:
                code, position = read_unsigned(info, position)
            else:
                position += 1
            if not code:
                depth -= 1
                continue
            abbreviation = table[code]
            tag, has_children, _, size, sibling = abbreviation
            if tag in _INTERESTING:
                attributes, position = self._attributes(abbreviation, position)
                yield Entry(start, tag, attributes, depth)
            elif sibling >= 0 and tag not in _HOLDS_CALLS:
                following = unit.start + unpack_from("<I", info, position + sibling)[0]
                if following <= position:
                    raise UnsupportedDwarfError("an entry before its sibling")
                position = following
                continue
            else:
                position = position + size if size >= 0 else self._skip(abbreviation, position)
            depth += has_children

    def reference(self, unit: Unit, entry: Entry, attribute: int) -> int | None:
        """The offset in .debug_info that a reference of `entry`, of `unit`, leads to; None without one."""
        form, value = entry.attributes.get(attribute, (0, 0))
        if form in _REFERENCES_IN_UNIT:
            return unit.start + int(value)
        return int(value) if form == _REFERENCE_TO_SECTION else None

    def text(self, unit: Unit, entry: Entry, attribute: int) -> str:
        """The string that an attribute has; "" without one, and for one in another file."""
        return self.spend(self._text(unit, entry, attribute))

    def _text(self, unit: Unit, entry: Entry, attribute: int) -> str:
        form, value = entry.attributes.get(attribute, (0, 0))
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        if form == 0x0E:
            return string_at(self.sections.strings, value)
        if form == 0x1F:
            return string_at(self.sections.line_strings, value)
        if form in (0x1A, 0x25, 0x26, 0x27, 0x28):
            base = self._base(unit, _STR_OFFSETS_BASE)
            (offset,) = unpack_from("<I", self.sections.string_offsets, base + 4 * value)
            return string_at(self.sections.strings, offset)
        return ""

    def entry_address(self, unit: Unit, entry: Entry) -> int | None:
        """The first address of the code of `entry`, where gdb sets a breakpoint; None when it has no code."""
        if _LOW_PC in entry.attributes:
            form, value = entry.attributes[_LOW_PC]
            low = int(value) if form == 0x01 else self._address(unit, int(value))
            form, end = entry.attributes.get(_HIGH_PC, (0, -1))
            return None if not end or (form == 0x01 and end == low) else low  # a copy without an instruction
        if _RANGES not in entry.attributes:
            return None
        form, value = entry.attributes[_RANGES]
        if unit.version < 5:
            return self._first_of_ranges(unit, int(value))
        offset = int(value)
        if form == 0x23:
            base = self._base(unit, _RNGLISTS_BASE)
            offset = base + int(unpack_from("<I", self.sections.rnglists, base + 4 * offset)[0])
        return self._first_of_rnglist(unit, offset)

    def _first_of_ranges(self, unit: Unit, offset: int) -> int | None:
        base = self.entry_address(unit, self.root(unit)) if _LOW_PC in self.root(unit).attributes else 0
        while True:
            begin, end = unpack_from("<QQ", self.sections.ranges, offset)
            offset += 16
            if begin == (1 << 64) - 1:
                base = end
            elif begin == end:
                if not begin:
                    return None
            else:
                return int(begin) + (base or 0)

    def _first_of_rnglist(self, unit: Unit, offset: int) -> int | None:
        data = self.sections.rnglists
        root = self.root(unit)
        base = self.entry_address(unit, root) if _LOW_PC in root.attributes else 0
        while True:
            kind, offset = data[offset], offset + 1
            if kind == 0:
                return None
            if kind in (1, 2, 3):
                index, offset = read_unsigned(data, offset)
                if kind == 1:
                    base = self._address(unit, index)
                    continue
                begin = self._address(unit, index)
                end, offset = read_unsigned(data, offset)
                is_empty = not end if kind == 3 else self._address(unit, end) == begin
            elif kind == 4:
                begin, offset = read_unsigned(data, offset)
                end, offset = read_unsigned(data, offset)
                is_empty = begin == end
                begin += base or 0
            else:
                (begin,) = unpack_from("<Q", data, offset)
                offset += 8
                if kind == 5:
                    base = begin
                    continue
                if kind == 6:
                    is_empty = begin == unpack_from("<Q", data, offset)[0]
                    offset += 8
                else:
                    end, offset = read_unsigned(data, offset)
                    is_empty = not end
            if not is_empty:
                return int(begin)

    def _address(self, unit: Unit, index: int) -> int:
        base = self._base(unit, _ADDR_BASE)
        return int(unpack_from("<Q", self.sections.addresses, base + 8 * index)[0])

    def _base(self, unit: Unit, attribute: int) -> int:
        return int(self.root(unit).attributes.get(attribute, (0, 8))[1])

    def _entry(self, unit: Unit, offset: int) -> Entry:
        code, position = read_unsigned(self.sections.info, offset)
        abbreviation = self._table(unit.abbreviations)[code]
        return Entry(offset, abbreviation.tag, self._attributes(abbreviation, position)[0], 0)

    def _attributes(self, abbreviation: Abbreviation, position: int) -> tuple[dict[int, tuple[int, Value]], int]:
        info, found = self.sections.info, {}
        value: Value
        for attribute, form, constant in abbreviation.attributes:
            size = _FIXED.get(form)
            if size is not None:
                value = (
                    constant
                    if form == _IMPLICIT_CONSTANT
                    else int.from_bytes(info[position : position + size], "little")
                )
                position += size
            elif form == _STRING:
                end = info.index(b"\0", position, position + LONGEST_NAME)
                value, position = info[position:end], end + 1
            elif form in _ULEB:
                value, position = read_unsigned(info, position)
            else:
                value, position = 0, _skip_block(info, form, position)
            found[attribute] = (form, value)
        return found, position

    def _skip(self, abbreviation: Abbreviation, position: int) -> int:
        info = self.sections.info
        for _, form, _ in abbreviation.attributes:
            size = _FIXED.get(form)
            if size is not None:
                position += size
            elif form == _STRING:
                position = info.index(b"\0", position) + 1
            elif form in _ULEB:
                while info[position] >= 0x80:
                    position += 1
                position += 1
            else:
                position = _skip_block(info, form, position)
        return position

    def _table(self, offset: int) -> dict[int, Abbreviation]:
        if offset not in self._tables:
            self._tables[offset], end = _abbreviations(self.sections.abbrev, offset)
            self._abbreviations_left -= end - offset
            if self._abbreviations_left < 0:
                raise UnsupportedDwarfError("tables of abbreviations that overlap")
        return self._tables[offset]


def _units(info: bytes) -> Iterator[Unit]:
    position = 0
    while position < len(info):
        length, version = unpack_from("<IH", info, position)
        if length >= 0xFFFFFFF0:
            raise UnsupportedDwarfError("64-bit DWARF")
        end = position + 4 + length
        if version >= 5:
            kind, size, abbreviations = unpack_from("<BBI", info, position + 6)
            first = position + 12 + {0x04: 8, 0x05: 8, 0x02: 12, 0x06: 12}.get(kind, 0)
        else:
            abbreviations, size = unpack_from("<IB", info, position + 6)
            first = position + 11
        if size != 8 or not 2 <= version <= 5:
            raise UnsupportedDwarfError(f"DWARF {version} with addresses of {size} bytes")
        yield Unit(position, end, first, version, abbreviations)
        position = end


def _abbreviations(data: bytes, position: int) -> tuple[dict[int, Abbreviation], int]:
    """The table at `position`, and the position after it."""
    table: dict[int, Abbreviation] = {}
    while True:
        code, position = read_unsigned(data, position)
        if not code:
            return table, position
        tag, position = read_unsigned(data, position)
        has_children, position = bool(data[position]), position + 1
        attributes = []
        size, sibling = 0, -1
        while True:
            attribute, position = read_unsigned(data, position)
            form, position = read_unsigned(data, position)
            if not form:
                break
            constant = 0
            if form == _IMPLICIT_CONSTANT:
                constant, position = read_unsigned(data, position)  # of the attributes read here, none is negative
            if form not in _FIXED and form not in _ULEB and form not in (_STRING, *_BLOCKS, *_LEB_BLOCKS):
                raise UnsupportedDwarfError(f"form {form:#x}")
            if attribute == _SIBLING and form == 0x13 and size >= 0:
                sibling = size
            size = size + _FIXED[form] if size >= 0 and form in _FIXED else -1
            attributes.append((attribute, form, constant))
        table[code] = Abbreviation(tag, has_children, tuple(attributes), size, sibling)


def _skip_block(data: bytes, form: int, position: int) -> int:
    if form in _BLOCKS:
        size = _BLOCKS[form]
        return position + size + int.from_bytes(data[position : position + size], "little")
    length, position = read_unsigned(data, position)
    return position + length


def string_at(data: bytes, offset: int) -> str:
    """The string at `offset`. ValueError when it does not end, or has more than 16 KiB."""
    return data[offset : data.index(b"\0", offset, offset + LONGEST_NAME)].decode(errors="replace")
