"""Lists the functions of a program with the addresses of their code, inlined copies included, from DWARF.

The symbol table lacks functions that are inlined everywhere, and has one address where an optimised program has
many copies. gdb finds all of them for one name, which takes it up to 0.2 s each in an optimised QEMU; here it is a
second for all functions of QEMU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path
from struct import error as struct_error
from struct import unpack_from
from typing import TYPE_CHECKING

from analyzer.adapters import dwarf_units as dwarf
from analyzer.adapters.dwarf_units import Dwarf, DwarfSections, Entry, Unit, UnsupportedDwarfError
from analyzer.adapters.elf import sections_of
from analyzer.adapters.elf_bounds import LONGEST_NAME
from gdbscripts.call_frame_rules import read_unsigned

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTENT_PATH, _CONTENT_FOLDER = 1, 2  # DW_LNCT_path, DW_LNCT_directory_index
_MAX_ORIGINS = 8  # an inlined copy, its concrete function, the abstract one, a declaration
_SECTIONS = {
    "info": ".debug_info", "abbrev": ".debug_abbrev", "strings": ".debug_str", "line_strings": ".debug_line_str",
    "line": ".debug_line", "ranges": ".debug_ranges", "rnglists": ".debug_rnglists", "addresses": ".debug_addr",
    "string_offsets": ".debug_str_offsets",
}  # fmt: skip


@dataclass(frozen=True)
class InlinedCopy:
    """One place where a function is inlined: its first address, and the function whose code it is part of.

    That function may itself be inlined there.
    """

    address: int
    caller: str


@dataclass
class FunctionCode:
    """A function that has machine code. `file` is the absolute path of the source file that defines it, "" when
    unknown.

    `entries`: first addresses of its own code: more than one for clones such as `.part.0`. Addresses are those of
    the file, before the program is loaded.
    """

    name: str
    file: str
    entries: set[int] = field(default_factory=set)
    inlined: set[InlinedCopy] = field(default_factory=set)


def functions_with_code(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> list[FunctionCode]:
    """The functions in the debug information of the file `path` whose names are `wanted`, by file and name.

    UnsupportedDwarfError when the file has none, or of a kind that is not read here.
    """
    contents, is_code = sections_of(path, list(_SECTIONS.values()))
    if not contents[".debug_info"]:
        raise UnsupportedDwarfError("no debug information")
    try:
        return _Functions(Dwarf(_dwarf_sections(contents)), wanted, is_code).read()
    except (LookupError, ValueError, ArithmeticError, struct_error) as error:
        raise UnsupportedDwarfError(f"damaged debug information: {error}") from None


def _dwarf_sections(contents: Mapping[str, bytes]) -> DwarfSections:
    return DwarfSections(**{name: contents[section] for name, section in _SECTIONS.items()})


class _Functions:
    def __init__(self, source: Dwarf, wanted: Callable[[str], bool], is_code: Callable[[int], bool]) -> None:
        self._dwarf = source
        self._wanted = wanted
        self._is_code = is_code
        self._names: dict[int, tuple[str, int]] = {}  # offset -> name, offset of the entry with the file
        self._files: dict[int, list[str]] = {}  # offset of a line table -> its files
        self._found: dict[int, FunctionCode] = {}  # by the offset of the entry that has the file
        self._declared_in: dict[int, str] = {}

    def read(self) -> list[FunctionCode]:
        for unit in self._dwarf.units:
            callers: list[tuple[int, str]] = []  # (depth, name), outermost first
            for entry in self._dwarf.functions(unit):
                while callers and callers[-1][0] >= entry.depth:
                    callers.pop()
                name = self._take(unit, entry, callers[-1][1] if callers else "")
                callers.append((entry.depth, name))
        merged: dict[tuple[str, str], FunctionCode] = {}
        for function in self._found.values():
            known = merged.setdefault((function.file, function.name), function)
            known.entries |= function.entries
            known.inlined |= function.inlined
        return [merged[key] for key in sorted(merged)]

    def _take(self, unit: Unit, entry: Entry, caller: str) -> str:
        """Add the code of `entry`, if it has code and is wanted; returns its name."""
        name, declaration = self._name(unit, entry)
        if not name or not self._wanted(name):
            return name
        address = self._dwarf.entry_address(unit, entry)
        if address is None or not self._is_code(address):
            return name
        function = self._found.get(declaration)
        if function is None:
            function = self._found[declaration] = FunctionCode(name, self._file(declaration))
        if entry.tag == dwarf.INLINED:
            function.inlined.add(InlinedCopy(address, caller))
        else:
            function.entries.add(address)
        return name

    def _name(self, unit: Unit, entry: Entry) -> tuple[str, int]:
        """The name of a function or inlined copy, and the offset of the entry that says which file defines it."""
        visited = []
        result: tuple[str, int] | None = None
        name, declaration = "", 0
        for _ in range(_MAX_ORIGINS):
            if entry.offset in self._names:
                result = self._names[entry.offset]
                break
            visited.append(entry.offset)
            name = name or self._dwarf.text(unit, entry, dwarf.NAME)
            if not declaration and dwarf.DECL_FILE in entry.attributes and entry.tag != dwarf.INLINED:
                declaration = entry.offset
            origin = self._dwarf.reference(unit, entry, dwarf.ABSTRACT_ORIGIN)
            if origin is None:
                origin = self._dwarf.reference(unit, entry, dwarf.SPECIFICATION)
            if origin is None or (name and declaration):
                break
            entry, unit = self._dwarf.entry(origin), self._dwarf.unit_at(origin)
        if result is not None:
            name, declaration = name or result[0], declaration or result[1]
        declaration = declaration or entry.offset
        self._names.update(dict.fromkeys(visited, (name, declaration)))
        return name, declaration

    def _file(self, declaration: int) -> str:
        """The absolute path of the file that the entry at `declaration` gives."""
        unit, entry = self._dwarf.unit_at(declaration), self._dwarf.entry(declaration)
        number = int(entry.attributes.get(dwarf.DECL_FILE, (0, 0))[1])
        root = self._dwarf.root(unit)
        if dwarf.DECL_FILE not in entry.attributes or dwarf.STMT_LIST not in root.attributes:
            return ""
        table = int(root.attributes[dwarf.STMT_LIST][1])
        if table not in self._files:
            folder = self._dwarf.text(unit, root, dwarf.COMP_DIR)
            self._files[table] = [self._dwarf.spend(name) for name in _files(self._dwarf, table, folder)]
        files = self._files[table]
        return files[number] if number < len(files) else ""


def _files(source: Dwarf, position: int, folder: str) -> Iterator[str]:
    """The files of the line table at `position`, by number (DWARF 5, 6.2.4); the compiler ran in `folder`."""
    data = source.sections.line
    (version,) = unpack_from("<H", data, position + 4)
    position += 12 if version >= 5 else 10  # the length of the header follows, then fixed fields
    position += 5 if version < 4 else 6
    position += data[position - 1]  # standard_opcode_lengths, one less than opcode_base
    position -= 1
    if version >= 5:
        folders, position = _table_of_names(source, position)
        named, _ = _table_of_names(source, position)
        places = [source.spend(_joined(folder, name)) for name, _ in folders]
        for name, number in named:
            yield normpath(_joined(places[number] if number < len(places) else folder, name))
        return
    old_folders = [folder]
    while data[position]:
        end = data.index(b"\0", position, position + LONGEST_NAME)
        old_folders.append(source.spend(_joined(folder, data[position:end].decode(errors="replace"))))
        position = end + 1
    position += 1
    yield ""  # the first file has number 1
    while data[position]:
        end = data.index(b"\0", position, position + LONGEST_NAME)
        number, after = read_unsigned(data, end + 1)
        yield normpath(_joined(old_folders[number], data[position:end].decode(errors="replace")))
        _, after = read_unsigned(data, after)
        _, position = read_unsigned(data, after)


def _table_of_names(source: Dwarf, position: int) -> tuple[list[tuple[str, int]], int]:
    """(names with the number of their folder, position after the table) of a table of folders or files."""
    data = source.sections.line
    formats, position = [], position + 1
    for _ in range(data[position - 1]):
        content, position = read_unsigned(data, position)
        form, position = read_unsigned(data, position)
        formats.append((content, form))
    count, position = read_unsigned(data, position)
    if count > len(data) - position or (count and not formats):
        raise UnsupportedDwarfError(f"a table of {count} names")
    table = []
    for _ in range(count):
        name, folder = "", 0
        for content, form in formats:
            value, position = _value(source.sections, form, position)
            if content == _CONTENT_PATH:
                name = source.spend(str(value))
            elif content == _CONTENT_FOLDER and isinstance(value, int):
                folder = value
        table.append((name, folder))
    return table, position


def _value(sections: DwarfSections, form: int, position: int) -> tuple[str | int, int]:
    data = sections.line
    if form == 0x08:  # DW_FORM_string
        end = data.index(b"\0", position, position + LONGEST_NAME)
        return data[position:end].decode(errors="replace"), end + 1
    if form in (0x0E, 0x1F):  # DW_FORM_strp, DW_FORM_line_strp
        (offset,) = unpack_from("<I", data, position)
        return dwarf.string_at(sections.strings if form == 0x0E else sections.line_strings, offset), position + 4
    if form == 0x0F:  # DW_FORM_udata
        return read_unsigned(data, position)
    size = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}.get(form)  # data1 to data8, data16 (MD5)
    if size is None:
        raise UnsupportedDwarfError(f"form {form:#x} in a line table")
    return int.from_bytes(data[position : position + size], "little"), position + size


def _joined(folder: str, name: str) -> str:
    return name if name.startswith("/") else f"{folder}/{name}"
