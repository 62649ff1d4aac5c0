"""Where function pointers lie in structures, told by the debug information's types."""

from __future__ import annotations

import linecache
import re
from typing import Iterator, List, NamedTuple, Optional, Set

import gdb

from gdbscripts.tail_calls import symbol_at

_MAX_NESTING = 12  # structures within each other


class TypeMember(NamedTuple):
    """A member of a structure or union; the name is "" for an anonymous one, the offset in bytes."""

    name: str
    offset: int
    type: gdb.Type


def member_at(type_: gdb.Type, offset: int) -> str:
    """`Structure.field` of the innermost structure in `kind` with a function pointer at `offset`; "" for none."""
    for _ in range(_MAX_NESTING):
        field = _member_at_offset(type_, offset)
        if field is None:
            return ""
        remaining = offset - field.offset
        if is_function_pointer(field.type):
            return "%s.%s" % (type_name(type_), field.name) if remaining == 0 else ""
        element = _array_element(field.type)
        if element is not None and is_function_pointer(element):
            return "%s.%s[%d]" % (type_name(type_), field.name, remaining // element.sizeof)
        if element is not None:
            type_, offset = element, remaining % element.sizeof
        elif field.name:
            type_, offset = field.type, remaining
        else:  # the members of an anonymous structure belong to the one around it
            inner = member_at(field.type, remaining)
            return "%s.%s" % (type_name(type_), inner.partition(".")[2]) if inner else ""
    return ""


def member_path(type_: gdb.Type, offset: int) -> Optional[str]:
    """How the source names the function pointer at `offset` of a variable: `[1].init`; None when it is none."""
    if is_function_pointer(type_):
        return "" if offset == 0 else None
    element = _array_element(type_)
    if element is not None:
        remaining = member_path(element, offset % element.sizeof)
        return None if remaining is None else "[%d]%s" % (offset // element.sizeof, remaining)
    field = _member_at_offset(type_, offset)
    if field is None:
        return None
    remaining = member_path(field.type, offset - field.offset)
    return None if remaining is None else (".%s%s" % (field.name, remaining) if field.name else remaining)


def members_of(type_: gdb.Type) -> Iterator[TypeMember]:
    """The members of a structure or union; none for another type."""
    if not is_structure(type_):
        return
    for field in type_.strip_typedefs().fields():
        bits = getattr(field, "bitpos", None)  # static members of C++ have none
        if bits is not None and field.type is not None:
            yield TypeMember(field.name or "", bits // 8, field.type)


def member_named(type_: gdb.Type, name: str) -> Optional[TypeMember]:
    """The member of that name, those of anonymous structures included."""
    for field in members_of(type_):
        if field.name == name:
            return field
        inner = member_named(field.type, name) if not field.name else None
        if inner is not None:
            return inner._replace(offset=field.offset + inner.offset)
    return None


def pointed_to(type_: gdb.Type) -> gdb.Type:
    """What a pointer points to, or an array consists of; other types as they are."""
    plain = type_.strip_typedefs()
    return plain.target() if plain.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ARRAY) else type_


def is_structure(type_: gdb.Type) -> bool:
    """Whether the type has members."""
    return type_.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


def is_function_pointer(type_: gdb.Type) -> bool:
    """Whether the type is a pointer to a function."""
    plain = type_.strip_typedefs()
    return plain.code == gdb.TYPE_CODE_PTR and plain.target().strip_typedefs().code == gdb.TYPE_CODE_FUNC


def type_name(type_: gdb.Type) -> str:
    """What the source calls the type."""
    return type_.unqualified().name or type_.strip_typedefs().tag or "(unnamed)"


def _array_element(type_: gdb.Type) -> Optional[gdb.Type]:
    """The type of an array's elements; None when it is no array, or they have no size."""
    plain = type_.strip_typedefs()
    if plain.code != gdb.TYPE_CODE_ARRAY or not plain.target().sizeof:
        return None
    return plain.target()


def _member_at_offset(type_: gdb.Type, offset: int) -> Optional[TypeMember]:
    members = (f for f in members_of(type_) if f.offset <= offset < f.offset + f.type.sizeof)
    return next(members, None)


_MEMBER_EXPRESSION = re.compile(r"[A-Za-z_]\w*(?:\s*(?:->|\.)\s*\w+|\[[^\[\]]*\])+")
_LAST_MEMBER = re.compile(r"^(?P<parent>.*)(?:->|\.)\s*(?P<field>\w+)$", re.DOTALL)
_CALLED_NAME = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_LEADING_NAME = re.compile(r"[A-Za-z_]\w*")
_MEMBER_ACCESS = re.compile(r"(->|\.|\[)\s*(\w*)")


class StaticSlot:
    """A place in the program's own data: its name, and where the table is defined."""

    def __init__(self, name: str, symbol: str, file: str, line: int) -> None:
        self.name = name
        self.symbol = symbol
        self.file = file
        self.line = line


def name_in_scope(address: int, displacement: Optional[int] = None, frame: Optional[gdb.Frame] = None) -> str:
    """The name of the slot at `address`, as the code of a frame knows it: that of the innermost one by default.

    With `displacement`, that of the instruction which reads the slot, the source's own expression is believed
    where its variables cannot be read any more, if the field lies there. "" when there is no single name.
    """
    frame = frame or gdb.newest_frame()
    frame.select()
    text = "".join(_source_lines(frame))
    names = set(_names_by_variables(frame, address)) | set(_names_by_expressions(text, address))
    if not names and displacement is not None:
        names = set(_names_by_types(text, displacement))
    if len(names) > 1:
        names = {name for name in names if re.search(r"\b%s\b" % re.escape(_member_name(name)), text)}
    return names.pop() if len(names) == 1 else ""


def name_by_type(displacement: int, frame: gdb.Frame) -> str:
    """The member that the source calls at the frame's line and that lies this far into its structure, in bytes."""
    frame.select()
    names = set(_names_by_types("".join(_source_lines(frame)), displacement))
    return names.pop() if len(names) == 1 else ""


def static_slot(address: int) -> Optional[StaticSlot]:
    """The slot at `address` if it lies in a variable of the program that exists all the time."""
    matches = symbol_at(address)
    if matches is None:
        return None
    name, offset, _ = matches
    for symbol in _static_symbols(name):
        start = symbol.value().address
        if start is not None and int(start) == address - offset:
            path = name + (member_path(symbol.type, offset) or "") if symbol.type is not None else name
            return StaticSlot(path, name, str(symbol.symtab.fullname()), symbol.line)
    return StaticSlot("%s+%d" % (name, offset) if offset else name, name, "", 0)


def local_variable_at(address: int) -> str:
    """The local variable or parameter that lies at `address` in the innermost frame; "" when there is none."""
    frame = gdb.newest_frame()
    for symbol in _variables(frame):
        value = _read_value(symbol, frame)
        if value is not None and value.address is not None and int(value.address) == address:
            return str(symbol.print_name)
    return ""


def called_variable(address: int) -> str:
    """The variable that the source calls at the line of the instruction at `address`; "" when no single one is."""
    sal = gdb.find_pc_line(address)
    if sal.symtab is None:
        return ""
    block = gdb.block_for_pc(address)
    text = linecache.getline(sal.symtab.fullname(), sal.line)
    symbols = {name: gdb.lookup_symbol(name, block)[0] for name in _CALLED_NAME.findall(text)} if block else {}
    matches = [
        name
        for name, symbol in symbols.items()
        if symbol is not None and symbol.type is not None and is_function_pointer(symbol.type)
    ]
    return matches[0] if len(matches) == 1 else ""


def _names_by_variables(frame: gdb.Frame, address: int) -> Iterator[str]:
    """Variables that point to a structure, or are one, in which a function pointer lies at `address`."""
    for symbol in _variables(frame):
        value = _read_value(symbol, frame)
        if value is None:
            continue
        type_ = value.type.strip_typedefs()
        if is_function_pointer(type_) and value.address is not None and int(value.address) == address:
            yield str(symbol.print_name)
            continue
        try:
            if type_.code == gdb.TYPE_CODE_PTR:
                start, target = int(value), type_.target()
            elif value.address is not None:
                start, target = int(value.address), value.type
            else:
                continue
            size = target.sizeof if is_structure(target) else 0
        except gdb.error:
            continue
        if start <= address < start + size:
            name = member_at(target, address - start)
            if name:
                yield name


def _names_by_expressions(text: str, address: int) -> Iterator[str]:
    """Expressions of the source, such as `s->ops->cb`, that lie at `address`."""
    for expression in _MEMBER_EXPRESSION.findall(text):
        try:
            value = gdb.parse_and_eval(expression)
            if value.address is None or int(value.address) != address:
                continue
            yield _expression_name(expression)
        except (gdb.error, RuntimeError):  # not a variable here, or optimised out
            continue


def _names_by_types(text: str, displacement: int) -> Iterator[str]:
    """Expressions of the source whose last field is a function pointer that lies `displacement` bytes in."""
    for expression in _MEMBER_EXPRESSION.findall(text):
        match = _LAST_MEMBER.match(expression)
        parent = _type_of(match["parent"]) if match else None
        if match is None or parent is None:
            continue
        field = member_named(parent, match["field"])
        if field is not None and field.offset == displacement and is_function_pointer(field.type):
            yield "%s.%s" % (type_name(parent), field.name)


def _expression_name(expression: str) -> str:
    match = _LAST_MEMBER.match(expression)
    parent = _type_of(match["parent"]) if match else None
    return "%s.%s" % (type_name(parent), match["field"]) if match and parent is not None else expression


def _type_of(expression: str) -> Optional[gdb.Type]:
    """The structure an expression such as `s->ops` is or points to; its value need not be known."""
    head = _LEADING_NAME.match(expression)
    symbol = gdb.lookup_symbol(head[0])[0] if head else None
    type_ = symbol.type if symbol is not None else None
    for access, name in _MEMBER_ACCESS.findall(expression):
        if type_ is None:
            return None
        field = member_named(pointed_to(type_), name) if access != "[" else None
        type_ = pointed_to(type_) if access == "[" else field.type if field is not None else None
    target = pointed_to(type_) if type_ is not None else None
    return target if target is not None and is_structure(target) else None


def _member_name(name: str) -> str:
    return name.rpartition(".")[2].partition("[")[0]


def _variables(frame: gdb.Frame) -> Iterator[gdb.Symbol]:
    """Variables and parameters in scope, those of functions this one is inlined into as well."""
    try:
        block: Optional[gdb.Block] = frame.block()
    except RuntimeError:  # no debug information here
        return
    names_seen: Set[str] = set()
    while block is not None and not block.is_static and not block.is_global:
        for symbol in block:
            if (symbol.is_variable or symbol.is_argument) and symbol.name not in names_seen:
                names_seen.add(symbol.name)
                yield symbol
        block = block.superblock


def _read_value(symbol: gdb.Symbol, frame: gdb.Frame) -> Optional[gdb.Value]:
    try:
        value = symbol.value(frame)
        return None if value.is_optimized_out else value
    except (gdb.error, TypeError):
        return None


def _static_symbols(name: str) -> Iterator[gdb.Symbol]:
    symbols: List[Optional[gdb.Symbol]] = [gdb.lookup_global_symbol(name), *gdb.lookup_static_symbols(name)]
    for symbol in symbols:
        if symbol is not None and symbol.is_variable:
            yield symbol


def _source_lines(frame: gdb.Frame) -> Iterator[str]:
    """The statement around the frame's line, as far as the source is there: a call may take several lines."""
    sal = frame.find_sal()
    if sal.symtab is None:
        return
    for number in range(sal.line - 1, sal.line + 3):
        yield linecache.getline(sal.symtab.fullname(), number)
