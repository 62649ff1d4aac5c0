"""Names slots in the terms of the source: members of structures and variables, from the types of the debug
information."""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Optional, Set

import gdb

from gdbscripts.source_files import source_line
from gdbscripts.tail_calls import symbol_at

_MAX_NESTING = 12  # of structures


class TypeMember(NamedTuple):
    """A member of a structure or union; the name is "" for an anonymous member, the offset is in bytes."""

    name: str
    offset: int
    type: gdb.Type


def member_at(type_: gdb.Type, offset: int) -> str:
    """Return `Structure.member` of the innermost structure in `type_` with a function pointer at `offset`; ""
    for none."""
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
        else:  # members of an anonymous structure are accessed through the enclosing one
            inner = member_at(field.type, remaining)
            return "%s.%s" % (type_name(type_), inner.partition(".")[2]) if inner else ""
    return ""


def member_path(type_: gdb.Type, offset: int) -> Optional[str]:
    """Return the source path to the function pointer at `offset` bytes in a variable, such as `[1].init`.

    "" when the variable itself is the pointer, None when there is no function pointer at `offset`.
    """
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
    """Yield the members of a structure or union; nothing for another type."""
    if not is_structure(type_):
        return
    for field in type_.strip_typedefs().fields():
        bits = getattr(field, "bitpos", None)  # static members of C++ have none
        if bits is not None and field.type is not None:
            yield TypeMember(field.name or "", bits // 8, field.type)


def member_named(type_: gdb.Type, name: str) -> Optional[TypeMember]:
    """Return the member of that name, also from anonymous structures; None when there is none."""
    for field in members_of(type_):
        if field.name == name:
            return field
        inner = member_named(field.type, name) if not field.name else None
        if inner is not None:
            return inner._replace(offset=field.offset + inner.offset)
    return None


def pointed_to(type_: gdb.Type) -> gdb.Type:
    """Return the target type of a pointer or the element type of an array; other types unchanged."""
    plain = type_.strip_typedefs()
    return plain.target() if plain.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ARRAY) else type_


def is_structure(type_: gdb.Type) -> bool:
    """Return whether the type is a structure or union."""
    return type_.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


def is_function_pointer(type_: gdb.Type) -> bool:
    """Return whether the type is a pointer to a function."""
    plain = type_.strip_typedefs()
    return plain.code == gdb.TYPE_CODE_PTR and plain.target().strip_typedefs().code == gdb.TYPE_CODE_FUNC


def type_name(type_: gdb.Type) -> str:
    """Return the name of the type in the source; "(unnamed)" when it has none."""
    return type_.unqualified().name or type_.strip_typedefs().tag or "(unnamed)"


def _array_element(type_: gdb.Type) -> Optional[gdb.Type]:
    """Return the element type of an array; None for another type, or when the elements have no size."""
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
    """A slot in a static variable of the program: its name, the variable, and where the variable is defined."""

    def __init__(self, name: str, symbol: str, file: str, line: int) -> None:
        self.name = name
        self.symbol = symbol
        self.file = file
        self.line = line


def name_in_scope(address: int, displacement: Optional[int] = None, frame: Optional[gdb.Frame] = None) -> str:
    """Return the name of the slot at `address` in the scope of `frame`, by default the innermost frame.

    With `displacement`, the offset in bytes in the instruction that loads the slot, expressions in the source line
    give the name when variables cannot be read any more. Returns "" when there is not exactly one name.
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
    """Return the member that the source line of `frame` calls and that is `displacement` bytes into its structure.

    Returns "" when there is not exactly one such member.
    """
    frame.select()
    names = set(_names_by_types("".join(_source_lines(frame)), displacement))
    return names.pop() if len(names) == 1 else ""


def static_slot(address: int) -> Optional[StaticSlot]:
    """Return the slot at `address` if it is in a static variable of the program; None otherwise."""
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
    """Return the local variable or parameter at `address` in the innermost frame; "" when there is none."""
    frame = gdb.newest_frame()
    for symbol in _variables(frame):
        value = _read_value(symbol, frame)
        if value is not None and value.address is not None and int(value.address) == address:
            return str(symbol.print_name)
    return ""


def called_variable(address: int) -> str:
    """Return the variable that the source line of the instruction at `address` calls; "" when there is not
    exactly one."""
    sal = gdb.find_pc_line(address)
    if sal.symtab is None:
        return ""
    block = gdb.block_for_pc(address)
    text = source_line(sal.symtab.fullname(), sal.line)
    symbols = {name: gdb.lookup_symbol(name, block)[0] for name in _CALLED_NAME.findall(text)} if block else {}
    matches = [
        name
        for name, symbol in symbols.items()
        if symbol is not None and symbol.type is not None and is_function_pointer(symbol.type)
    ]
    return matches[0] if len(matches) == 1 else ""


def _names_by_variables(frame: gdb.Frame, address: int) -> Iterator[str]:
    """Yield the names of function pointers at `address` in variables in scope, or in structures that these
    point to."""
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
    """Yield the expressions in the source text, such as `s->ops->cb`, whose value is at `address`."""
    for expression in _MEMBER_EXPRESSION.findall(text):
        try:
            value = gdb.parse_and_eval(expression)
            if value.address is None or int(value.address) != address:
                continue
            yield _expression_name(expression)
        except (gdb.error, RuntimeError):  # not a variable here, or optimised out
            continue


def _names_by_types(text: str, displacement: int) -> Iterator[str]:
    """Yield the expressions in the source text whose last member is a function pointer at this displacement in
    bytes."""
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
    """Return the structure that an expression such as `s->ops` is or points to; its value is not needed."""
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
    """Yield the variables and parameters in scope, also those of the functions that the frame is inlined into."""
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
    """Yield the source lines of the statement at the frame's line, up to four: a call may span several lines."""
    sal = frame.find_sal()
    if sal.symtab is None:
        return
    for number in range(sal.line - 1, sal.line + 3):
        yield source_line(sal.symtab.fullname(), number)
