"""Sanitizes the texts of results: names come from an untrusted program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TypeVar

from analyzer.text import visible

MAX_TEXT_LENGTH = 300  # characters of a name or a reason that are shown

_Value = TypeVar("_Value")


def sanitized(value: _Value, max_length: int = MAX_TEXT_LENGTH) -> _Value:
    """Return a copy of `value` with each text on one line, printable, in at most `max_length` characters."""
    return map_texts(value, lambda text: _sanitized_text(text, max_length))


def map_texts(value: _Value, change: Callable[[str], str]) -> _Value:
    """Return a copy of `value` with `change` applied to each text in it, at any depth; members of enums stay."""
    result: object = value
    if isinstance(value, Enum):
        pass
    elif isinstance(value, str):
        result = change(value)
    elif isinstance(value, tuple):
        items = tuple(map_texts(item, change) for item in value)
        result = value._make(items) if hasattr(value, "_make") else items  # a named tuple stays one
    elif isinstance(value, list):
        result = [map_texts(item, change) for item in value]
    elif isinstance(value, dict):
        result = {map_texts(key, change): map_texts(item, change) for key, item in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        result = replace(value, **{f.name: map_texts(getattr(value, f.name), change) for f in fields(value)})
    return result  # type: ignore[return-value]


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
