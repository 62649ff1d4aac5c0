"""Where function pointers lie in structures, told by the debug information's types."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional

import gdb

_DEEPEST = 12  # structures within each other


class TypeMember(NamedTuple):
    """A member of a structure or union; the name is "" for an anonymous one, the offset in bytes."""

    name: str
    offset: int
    type: gdb.Type


def member_at(kind: gdb.Type, offset: int) -> str:
    """`Structure.field` of the innermost structure in `kind` with a function pointer at `offset`; "" for none."""
    for _ in range(_DEEPEST):
        field = _field_at(kind, offset)
        if field is None:
            return ""
        rest = offset - field.offset
        if is_function_pointer(field.type):
            return "%s.%s" % (type_name(kind), field.name) if rest == 0 else ""
        element = _element(field.type)
        if element is not None and is_function_pointer(element):
            return "%s.%s[%d]" % (type_name(kind), field.name, rest // element.sizeof)
        if element is not None:
            kind, offset = element, rest % element.sizeof
        elif field.name:
            kind, offset = field.type, rest
        else:  # the members of an anonymous structure belong to the one around it
            inner = member_at(field.type, rest)
            return "%s.%s" % (type_name(kind), inner.partition(".")[2]) if inner else ""
    return ""


def path_at(kind: gdb.Type, offset: int) -> Optional[str]:
    """How the source names the function pointer at `offset` of a variable: `[1].init`; None when it is none."""
    if is_function_pointer(kind):
        return "" if offset == 0 else None
    element = _element(kind)
    if element is not None:
        rest = path_at(element, offset % element.sizeof)
        return None if rest is None else "[%d]%s" % (offset // element.sizeof, rest)
    field = _field_at(kind, offset)
    if field is None:
        return None
    rest = path_at(field.type, offset - field.offset)
    return None if rest is None else (".%s%s" % (field.name, rest) if field.name else rest)


def fields_of(kind: gdb.Type) -> Iterator[TypeMember]:
    """The members of a structure or union; none for another type."""
    if not is_structure(kind):
        return
    for field in kind.strip_typedefs().fields():
        bits = getattr(field, "bitpos", None)  # static members of C++ have none
        if bits is not None and field.type is not None:
            yield TypeMember(field.name or "", bits // 8, field.type)


def field_named(kind: gdb.Type, name: str) -> Optional[TypeMember]:
    """The member of that name, those of anonymous structures included."""
    for field in fields_of(kind):
        if field.name == name:
            return field
        inner = field_named(field.type, name) if not field.name else None
        if inner is not None:
            return inner._replace(offset=field.offset + inner.offset)
    return None


def pointed_to(kind: gdb.Type) -> gdb.Type:
    """What a pointer points to, or an array consists of; other types as they are."""
    plain = kind.strip_typedefs()
    return plain.target() if plain.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ARRAY) else kind


def is_structure(kind: gdb.Type) -> bool:
    """Whether the type has members."""
    return kind.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


def is_function_pointer(kind: gdb.Type) -> bool:
    """Whether the type is a pointer to a function."""
    plain = kind.strip_typedefs()
    return plain.code == gdb.TYPE_CODE_PTR and plain.target().strip_typedefs().code == gdb.TYPE_CODE_FUNC


def type_name(kind: gdb.Type) -> str:
    """What the source calls the type."""
    return kind.unqualified().name or kind.strip_typedefs().tag or "(unnamed)"


def _element(kind: gdb.Type) -> Optional[gdb.Type]:
    """The type of an array's elements; None when it is no array, or they have no size."""
    plain = kind.strip_typedefs()
    if plain.code != gdb.TYPE_CODE_ARRAY or not plain.target().sizeof:
        return None
    return plain.target()


def _field_at(kind: gdb.Type, offset: int) -> Optional[TypeMember]:
    covering = (f for f in fields_of(kind) if f.offset <= offset < f.offset + f.type.sizeof)
    return next(covering, None)
