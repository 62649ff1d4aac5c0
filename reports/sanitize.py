"""Sanitizes the texts of results: names come from an untrusted program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache, lru_cache
from operator import is_
from typing import Any, TypeVar

from analyzer.text import visible

MAX_TEXT_LENGTH = 300  # characters of a name or a reason that are shown

_Value = TypeVar("_Value")


def sanitized(value: _Value, max_length: int = MAX_TEXT_LENGTH) -> _Value:
    """Return a copy of `value` with each text on one line, printable, in at most `max_length` characters."""
    return map_texts(value, lambda text: _sanitized_text(text, max_length))


def map_texts(value: _Value, change: Callable[[str], str]) -> _Value:
    """Return a copy of `value` with `change` applied to each text in it, at any depth; members of enums stay.

    `change` gives equal texts for equal texts. Parts without a changed text may be those of `value` itself.
    """
    result: _Value = _TextMapper(change).map(value)
    return result


class _TextMapper:
    """Applies `change` to texts. It maps each value once: many chains share their rows and steps."""

    def __init__(self, change: Callable[[str], str]) -> None:
        self._change = change
        self._texts: dict[str, str] = {}
        self._mapped: dict[int, tuple[object, Any]] = {}  # id -> value, which keeps the id taken, and its copy

    def map(self, value: Any) -> Any:
        """Return the copy of `value`; the same value gives the same copy."""
        if type(value) is str:
            return self._text(value)
        if value is None or isinstance(value, (int, Enum)):
            return value
        found = self._mapped.get(id(value))
        if found is None:
            found = self._mapped[id(value)] = value, self._copy(value)
        return found[1]

    def _text(self, text: str) -> str:
        changed = self._texts.get(text)
        if changed is None:
            changed = self._texts[text] = self._change(text)
        return text if changed == text else changed

    def _copy(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return self._copy_of_tuple(value)
        if isinstance(value, list):
            return [self.map(item) for item in value]
        if isinstance(value, dict):
            return {self.map(key): self.map(item) for key, item in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            names = _field_names(type(value))
            before = [getattr(value, name) for name in names]
            after = list(map(self.map, before))
            return value if _are_same(before, after) else replace(value, **dict(zip(names, after, strict=True)))
        return self._change(value) if isinstance(value, str) else value

    def _copy_of_tuple(self, value: Any) -> Any:
        known = self._mapped  # most rows of a chain are known: a call for each would take half of the time
        items = tuple(found[1] if (found := known.get(id(item))) else self.map(item) for item in value)
        if _are_same(items, value):
            return value
        return value._make(items) if hasattr(value, "_make") else items  # a named tuple stays one


def _are_same(first: Iterable[object], second: Iterable[object]) -> bool:
    return all(map(is_, first, second))


@cache
def _field_names(dataclass: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(dataclass))


def one_line(text: str) -> str:
    """Return `text` with unprintable characters escaped, such as line ends and bidirectional controls."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in visible(text))


def truncate_middle(text: str, max_length: int) -> str:
    """Return `text` in at most `max_length` characters: if longer, its beginning, "…" and its end."""
    if len(text) <= max_length:
        return text
    head = (max_length - 1) * 2 // 3
    tail = max_length - 1 - head
    return f"{text[:head]}…{text[-tail:] if tail > 0 else ''}"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


@lru_cache(maxsize=4096)
def _sanitized_text(text: str, max_length: int) -> str:
    return truncate_middle(one_line(text), max_length)
