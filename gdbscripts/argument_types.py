"""Tells from the type of an argument how gdb's `bt` prints it."""

from __future__ import annotations

from typing import NamedTuple, Optional

import gdb

AGGREGATE_TYPES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
_SCALAR_TYPES = (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL)
_TEXT_TYPES = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR)  # targets of pointers that gdb may print as texts
_WIDE_CHARACTERS = ("wchar_t", "char16_t", "char32_t")


class PrintedKind(NamedTuple):
    """The fields of `Argument` that depend on its type."""

    scalar: str
    text: bool
    aggregate: bool


def kind_of(kind: Optional[gdb.Type]) -> PrintedKind:
    """Return how an argument of a type is printed; None for an argument without a type."""
    stripped = without_typedefs(kind) if kind is not None else None
    code = stripped.code if stripped is not None else 0
    target = stripped.target() if stripped is not None and code == gdb.TYPE_CODE_PTR else None
    element = without_typedefs(target) if target is not None else None
    if target is not None and element is not None and element.code in _TEXT_TYPES and _is_printed_as_text(target):
        return PrintedKind("", element.sizeof == 1, False)
    return PrintedKind(str(kind) if code in _SCALAR_TYPES else "", False, code in AGGREGATE_TYPES)


def _is_printed_as_text(target: gdb.Type) -> bool:
    """Return whether gdb may print a text for a pointer to this type, by the rule of c_textual_element_type in its
    c-lang.c."""
    kind = target
    while kind.code == gdb.TYPE_CODE_TYPEDEF:
        if kind.name in _WIDE_CHARACTERS:
            return True
        kind = kind.target()
    return kind.code == gdb.TYPE_CODE_CHAR or kind.name in _WIDE_CHARACTERS or kind.sizeof == 1


def without_typedefs(kind: gdb.Type) -> gdb.Type:
    """Return the type behind typedefs, as `strip_typedefs`, but without the members of an incomplete structure.

    `strip_typedefs` looks for those in the whole program, which takes gdb longer than all else at a stop.
    """
    while kind.code == gdb.TYPE_CODE_TYPEDEF:
        kind = kind.target()
    return kind
